#include "common/tz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After the last transition the footer's rule holds: "CET-1CEST,M3.5.0,M10.5.0/3". */
struct rule {
    int month, week, weekday, second;
};

struct tz {
    char name[48];
    int transitions;
    int64_t *at;
    int *offset; /* offset[i] holds from at[i] on */
    int first_offset, std_offset, dst_offset;
    bool has_rule;
    struct rule start, end;
    struct tz *next;
};

static struct tz *cache;

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = n == 8 ? 0 : (p[0] & 0x80 ? ~UINT64_C(0) : 0);
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

static const char *skip_name(const char *p)
{
    if (*p == '<') {
        while (*p && *p != '>')
            p++;
        return *p ? p + 1 : p;
    }
    while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
        p++;
    return p;
}

static const char *read_hms(const char *p, int *seconds)
{
    int sign = *p == '-' ? -1 : 1, unit = 3600;
    if (*p == '-' || *p == '+')
        p++;
    *seconds = 0;
    for (;; p++, unit /= 60) {
        char *end;
        *seconds += (int)strtol(p, &end, 10) * unit;
        p = end;
        if (*p != ':' || unit == 1)
            break;
    }
    *seconds *= sign;
    return p;
}

static const char *read_rule(const char *p, struct rule *r)
{
    int n = 0;
    r->second = 7200;
    if (sscanf(p, ",M%d.%d.%d%n", &r->month, &r->week, &r->weekday, &n) != 3)
        return NULL;
    p += n;
    return *p == '/' ? read_hms(p + 1, &r->second) : p;
}

static void read_footer(struct tz *tz, const char *p)
{
    int seconds;
    p = read_hms(skip_name(p), &seconds);
    tz->std_offset = -seconds;
    tz->dst_offset = tz->std_offset + 3600;
    p = skip_name(p);
    if (*p && *p != ',') {
        p = read_hms(p, &seconds);
        tz->dst_offset = -seconds;
    }
    p = read_rule(p, &tz->start);
    tz->has_rule = p && read_rule(p, &tz->end);
}

static bool parse(struct tz *tz, const unsigned char *p, size_t size)
{
    int64_t counts[6];                     /* isutcnt isstdcnt leapcnt timecnt typecnt charcnt */
    for (int pass = 0; pass < 2; pass++) { /* the first, 32-bit block is skipped */
        if (size < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
            return false;
        for (int i = 0; i < 6; i++)
            counts[i] = big_endian(p + 20 + 4 * i, 4);
        if (pass)
            break;
        size_t skip =
            (size_t)(44 + counts[3] * 5 + counts[4] * 6 + counts[5] + counts[2] * 8 + counts[1] + counts[0]);
        if (skip > size)
            return false;
        p += skip;
        size -= skip;
    }
    int64_t n = counts[3], types = counts[4];
    size_t need = (size_t)(44 + n * 9 + types * 6 + counts[5] + counts[2] * 12 + counts[1] + counts[0]);
    if (need + 2 > size || !types)
        return false;
    const unsigned char *times = p + 44, *index = times + n * 8, *type = index + n;
    tz->transitions = (int)n;
    tz->at = calloc((size_t)n + 1, sizeof *tz->at);
    tz->offset = calloc((size_t)n + 1, sizeof *tz->offset);
    if (!tz->at || !tz->offset)
        return false;
    tz->first_offset = (int)big_endian(type, 4);
    for (int64_t i = 0; i < n; i++) {
        if (index[i] >= types)
            return false;
        tz->at[i] = big_endian(times + i * 8, 8);
        tz->offset[i] = (int)big_endian(type + 6 * index[i], 4);
    }
    char footer[64] = "";
    size_t left = size - need - 1;
    for (size_t i = 0; i < left && i < sizeof footer - 1 && p[need + 1 + i] != '\n'; i++)
        footer[i] = (char)p[need + 1 + i];
    read_footer(tz, footer);
    return true;
}

const struct tz *tz_get(const char *name)
{
    for (struct tz *t = cache; t; t = t->next)
        if (!strcmp(t->name, name))
            return t;
    const char *root = getenv("QUANTA_TZDIR");
    char path[256];
    if (strstr(name, "..") || strlen(name) >= sizeof cache->name)
        return NULL;
    snprintf(path, sizeof path, "%s/%s", root ? root : "/usr/share/zoneinfo", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    static unsigned char bytes[65536];
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct tz *tz = calloc(1, sizeof *tz);
    if (!tz || !parse(tz, bytes, size)) {
        if (tz) {
            free(tz->at);
            free(tz->offset);
        }
        free(tz);
        return NULL;
    }
    snprintf(tz->name, sizeof tz->name, "%s", name);
    tz->next = cache;
    return cache = tz;
}

static int64_t rule_instant(const struct rule *r, int year, int offset)
{
    date first = date_make(year, r->month, 1);
    int shift = (r->weekday + 7 - date_weekday(first) % 7) % 7 + 7 * (r->week - 1);
    while (shift >= date_days_in_month(year, r->month))
        shift -= 7;
    return (int64_t)(first + shift) * 86400 + r->second - offset;
}

int tz_offset(const struct tz *tz, int64_t t)
{
    int n = tz->transitions;
    if (n && t < tz->at[n - 1]) {
        if (t < tz->at[0])
            return tz->first_offset;
        int low = 0, high = n - 1;
        while (high - low > 1) {
            int mid = (low + high) / 2;
            if (tz->at[mid] <= t)
                low = mid;
            else
                high = mid;
        }
        return tz->offset[low];
    }
    if (!tz->has_rule)
        return n ? tz->offset[n - 1] : tz->first_offset;
    int year, month, day;
    date_split((date)((t >= 0 ? t : t - 86399) / 86400), &year, &month, &day);
    int64_t start = rule_instant(&tz->start, year, tz->std_offset);
    int64_t end = rule_instant(&tz->end, year, tz->dst_offset);
    bool dst = start < end ? t >= start && t < end : t >= start || t < end;
    return dst ? tz->dst_offset : tz->std_offset;
}

int64_t tz_instant(const struct tz *tz, date day, int second)
{
    int64_t local = (int64_t)day * 86400 + second;
    int before = tz_offset(tz, local - 86400), after = tz_offset(tz, local + 86400);
    int64_t first = local - before, second_try = local - after;
    if (tz_offset(tz, first) == before)
        return first;
    if (tz_offset(tz, second_try) == after)
        return second_try;
    int64_t low = second_try < first ? second_try : first, high = low == first ? second_try : first;
    while (high - low > 1) { /* skipped by the clocks: find the change itself */
        int64_t mid = low + (high - low) / 2;
        if (tz_offset(tz, mid) == before)
            low = mid;
        else
            high = mid;
    }
    return high;
}

date tz_local(const struct tz *tz, int64_t utc, int *second_of_day)
{
    int64_t local = utc + tz_offset(tz, utc);
    int64_t day = (local >= 0 ? local : local - 86399) / 86400;
    if (second_of_day)
        *second_of_day = (int)(local - day * 86400);
    return (date)day;
}
