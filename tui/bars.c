/* The first line says where and when you are, the last one whether to trust it. */
#include <stdio.h>
#include <string.h>
#include "common/text.h"
#include "common/tz.h"
#include "tui/app.h"

#define DESK_ZONE "Europe/Berlin"

/* Writes one part and returns where the next begins. */
static int part(struct canvas *c, int y, int x, enum ink role, const char *text)
{
    return x + canvas_text(c, y, x, text_width(text), role, text);
}

static enum ink market_role(uint8_t kind)
{
    return kind == MARKET_LIVE ? LIVE : kind == MARKET_REPLAY ? REPLAY : SIM;
}

static const char *market_name(const struct desk *d)
{
    return !d ? "----" : d->market == MARKET_LIVE ? "LIVE" : d->market == MARKET_REPLAY ? "REPLAY" : "SIM";
}

/* "23-Nov". */
static void short_date(date d, char *out, size_t room)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int y, m, day;
    *out = 0;
    if (d == DATE_NONE)
        return;
    date_split(d, &y, &m, &day);
    snprintf(out, room, "%02d-%.3s", day, months + 3 * (m - 1));
}

static void clock_text(int64_t now, char *out, size_t room)
{
    static const char days[] = "MonTueWedThuFriSatSun";
    char utc[TIME_TEXT], day[TIME_TEXT];
    const struct tz *tz = tz_get(DESK_ZONE);
    int second = 0;
    time_format(now / SECOND * SECOND, utc);
    date d = (date)(now / SECOND / 86400);
    date_format(d, day);
    size_t n = (size_t)snprintf(out, room, "%.3s %s %.8sZ", days + 3 * (date_weekday(d) - 1), day, utc + 11);
    if (tz && n < room) {
        tz_local(tz, now / SECOND, &second);
        snprintf(out + n, room - n, " %02d:%02d %s", second / 3600, second / 60 % 60,
                 tz_offset(tz, now / SECOND) == 3600 ? "CET" : "CEST");
    }
}

void bars_top(struct app *a, struct canvas *c)
{
    const struct desk *d = table_find(app_table(a, RECORD_desk), "firm");
    char text[200], when[80], open[16], settle[16];
    canvas_text(c, 0, 0, c->cols, STATUS, "");
    snprintf(text, sizeof text, " %s ", market_name(d));
    int x = part(c, 0, 0, d ? market_role(d->market) : STALE, text) + 1;
    if (!d) {
        part(c, 0, x, MUTED, "waiting for the backend");
        return;
    }
    clock_text(d->market == MARKET_REPLAY ? d->time : app_now(a), when, sizeof when);
    short_date(d->business_date, open, sizeof open);
    if (d->market == MARKET_REPLAY) { /* another year than the clock's */
        char date_text[TIME_TEXT];
        snprintf(open, sizeof open, "%.10s", date_format(d->business_date, date_text));
    }
    short_date(d->settle_date, settle, sizeof settle);
    if (c->cols < 100) { /* a narrow screen has the date that matters */
        snprintf(text, sizeof text, "%.24s  business %s  ", when, open);
        x = part(c, 0, x, STATUS, text);
    } else {
        snprintf(text, sizeof text, "%s   business date %s   ", when, open);
        x = part(c, 0, x, STATUS, text);
    }
    if (d->halted)
        x = part(c, 0, x, HIGH, "HALTED   ");
    if (d->paused)
        x = part(c, 0, x, WARN, "market paused   ");
    bool live = d->marks == MARKS_LIVE;
    snprintf(text, sizeof text, "marks %s", live ? "LIVE" : "STALE");
    x = part(c, 0, x, live ? STATUS : STALE, text);
    if (*settle && c->cols >= 100) {
        snprintf(text, sizeof text, " (settle %s final)   ", settle);
        x = part(c, 0, x, STATUS, text);
    }
    if (d->eurusd != DEC_NONE && c->cols >= 100) {
        char rate[DEC_TEXT];
        dec_format_places(d->eurusd, 4, false, rate);
        snprintf(text, sizeof text, "EURUSD %s", rate);
        x = part(c, 0, x, STATUS, text);
    }
    if (d->speed != DEC_NONE) {
        dec_format(d->speed, when);
        snprintf(text, sizeof text, "   %.20s days/s", when);
        part(c, 0, x, STATUS, text);
    }
}

struct figures {
    int working, doubt, alerts;
    bool high;
    dec var_share, day;
};

