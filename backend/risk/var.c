#include "backend/risk/var.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"

#define SERIES_USED 24

struct use {
    const struct series *series[SERIES_USED];
    int count;
};

static void use(struct use *u, const struct series *s)
{
    for (int i = 0; i < u->count; i++)
        if (u->series[i] == s)
            return;
    if (s && u->count < SERIES_USED)
        u->series[u->count++] = s;
}

/* The last window+1 dates, newest last, that every series has. Returns the count. */
static int common_dates(const struct use *u, date as_of, int want, date *out)
{
    const struct series *first = u->series[0];
    int n = 0;
    for (int i = as_of == DATE_NONE ? first->days - 1 : series_day(first, as_of); i >= 0 && n < want; i--) {
        bool common = true;
        for (int k = 1; common && k < u->count; k++) {
            int at = series_day(u->series[k], first->dates[i]);
            common = at >= 0 && u->series[k]->dates[at] == first->dates[i];
        }
        if (common)
            out[n++] = first->dates[i];
    }
    for (int i = 0; i < n / 2; i++) {
        date swap = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = swap;
    }
    return n;
}

/* Prices on both dates of the delivery month that is nearby n on the later one, so that a roll is no
 * change. The deepest nearby was not listed before a roll: the one before it stands in. */
static bool change_of(const struct series *s, date d0, date d1, int n, double *p0, double *p1)
{
    int i0 = series_day(s, d0), i1 = series_day(s, d1);
    for (; n >= 0; n--) {
        date month = s->depth == 1 ? 0 : date_month_start(s->front[i1], n);
        dec a = series_price(s, i0, month), b = series_price(s, i1, month);
        if (a != DEC_NONE && b != DEC_NONE) {
            *p0 = dec_double(a);
            *p1 = dec_double(b);
            return true;
        }
    }
    return false;
}

static double rate_change(const struct series *s, date d0, date d1)
{
    double p0, p1;
    return s && change_of(s, d0, d1, 0, &p0, &p1) && p0 > 0 ? p1 / p0 : 1;
}

static void force(struct var_result *out, const char *product)
{
    if (strstr(out->forced, product) || strlen(out->forced) + strlen(product) + 2 > sizeof out->forced)
        return;
    if (*out->forced)
        strcat(out->forced, " ");
    strcat(out->forced, product);
}

/* EUR per unit of currency for these rates. */
static double base_rate(const char *currency, double eurusd, double gbpusd)
{
    return !strcmp(currency, "USD") ? 1 / eurusd : !strcmp(currency, "GBP") ? gbpusd / eurusd : 1;
}

static bool absolute_needed(const struct series *s, int n, const date *dates, int count, double price)
{
    if (price <= 0)
        return true;
    for (int i = 1; i < count; i++) {
        double p0, p1;
        if (change_of(s, dates[i - 1], dates[i], n, &p0, &p1) && (p0 <= 0 || p1 <= 0))
            return true;
    }
    return false;
}

static void add_position(const struct history *h, const struct var_request_data *q,
                         const struct var_position *p, const date *dates, int count, double *pnl,
                         struct var_result *out)
{
    const struct series *s = history_series(h, p->product);
    const struct series *eurusd = history_series(h, "EURUSD"), *gbpusd = history_series(h, "GBPUSD");
    int today = s ? series_day(s, dates[count - 1]) : -1;
    int n = s ? series_nearby(s, today, p->month) : 0;
    if (n < 0)
        n = 0; /* in delivery: it moves with the front month */
    if (s && n >= s->depth)
        n = s->depth - 1;
    bool relative = p->relative;
    if (s && relative && absolute_needed(s, n, dates, count, p->price)) {
        relative = false;
        force(out, p->product);
    }
    double now = base_rate(p->currency, q->eurusd, q->gbpusd);
    for (int i = 1; i < count; i++) {
        double p0, p1, move = 0;
        if (s && change_of(s, dates[i - 1], dates[i], n, &p0, &p1))
            move = relative ? p->price * (p1 / p0 - 1) : p1 - p0;
        double then = base_rate(p->currency, q->eurusd * rate_change(eurusd, dates[i - 1], dates[i]),
                                q->gbpusd * rate_change(gbpusd, dates[i - 1], dates[i]));
        pnl[i - 1] += p->per_price * move * then + p->unrealised * (then - now);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(double *pnl, int n, dec confidence, const date *dates, struct var_result *out)
{
    int worst = 0;
    for (int i = 1; i < n; i++)
        if (pnl[i] < pnl[worst])
            worst = i;
    out->worst_date = dates[worst + 1];
    qsort(pnl, (size_t)n, sizeof *pnl, ascending);
    int entry = (int)((int64_t)n * (DEC_ONE - confidence) / DEC_ONE);
    if (entry >= n)
        entry = n - 1;
    double sum = 0;
    for (int i = 0; i <= entry; i++)
        sum += pnl[i];
    out->var = -pnl[entry];
    out->expected_shortfall = -sum / (entry + 1);
    out->scenarios = n;
    out->computed = true;
}

void var_compute(struct history *h, const struct var_request_data *q, struct var_result *out)
{
    date dates[VAR_WINDOW_MAX + 1];
    double pnl[VAR_WINDOW_MAX] = {0};
    struct use u = {0};
    int window = q->window > 0 && q->window <= VAR_WINDOW_MAX ? q->window : VAR_WINDOW_MAX;
    *out = (struct var_result){.worst_date = DATE_NONE};
    if (!q->count) {
        out->computed = true;
        return;
    }
    history_lock(h);
    bool foreign = false;
    for (int i = 0; i < q->count; i++) {
        use(&u, history_series(h, q->positions[i].product));
        foreign |= strcmp(q->positions[i].currency, "EUR") != 0;
    }
    if (foreign) {
        use(&u, history_series(h, "EURUSD"));
        use(&u, history_series(h, "GBPUSD"));
    }
    int count = u.count ? common_dates(&u, q->as_of, window + 1, dates) : 0;
    for (int i = 0; count > 20 && i < q->count; i++)
        add_position(h, q, &q->positions[i], dates, count, pnl, out);
    history_unlock(h);
    if (count > 20)
        summarise(pnl, count - 1, q->confidence, dates, out);
}
