#include "common/product.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/tz.h"
#include "common/text.h"

#define P(code, name, lot, unit, price_unit, scale, ccy, tick, profile, zone, cal, expiry, neg, venue, mode, \
          months)                                                                                            \
    {#code,                                                                                                  \
     name,                                                                                                   \
     DEC_INT(lot),                                                                                           \
     unit,                                                                                                   \
     price_unit,                                                                                             \
     DEC_INT(scale),                                                                                         \
     ccy,                                                                                                    \
     (dec)((tick)*1e6 + 0.5),                                                                                \
     PROFILE_##profile,                                                                                      \
     zone,                                                                                                   \
     0,                                                                                                      \
     cal,                                                                                                    \
     EXPIRY_##expiry,                                                                                        \
     neg,                                                                                                    \
     venue,                                                                                                  \
     CHANGE_##mode,                                                                                          \
     months},
static struct product list[] = {
#include "common/products.def"
};
#undef P
static const int count = sizeof list / sizeof *list;

const struct product *product_at(int index)
{
    return index >= 0 && index < count ? &list[index] : NULL;
}

__attribute__((constructor)) static void resolve(void)
{
    for (int i = 0; i < count; i++)
        list[i].calendar = calendar_named(list[i].calendar_name);
}

const struct product *product_named(const char *code)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(list[i].code, code))
            return &list[i];
    return NULL;
}

static int peak_hours(const struct product *p, date day)
{
    if (!strcmp(p->calendar_name, "NERC"))
        return calendar_business(CALENDAR_NERC, day) ? 16 : 0;
    return date_weekday(day) <= 5 ? 12 : 0;
}

int product_hours(const struct product *p, date from, date to)
{
    if (p->profile == PROFILE_FLAT)
        return 0;
    if (p->profile == PROFILE_PEAK) {
        int hours = 0;
        for (date d = from; d < to; d++)
            hours += peak_hours(p, d);
        return hours;
    }
    const struct tz *tz = tz_get(p->zone);
    int start = p->profile == PROFILE_GAS_DAY ? 6 * 3600 : 0;
    if (!tz)
        return (to - from) * 24;
    return (int)((tz_instant(tz, to, start) - tz_instant(tz, from, start)) / 3600);
}

static date brent_expiry(date month)
{
    if (month >=
        date_make(2016, 3, 1)) { /* last business day of the second month before, off year-end eves */
        date d = calendar_add(CALENDAR_UK, date_month_start(month, -1), -1);
        int y, m, day;
        date_split(d, &y, &m, &day);
        date next = calendar_add(CALENDAR_UK, d, 1);
        bool before_new_year = m == 12 && next > date_make(y, 12, 31);
        return before_new_year ? calendar_add(CALENDAR_UK, d, -1) : d;
    }
    date fifteenth = month - 15; /* contracts to February 2016 */
    if (!calendar_business(CALENDAR_UK, fifteenth))
        fifteenth = calendar_add(CALENDAR_UK, fifteenth, -1);
    return calendar_add(CALENDAR_UK, fifteenth, -1);
}

date product_last_trade(const struct product *p, date month)
{
    date anchor;
    int y, m, d;
    switch (p->expiry) {
    case EXPIRY_NG:
        return calendar_add(p->calendar, month, -3);
    case EXPIRY_CL:
        anchor = date_month_start(month, -1) + 24;
        if (!calendar_business(p->calendar, anchor))
            anchor = calendar_add(p->calendar, anchor, -1);
        return calendar_add(p->calendar, anchor, -3);
    case EXPIRY_BRENT:
        return brent_expiry(month);
    case EXPIRY_MONTH_BEFORE:
        return calendar_add(p->calendar, month, -1);
    case EXPIRY_TWO_DAYS:
        return calendar_add(p->calendar, month, -2);
    case EXPIRY_LAST_MONDAY:
        date_split(month, &y, &m, &d);
        anchor = date_make(y, m, date_days_in_month(y, m));
        anchor -= date_weekday(anchor) - 1;
        for (d = 0; d < 5; d++)
            if (!calendar_business(p->calendar, anchor + d) && date_weekday(anchor + d) <= 5)
                return anchor - 7;
        return anchor;
    }
    return month;
}

