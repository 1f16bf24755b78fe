/* Recorded history: wide CSV files PRODUCT-settle-nearby-wide.csv with the columns date,XX01,XX02,...;
 * a blank is no settlement. Nearby columns become delivery months by each product's last trading days.
 * Rates are not in the files: EURUSD and GBPUSD stand still at illustrative figures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/external/sim/source.h"

#define COLUMNS 40
#define WARMUP  501

static const char *const products[] = {"NG", "CL", "BRN", "HO", "RB"};
static const struct {
    const char *name;
    dec price;
} rates[] = {{"EURUSD", 1160000}, {"GBPUSD", 1340000}};

struct replay {
    struct source base;
    struct history *all;
};

static bool parse_row(char *line, int depth, date *day, dec *prices)
{
    char *cell = line;
    for (int i = 0; i <= depth; i++) {
        char *end = strchr(cell, ',');
        if (end)
            *end = 0;
        if (i == 0 && !date_parse(cell, day))
            return false;
        if (i > 0 && !*cell)
            prices[i - 1] = DEC_NONE;
        else if (i > 0 && !dec_parse(cell, &prices[i - 1]))
            return false;
        cell = end ? end + 1 : cell + strlen(cell);
    }
    return true;
}

static bool read_file(struct replay *r, const char *dir, const char *product, char *why, size_t room)
{
    char path[600], line[4096];
    const struct product *p = product_named(product);
    snprintf(path, sizeof path, "%s/%s-settle-nearby-wide.csv", dir, product);
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(why, room,
                 "%s: cannot be opened; a replay folder holds %s-settle-nearby-wide.csv and its like", path,
                 product);
        return false;
    }
    int depth = 0, number = 1;
    bool ok = fgets(line, sizeof line, f) && !strncmp(line, "date,", 5);
    for (const char *c = line; ok && *c; c++)
        depth += *c == ',';
    ok = ok && depth >= 1 && depth <= COLUMNS;
    while (ok && fgets(line, sizeof line, f)) {
        dec prices[COLUMNS];
        date day;
        number++;
        line[strcspn(line, "\r\n")] = 0;
        ok = parse_row(line, depth, &day, prices);
        if (ok)
            history_append(r->all, product, depth, day, product_front(p, day), prices);
    }
    fclose(f);
    if (!ok)
        snprintf(why, room,
                 "%s:%d: expected date,%s01,... and then a date and settlements with at most six decimals",
                 path, number, product);
    return ok;
}

static const struct series *clock_series(const struct replay *r)
{
    return history_series(r->all, "CL");
}

static date next(struct source *base, date d)
{
    const struct series *s = clock_series((struct replay *)base);
    int i = series_day(s, d) + 1;
    return i < s->days ? s->dates[i] : DATE_NONE;
}

static date previous(struct source *base, date d)
{
    const struct series *s = clock_series((struct replay *)base);
    int i = series_day(s, d - 1);
    return i >= 0 ? s->dates[i] : DATE_NONE;
}

static dec rate(const char *name)
{
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (!strcmp(rates[i].name, name))
            return rates[i].price;
    return DEC_NONE;
}

/* The settlement on d, or the last one before it when that market was shut. */
static dec settle(struct source *base, const char *product, date month, date d)
{
    const struct series *s = history_series(((struct replay *)base)->all, product);
    dec price = rate(product);
    if (price != DEC_NONE || !s)
        return price;
    int i = series_day(s, d);
    return i < 0 || d - s->dates[i] > 10 ? DEC_NONE : series_price(s, i, month);
}

static double level(struct source *base, const char *product, date month, date d, double gone, int64_t now)
{
    (void)now;
    date before = previous(base, d);
    dec from = before == DATE_NONE ? DEC_NONE : settle(base, product, month, before),
        to = settle(base, product, month, d);
    if (from == DEC_NONE || to == DEC_NONE)
        return from == DEC_NONE && to == DEC_NONE ? NAN : dec_double(from == DEC_NONE ? to : from);
    return dec_double(from) + (dec_double(to) - dec_double(from)) * gone;
}

static int depth(struct source *base, const char *product)
{
    const struct series *s = history_series(((struct replay *)base)->all, product);
    return s ? s->depth : rate(product) != DEC_NONE ? 1 : 0;
}

static void append(struct source *base, struct history *h, date d)
{
    struct replay *r = (struct replay *)base;
    for (size_t k = 0; k < sizeof products / sizeof *products; k++) {
        const struct series *s = history_series(r->all, products[k]);
        int i = series_day(s, d);
        if (i >= 0 && s->dates[i] == d)
            history_append(h, products[k], s->depth, d, s->front[i],
                           s->prices + (size_t)i * (size_t)s->depth);
    }
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++)
        history_append(h, rates[k].name, 1, d, d, &rates[k].price);
}

static void fill(struct source *base, struct history *h, date last)
{
    const struct series *s = clock_series((struct replay *)base);
    for (int i = 0; i < s->days && s->dates[i] <= last; i++)
        append(base, h, s->dates[i]);
}

static void close_replay(struct source *s)
{
    history_free(((struct replay *)s)->all);
    free(s);
}

static const struct source_ops ops = {"replay", next, previous, settle,      level,
                                      depth,    fill, append,   close_replay};

struct source *source_replay(const char *dir, date from, double speed, char *why, size_t room)
{
    struct replay *r = mem_new(sizeof *r);
    r->base.ops = &ops;
    r->base.speed = speed > 0 ? speed : 1;
    r->all = history_new();
    for (size_t k = 0; k < sizeof products / sizeof *products; k++)
        if (!read_file(r, dir, products[k], why, room)) {
            close_replay(&r->base);
            return NULL;
        }
    const struct series *s = clock_series(r);
    int first = from == DATE_NONE ? WARMUP : series_day(s, from);
    if (first < 1 || first >= s->days) {
        snprintf(why, room, "%s: expected a starting date inside the history and at least %d days", dir,
                 WARMUP + 1);
        close_replay(&r->base);
        return NULL;
    }
    r->base.first = s->dates[first];
    snprintf(r->base.origin, sizeof r->base.origin,
             "recorded settlements of %d days; EURUSD and GBPUSD illustrative", s->days);
    return &r->base;
}