static void count(struct app *a, struct figures *f)
{
    *f = (struct figures){.var_share = DEC_NONE, .day = DEC_NONE};
    struct table *orders = app_table(a, RECORD_order), *alerts = app_table(a, RECORD_alert),
                 *limits = app_table(a, RECORD_limit);
    table_each(orders, const struct order, o)
    {
        bool over = o->status == STATUS_FILLED || o->status == STATUS_CANCELLED ||
                    o->status == STATUS_REJECTED || o->status == STATUS_EXPIRED;
        f->working += !over;
        f->doubt += o->in_doubt;
    }
    table_each(alerts, const struct alert, k)
    {
        f->alerts += k->state == ALERT_OPEN;
        f->high |= k->state == ALERT_OPEN && k->severity == SEVERITY_HIGH;
    }
    table_each(limits, const struct limit, l) if (l->measure == MEASURE_VAR && l->share != DEC_NONE &&
                                                  l->share > f->var_share) f->var_share = l->share;
    const struct pnl *p = table_find(app_table(a, RECORD_pnl), "FIRM/live");
    f->day = p ? p->day : DEC_NONE;
}

static int feeds(struct app *a, struct canvas *c, int y, int x)
{
    char text[60];
    struct table *tiers = app_table(a, RECORD_tier);
    table_each(tiers, const struct tier, t)
    {
        struct shown age = {.role = STATUS};
        if (!strncmp(t->tier, "feed ", 5)) {
            format_age(t->time, app_now(a), 5 * SECOND, &age);
            bool bad = strcmp(t->state, "ok") != 0 || age.role == STALE;
            snprintf(text, sizeof text, "%.12s %.8s%s ", t->tier + 5, age.text,
                     bad && strcmp(t->state, "paused") != 0 ? " STALE" : "");
            if (a->low_bandwidth && !bad)
                snprintf(text, sizeof text, "%.12s ", t->tier + 5);
            x = part(c, y, x, bad ? WARN : STATUS, text);
        } else if (strcmp(t->state, "ok") != 0) {
            snprintf(text, sizeof text, "%.12s %.24s ", t->tier, t->state);
            x = part(c, y, x, HIGH, text);
        }
    }
    return x;
}

static int link_part(struct canvas *c, int y, int x, const struct link_state *s)
{
    char text[200];
    if (!s->connected)
        snprintf(text, sizeof text, "| NO LINK: %.80s ", s->problem);
    else if (s->latency_ms > 0)
        snprintf(text, sizeof text, "| link %.0fms ", s->latency_ms < 1 ? 1 : s->latency_ms);
    else
        snprintf(text, sizeof text, "| link ok ");
    return part(c, y, x, s->connected ? STATUS : HIGH, text);
}

void bars_bottom(struct app *a, struct canvas *c, int y)
{
    char text[200];
    struct link_state s;
    struct figures f;
    struct shown day = {.role = STATUS};
    client_state(a->client, &s);
    const char *book = app_book(a);
    snprintf(text, sizeof text, "| %.32s %.24s | %s ", s.user, book, a->readonly ? "READ ONLY" : "DISARMED");
    client_lock(a->client);
    const struct desk *d = table_find(app_table(a, RECORD_desk), "firm");
    canvas_text(c, y, 0, c->cols, STATUS, "");
    int x = part(c, y, 0, d ? market_role(d->market) : STALE, market_name(d)) + 1;
    x = part(c, y, x, STATUS, text);
    x = part(c, y, x, STATUS, "| ");
    x = feeds(a, c, y, x);
    x = link_part(c, y, x, &s);
    count(a, &f);
    client_unlock(a->client);
    snprintf(text, sizeof text, "| %d working ", f.working);
    x = part(c, y, x, STATUS, text);
    snprintf(text, sizeof text, "%d in doubt ", f.doubt + sent_count(a->sent));
    x = part(c, y, x, f.doubt + sent_count(a->sent) ? WARN : STATUS, text);
    snprintf(text, sizeof text, "| alerts %d%s ", f.alerts, f.high ? " HIGH" : "");
    x = part(c, y, x, f.high ? HIGH : f.alerts ? WARN : STATUS, text);
    if (f.var_share != DEC_NONE) {
        dec_format_places(f.var_share, 0, false, text);
        size_t n = strlen(text);
        memmove(text + 6, text, n + 1);
        memcpy(text, "| VaR ", 6);
        strcat(text, "% ");
        x = part(c, y, x,
                 f.var_share > DEC_INT(100)   ? HIGH
                 : f.var_share >= DEC_INT(80) ? WARN
                                              : STATUS,
                 text);
    }
    format_money(f.day, &day);
    x = part(c, y, x, STATUS, "| day ");
    x = part(c, y, x, day.role, day.text);
    part(c, y, x, STATUS, " EUR");
}