date product_front(const struct product *p, date day)
{
    date month = date_month_start(day, 0);
    while (product_last_trade(p, month) < day)
        month = date_month_start(month, 1);
    return month;
}

char month_letter(int month)
{
    return "FGHJKMNQUVXZ"[month - 1];
}

static void copy_text(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from);
}
#define COPY(field, from) copy_text(field, sizeof(field), from)

void product_instrument(const struct product *p, date month, struct instrument *out)
{
    record_clear(RECORD(instrument), out);
    struct period period = {p, month, date_month_start(month, 1), TIME_NONE};
    char name[25];
    period_name(&period, name);
    COPY(out->instrument, name);
    COPY(out->product, p->code);
    out->kind = KIND_FUTURE;
    out->lot_quantity = p->lot ? p->lot : DEC_INT(product_hours(p, period.start, period.end));
    COPY(out->unit, p->unit);
    COPY(out->price_unit, p->price_unit);
    out->price_scale = p->price_scale;
    COPY(out->currency, p->currency);
    out->tick = p->tick;
    out->profile = p->profile;
    COPY(out->zone, p->zone);
    COPY(out->calendar, p->calendar_name);
    out->delivery_start = period.start;
    out->delivery_end = period.end;
    out->last_trade = product_last_trade(p, month);
    out->negative_price = p->negative;
    COPY(out->venue, p->venue);
    out->change_mode = p->changes;
}

void period_name(const struct period *p, char out[25])
{
    int y, m, d, months = 0;
    date_split(p->start, &y, &m, &d);
    const char *code = p->product->code;
    if (p->hour != TIME_NONE) {
        char when[TIME_TEXT];
        time_format(p->hour, when);
        snprintf(out, 25, "%s-H-%.4s%.2s%.2sT%.2sZ", code, when, when + 5, when + 8, when + 11);
        return;
    }
    while (months <= 13 && date_month_start(p->start, months) < p->end)
        months++;
    int yy = y % 100;
    if (d != 1 || date_month_start(p->start, months) != p->end)
        snprintf(out, 25, "%s-D-%04d%02d%02d", code, y, m, d);
    else if (months == 1)
        snprintf(out, 25, "%s%c%02d", code, month_letter(m), yy);
    else if (months == 3)
        snprintf(out, 25, "%s-Q%d-%02d", code, (m - 1) / 3 + 1, yy);
    else if (months == 6)
        snprintf(out, 25, "%s-%s-%02d", code, m == 4 ? "SUM" : "WIN", yy);
    else
        snprintf(out, 25, "%s-%s-%02d", code, m == 10 ? "GY" : "CAL", m == 10 ? (y + 1) % 100 : yy);
}

static bool months_of(struct period *p, int year, int month, int months)
{
    if (month < 1 || month > 12)
        return false;
    p->start = date_make(year < 100 ? 2000 + year : year, month, 1);
    p->end = date_month_start(p->start, months);
    return true;
}

