/* The two-factor model: every price is a pure function of seed, date and time, so that a restart goes
 * on where the market would be. Daily increments come from a hash; within the day a noise that is zero
 * at both closes bridges them. Figures and sources: model.def. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/external/sim/source.h"
#include "common/tz.h"

enum group { GAS, OIL, EU, USPOWER, CARBON, FX, GROUPS };
static const double group_share[GROUPS] = {[OIL] = 0.85, [EU] = 0.65, [USPOWER] = 0.8, [FX] = 0.6};
#define ENERGY_SHARE 0.10 /* of variance shared by all but FX */
#define YEAR         252.0
#define HISTORY_DAYS 501

struct curve {
    const char *product;
    double price, slope;
    const char *source, *dated;
    double sigma_short, kappa, sigma_long;
    enum group group;
    double season[12];
};
static const struct curve curves[] = {
#define M(product, price, slope, source, dated, ss, k, sl, group, ...)                                       \
    {#product, price, slope, source, dated, ss, k, sl, group, {__VA_ARGS__}},
#include "backend/external/sim/model.def"
#undef M
};
#define CURVES ((int)(sizeof curves / sizeof *curves))

/* close_log of the newest date by curve and month, so that a quote costs no walk through the years. */
#define MEMO 1024
struct memo {
    bool known;
    int curve;
    date month, day;
    double from, step;
};
struct sim {
    struct source base;
    uint64_t seed;
    date anchor;
    struct memo memo[MEMO];
};

date business_next(date d)
{
    return calendar_add(CALENDAR_UK, d, 1);
}

date business_previous(date d)
{
    return calendar_add(CALENDAR_UK, d, -1);
}

int64_t business_close(date d)
{
    const struct tz *tz = tz_get("Europe/London");
    int64_t local = 18 * 3600 + 1800;
    return (tz ? tz_instant(tz, d, (int)local) : (int64_t)d * 86400 + local) * SECOND;
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A standard normal for (seed, stream, index) (Box and Muller 1958). */
static double normal(uint64_t seed, uint64_t stream, int64_t index)
{
    uint64_t a = mix(seed ^ mix(stream * 2654435761u ^ mix((uint64_t)index))), b = mix(a);
    double u = ((double)(a >> 11) + 0.5) / 9007199254740992.0, v = (double)(b >> 11) / 9007199254740992.0;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

enum factor { SHORT_FACTOR = 1, LONG_FACTOR = 2 };

/* One normal for a curve's factor: shares of what all, its group and it alone feel. */
static double shock(const struct sim *s, int c, enum factor f, int64_t index, uint64_t salt)
{
    enum group g = curves[c].group;
    double all = g == FX ? 0 : ENERGY_SHARE, shared = group_share[g] * (1 - all);
    uint64_t base = salt * 1000 + (uint64_t)f * 100;
    return sqrt(all) * normal(s->seed, base, index) +
           sqrt(shared) * normal(s->seed, base + 10 + (uint64_t)g, index) +
           sqrt(1 - all - shared) * normal(s->seed, base + 40 + (uint64_t)c, index);
}

static int curve_index(const char *product)
{
    for (int i = 0; i < CURVES; i++)
        if (!strcmp(curves[i].product, product))
            return i;
    return -1;
}

/* Years from d to the start of delivery, at least 0. */
static double tenor(date month, date d)
{
    return month > d ? (month - d) / 365.25 : 0;
}

/* Log price of a delivery month on the anchor's curve. */
static double anchor_log(const struct sim *s, int c, date month)
{
    const struct curve *k = &curves[c];
    if (k->group == FX)
        return log(k->price);
    int y, m, d, fm;
    date front = product_front(product_named(k->product), s->anchor + 1);
    date_split(month, &y, &m, &d);
    date_split(front, &y, &fm, &d);
    double years = (month - front) / 365.25;
    return log(k->price) + k->season[m - 1] - k->season[fm - 1] + k->slope * years / (1 + fabs(years) / 3);
}

static double increment(const struct sim *s, int c, date month, date day)
{
    const struct curve *k = &curves[c];
    return (k->sigma_short * exp(-k->kappa * tenor(month, day)) * shock(s, c, SHORT_FACTOR, day, 1) +
            k->sigma_long * shock(s, c, LONG_FACTOR, day, 1)) /
           sqrt(YEAR);
}

static double close_log(const struct sim *s, int c, date month, date d)
{
    double x = anchor_log(s, c, month);
    if (d > s->anchor)
        for (date u = business_next(s->anchor); u <= d; u = business_next(u))
            x += increment(s, c, month, u);
    else
        for (date u = s->anchor; u > d; u = business_previous(u))
            x -= increment(s, c, month, u);
    return x;
}

static dec tick_of(const char *product)
{
    const struct product *p = product_named(product);
    return p ? p->tick : DEC_ONE / 10000;
}

static dec rounded(const char *product, double price)
{
    dec out;
    return isfinite(price) && dec_from_double(price, &out) ? dec_round(out, tick_of(product)) : DEC_NONE;
}

static dec settle(struct source *base, const char *product, date month, date d)
{
    int c = curve_index(product);
    return c < 0 ? DEC_NONE : rounded(product, exp(close_log((struct sim *)base, c, month, d)));
}

/* Brownian in scale, smooth in between, zero where f is 0 or 1. */
static double bridge(const struct sim *s, int c, enum factor f, double gone, int64_t now)
{
    static const int64_t periods[] = {21600, 5400, 1200, 300, 60, 15, 4, 1};
    double sum = 0;
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        int64_t period = periods[i] * SECOND, knot = now / period;
        double x = (double)(now % period) / (double)period, w = x * x * (3 - 2 * x);
        double a = shock(s, c, f, knot, 10 + i), b = shock(s, c, f, knot + 1, 10 + i);
        sum += (a + (b - a) * w) * sqrt((double)periods[i] / 86400);
    }
    return sum * sqrt(4 * gone * (1 - gone));
}

static double level(struct source *base, const char *product, date month, date d, double gone, int64_t now)
{
    struct sim *s = (struct sim *)base;
    int c = curve_index(product);
    if (c < 0)
        return NAN;
    struct memo *m = &s->memo[mix((uint64_t)month * 64 + (uint64_t)c) % MEMO];
    if (!m->known || m->curve != c || m->month != month || m->day != d)
        *m = (struct memo){
            true, c, month, d, close_log(s, c, month, business_previous(d)), increment(s, c, month, d)};
    const struct curve *k = &curves[c];
    double noise =
        (k->sigma_short * exp(-k->kappa * tenor(month, d)) * bridge(s, c, SHORT_FACTOR, gone, now) +
         k->sigma_long * bridge(s, c, LONG_FACTOR, gone, now)) /
        sqrt(YEAR);
    return exp(m->from + gone * m->step + noise);
}

static date next(struct source *s, date d)
{
    (void)s;
    return business_next(d);
}

static date previous(struct source *s, date d)
{
    (void)s;
    return business_previous(d);
}

static int depth(struct source *s, const char *product)
{
    (void)s;
    const struct product *p = product_named(product);
    return p ? p->months : curve_index(product) >= 0 ? 1 : 0;
}

/* Walks each delivery month back from the last day once, then lays the days out by nearby. The shocks of a
 * day are the same for every month. */
static void fill_curve(struct sim *s, struct history *h, int c, const date *days, int count)
{
    const struct curve *k = &curves[c];
    const struct product *p = product_named(k->product);
    int depth_of = p ? p->months : 1, months = p ? depth_of + count / 20 + 3 : 1;
    date start = p ? product_front(p, days[0]) : 0;
    double *logs = mem_new((size_t)count * (size_t)months * sizeof *logs),
           *x = mem_new((size_t)months * sizeof *x);
    for (int m = 0; m < months; m++)
        x[m] = close_log(s, c, p ? date_month_start(start, m) : 0, days[count - 1]);
    for (int i = count - 1; i >= 0; i--) {
        double near = k->sigma_short * shock(s, c, SHORT_FACTOR, days[i], 1) / sqrt(YEAR);
        double far = k->sigma_long * shock(s, c, LONG_FACTOR, days[i], 1) / sqrt(YEAR);
        for (int m = 0; m < months; m++) {
            logs[i * months + m] = x[m];
            x[m] -= near * exp(-k->kappa * tenor(p ? date_month_start(start, m) : 0, days[i])) + far;
        }
    }
    for (int i = 0; i < count; i++) {
        dec prices[64];
        date front = p ? product_front(p, days[i]) : days[i];
        int m = 0;
        while (p && m + 1 < months && date_month_start(start, m) < front)
            m++;
        for (int n = 0; n < depth_of; n++)
            prices[n] = rounded(k->product, exp(logs[i * months + (m + n < months ? m + n : months - 1)]));
        history_append(h, k->product, depth_of, days[i], front, prices);
    }
    free(logs);
    free(x);
}

static void fill(struct source *base, struct history *h, date last)
{
    date days[HISTORY_DAYS];
    date d = last;
    for (int i = HISTORY_DAYS - 1; i >= 0; i--, d = business_previous(d))
        days[i] = d;
    for (int c = 0; c < CURVES; c++)
        fill_curve((struct sim *)base, h, c, days, HISTORY_DAYS);
}

static void append(struct source *base, struct history *h, date d)
{
    for (int c = 0; c < CURVES; c++) {
        const struct product *p = product_named(curves[c].product);
        dec prices[64];
        int n = p ? p->months : 1;
        date front = p ? product_front(p, d) : d;
        for (int i = 0; i < n; i++)
            prices[i] = settle(base, curves[c].product, p ? date_month_start(front, i) : 0, d);
        history_append(h, curves[c].product, n, d, front, prices);
    }
}

static void close_sim(struct source *s)
{
    free(s);
}

static const struct source_ops ops = {"sim", next, previous, settle, level, depth, fill, append, close_sim};

struct source *source_sim(uint64_t seed, date anchor)
{
    struct sim *s = mem_new(sizeof *s);
    char when[TIME_TEXT];
    s->base.ops = &ops;
    s->base.first = business_next(anchor);
    s->seed = seed;
    s->anchor = anchor;
    snprintf(s->base.origin, sizeof s->base.origin,
             "curve of %s; NG, CL, BRN level: EIA spot %s; others illustrative", date_format(anchor, when),
             curves[0].dated);
    return &s->base;
}