static int month_named(const char *s)
{
    static const char names[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    for (int i = 0; i < 12; i++)
        if (!strncmp(s, names + 3 * i, 3))
            return i + 1;
    return 0;
}

static bool relative_period(const char *s, date today, struct period *p)
{
    enum calendar cal = p->product->calendar;
    int n, used = 0;
    if (sscanf(s, "M+%d%n", &n, &used) == 1 && !s[used] && n > 0 && n < 100) {
        p->start = date_month_start(today, n);
        p->end = date_month_start(today, n + 1);
    } else if (!strcmp(s, "DA")) {
        p->start = today + 1;
        p->end = today + 2;
    } else if (!strcmp(s, "WD") || !strcmp(s, "NBD")) {
        p->start = calendar_add(cal, today, 1);
        p->end = p->start + 1;
    } else if (!strcmp(s, "WE")) {
        p->start = today + 6 - date_weekday(today);
        if (date_weekday(today) == 7)
            p->start = today + 6;
        p->end = p->start + 2;
    } else if (!strcmp(s, "BOM")) {
        p->start = today + 1;
        p->end = date_month_start(today, 1);
    } else
        return false;
    return p->start < p->end;
}

static bool day_or_hour(const char *s, struct period *p)
{
    int y, m, d, h, used = 0;
    if (sscanf(s, "D-%4d%2d%2d%n", &y, &m, &d, &used) == 3 && used == 10 && !s[10]) {
    } else if (sscanf(s, "H-%4d%2d%2dT%2dZ%n", &y, &m, &d, &h, &used) == 4 && used == 14 && !s[14] &&
               h < 24) {
    } else
        return false;
    if (m < 1 || m > 12 || d < 1 || d > date_days_in_month(y, m))
        return false;
    p->start = date_make(y, m, d);
    p->end = p->start + 1;
    if (*s == 'H')
        p->hour = ((int64_t)p->start * 24 + h) * 3600 * SECOND;
    return true;
}

/* A year of two or four digits and nothing behind it. */
static bool read_year(const char *s, int *year)
{
    size_t n = strspn(s, "0123456789");
    if ((n != 2 && n != 4) || s[n])
        return false;
    *year = atoi(s);
    return true;
}

static bool named_period(const char *s, struct period *p)
{
    static const char letters[] = "FGHJKMNQUVXZ";
    static const struct {
        const char *name;
        int month, months, years; /* years: from the name's year to that of the start */
    } seasons[] = {{"SUM-", 4, 6, 0}, {"WIN-", 10, 6, 0}, {"GY-", 10, 12, -1}, {"CAL-", 1, 12, 0}};
    const char *letter = *s ? strchr(letters, *s) : NULL;
    int y, n = month_named(s);
    if (letter && read_year(s + 1, &y))
        return months_of(p, y, (int)(letter - letters) + 1, 1);
    if (*s == 'Q' && s[1] >= '1' && s[1] <= '4' && s[2] == '-' && read_year(s + 3, &y))
        return months_of(p, y, 3 * (s[1] - '0') - 2, 3);
    for (size_t i = 0; i < sizeof seasons / sizeof *seasons; i++)
        if (!strncmp(s, seasons[i].name, strlen(seasons[i].name)) &&
            read_year(s + strlen(seasons[i].name), &y))
            return months_of(p, y + seasons[i].years, seasons[i].month, seasons[i].months);
    if (n && (s[3] == '-' || s[3] == ' ') && read_year(s + 4, &y))
        return months_of(p, y, n, 1);
    return day_or_hour(s, p);
}

bool period_parse(const char *text, date today, struct period *out, char *why, size_t room)
{
    char up[40], clean[40];
    size_t n = strlen(text);
    text_clean(text, clean, sizeof clean);
    *out = (struct period){.hour = TIME_NONE};
    if (n < sizeof up) {
        for (size_t i = 0; i <= n; i++)
            up[i] = (char)toupper((unsigned char)text[i]);
        /* The longest code that leaves a period wins: PJMB before nothing shorter. */
        for (size_t code = n > 4 ? 4 : n; code >= 2; code--) {
            char name[8] = "";
            memcpy(name, up, code);
            out->product = product_named(name);
            const char *rest = up + code;
            if (*rest == '-' || *rest == ' ')
                rest++;
            if (out->product && (named_period(rest, out) || relative_period(rest, today, out)))
                return true;
        }
    }
    snprintf(why, room,
             "instrument '%s': expected a product and a period, such as NGF27, TTF-Q1-27 or DEB-CAL-27",
             clean);
    return false;
}
