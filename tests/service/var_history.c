/* VaR over the real histories of NG, CL, BRN, HO and RB against an independent computation: its own reader,
 * its own delivery months from the published table of last trading dates where that is right, its own sums.
 */
#include <math.h>
#include "backend/external/sim/source.h"
#include "backend/risk/var.h"
#include "common/product.h"
#include "tests/support/rig.h"

#define DAYS 5200
#define NEAR 36
static const char *const products[] = {"NG", "CL", "BRN", "HO", "RB"};

/* ---- the independent side ---- */

static struct {
    int days;
    char date[DAYS][11];
    double price[DAYS][NEAR];
    char month[DAYS][8]; /* delivery month of nearby 1, "2020-05" */
    int depth;
} mine[5];

struct last_day {
    char last[11], month[8];
};
static struct last_day expiries[5][500];
static int expiry_count[5];

/* Last trading dates by product: the table's; Brent from March 2016 is named one month late there, so its
 * delivery month is two after the month of the last date. */
static void read_expiries(void)
{
    static const char *const names[] = {"cmeng", "cmewti", "icebrent", "cmeulsd", "cmerbob"};
    char path[300], line[300], table[32], last[16];
    int year, month;
    snprintf(path, sizeof path, "%s/reference/futures-expiry-table.csv", shared_data());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%31[^,],%*[^,],%15[^,],%*[^,],%*[^,],%*[^,],%d,%d", table, last, &year, &month) !=
            4)
            continue;
        for (int k = 0; k < 5; k++) {
            if (strcmp(table, names[k]) != 0 || expiry_count[k] == 500)
                continue;
            struct last_day *e = &expiries[k][expiry_count[k]++];
            if (k == 2 && strcmp(last, "2016-01-20") > 0) {
                sscanf(last, "%4d-%2d", &year, &month);
                month += 2;
                if (month > 12) {
                    month -= 12;
                    year++;
                }
            }
            snprintf(e->last, sizeof e->last, "%s", last);
            snprintf(e->month, sizeof e->month, "%04d-%02d", year % 10000, month % 100);
        }
    }
    fclose(f);
}

/* The earliest delivery month whose last trading date is not before the day. */
static const char *front(int k, const char *day)
{
    const char *best = NULL, *best_last = "9999";
    for (int i = 0; i < expiry_count[k]; i++)
        if (strcmp(expiries[k][i].last, day) >= 0 && strcmp(expiries[k][i].last, best_last) < 0) {
            best = expiries[k][i].month;
            best_last = expiries[k][i].last;
        }
    return best;
}

static int months_between(const char *a, const char *b)
{
    return (atoi(b) * 12 + atoi(b + 5)) - (atoi(a) * 12 + atoi(a + 5));
}

static void read_prices(int k)
{
    char path[300], line[4096];
    snprintf(path, sizeof path, "%s/prices/futures/%s-settle-nearby-wide.csv", shared_data(), products[k]);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (char *c = line; *c; c++)
        mine[k].depth += *c == ',';
    while (fgets(line, sizeof line, f)) {
        int d = mine[k].days++;
        snprintf(mine[k].date[d], 11, "%.10s", line);
        char *cell = line + 10;
        for (int n = 0; n < mine[k].depth; n++) {
            cell = strchr(cell, ',');
            char *end = NULL;
            mine[k].price[d][n] = cell ? strtod(cell + 1, &end) : NAN;
            if (!cell || end == cell + 1)
                mine[k].price[d][n] = NAN;
            if (cell)
                cell++;
        }
        snprintf(mine[k].month[d], 8, "%s", front(k, mine[k].date[d]));
    }
    fclose(f);
}

static int day_of(int k, const char *when)
{
    for (int i = 0; i < mine[k].days; i++)
        if (!strcmp(mine[k].date[i], when))
            return i;
    return -1;
}

struct holding {
    int product, nearby; /* nearby on the date of valuation, from 0 */
    double quantity;
};
/* A book with something in every product. */
static const struct holding book[] = {{0, 0, -400000}, {0, 5, 180000}, {1, 0, 12000},   {1, 11, -10000},
                                      {2, 1, -8000},   {3, 2, 210000}, {4, 3, -126000}, {1, 3, 7000}};
#define HOLDINGS ((int)(sizeof book / sizeof *book))

/* Price of the month that is nearby n on day i1, on day i1 and on i0; the nearby before it where that was
 * not listed. */
static bool pair(int k, int i0, int i1, int n, double *p0, double *p1)
{
    for (; n >= 0; n--) {
        int shift = months_between(mine[k].month[i0], mine[k].month[i1]) + n;
        if (shift >= 0 && shift < mine[k].depth && !isnan(mine[k].price[i0][shift]) &&
            !isnan(mine[k].price[i1][n])) {
            *p0 = mine[k].price[i0][shift];
            *p1 = mine[k].price[i1][n];
            return true;
        }
    }
    return false;
}

static int descending_loss(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void independent(const char *when, double rate, double *var, double *es, int *scenarios,
                        char worst[11])
{
    static char common[DAYS][11];
    int n = 0;
    for (int i = 0; i < mine[1].days && strcmp(mine[1].date[i], when) <= 0; i++) {
        bool all = true;
        for (int k = 0; k < 5; k++)
            all = all && day_of(k, mine[1].date[i]) >= 0;
        if (all)
            snprintf(common[n++], 11, "%s", mine[1].date[i]);
    }
    int first = n > 501 ? n - 501 : 0, count = n - first;
    static double pnl[501];
    memset(pnl, 0, sizeof pnl);
    for (int h = 0; h < HOLDINGS; h++) {
        int k = book[h].product, today = day_of(k, common[n - 1]);
        double price = mine[k].price[today][book[h].nearby];
        bool absolute = price <= 0;
        for (int i = 1; i < count; i++) {
            double p0, p1;
            if (pair(k, day_of(k, common[first + i - 1]), day_of(k, common[first + i]), book[h].nearby, &p0,
                     &p1))
                absolute = absolute || p0 <= 0 || p1 <= 0;
        }
        for (int i = 1; i < count; i++) {
            double p0, p1;
            if (pair(k, day_of(k, common[first + i - 1]), day_of(k, common[first + i]), book[h].nearby, &p0,
                     &p1))
                pnl[i - 1] += book[h].quantity * (absolute ? p1 - p0 : price * p1 / p0 - price) / rate;
        }
    }
    int at = 0;
    for (int i = 1; i < count - 1; i++)
        if (pnl[i] < pnl[at])
            at = i;
    snprintf(worst, 11, "%s", common[first + at + 1]);
    *scenarios = count - 1;
    qsort(pnl, (size_t)*scenarios, sizeof *pnl, descending_loss);
    int entry = *scenarios / 100;
    *var = -pnl[entry];
    *es = 0;
    for (int i = 0; i <= entry; i++)
        *es -= pnl[i] / (entry + 1);
}

static void var_of_three_dates_equals_an_independent_computation(void **state)
{
    (void)state;
    NEED_DATA();
    struct source *s;
    struct history *h = recorded_history(date_make(2025, 12, 31), &s);
    print_message("%d settlements replayed\n", history_settlements(h));
    assert_true(history_settlements(h) > 680000);
    read_expiries();
    for (int k = 0; k < 5; k++)
        read_prices(k);
    static const char *const dates[] = {"2012-06-28", "2020-04-21", "2025-09-17"};
    for (int i = 0; i < 3; i++) {
        date as_of = 0;
        double var, es;
        int scenarios;
        char worst[11], ours[TIME_TEXT];
        struct var_position p[HOLDINGS];
        assert_true(date_parse(dates[i], &as_of));
        for (int k = 0; k < HOLDINGS; k++) {
            const struct series *x = history_series(h, products[book[k].product]);
            int day = series_day(x, as_of);
            date month = date_month_start(x->front[day], book[k].nearby);
            p[k] = (struct var_position){.month = month,
                                         .per_price = book[k].quantity,
                                         .price = dec_double(series_price(x, day, month)),
                                         .relative = true,
                                         .currency = "USD"};
            snprintf(p[k].product, sizeof p[k].product, "%s", products[book[k].product]);
        }
        struct var_request_data q = {.positions = p,
                                     .count = HOLDINGS,
                                     .eurusd = 1.16,
                                     .gbpusd = 1.34,
                                     .confidence = D("0.99"),
                                     .window = 500,
                                     .as_of = as_of};
        struct var_result r;
        var_compute(h, &q, &r);
        independent(dates[i], 1.16, &var, &es, &scenarios, worst);
        print_message("%s: VaR %.2f and %.2f, ES %.2f and %.2f, worst %s%s%s\n", dates[i], r.var, var,
                      r.expected_shortfall, es, worst, *r.forced ? ", absolute: " : "", r.forced);
        assert_true(r.computed);
        assert_int_equal(r.scenarios, scenarios);
        assert_true(fabs(r.var - var) < 0.01);
        assert_true(fabs(r.expected_shortfall - es) < 0.01);
        assert_string_equal(date_format(r.worst_date, ours), worst);
        assert_true((strstr(r.forced, "CL") != NULL) ==
                    (i == 1)); /* April 2020 forces absolute changes, and says so */
    }
    history_free(h);
    s->ops->close(s);
}

static void var_is_minus_the_entry_at_floor_n_one_minus_c(void **state)
{
    (void)state;
    struct history *h = history_new();
    /* 101 days of a price that falls by 1, 2, ... 100 in a shuffled order: changes are known exactly. */
    dec price = D("100000");
    for (int i = 0; i <= 100; i++) {
        date d = 20000 + i;
        if (i)
            price -= DEC_INT((i * 37) % 101);
        history_append(h, "EUA", 1, d, d, &price);
    }
    struct var_position p = {.product = "EUA", .per_price = 1, .price = 50, .currency = "EUR"};
    struct var_request_data q = {.positions = &p,
                                 .count = 1,
                                 .eurusd = 1,
                                 .gbpusd = 1,
                                 .confidence = D("0.99"),
                                 .window = 100,
                                 .as_of = DATE_NONE};
    struct var_result r;
    var_compute(h, &q, &r);
    assert_int_equal(r.scenarios, 100);
    assert_true(r.var == 99); /* entry 1 of -100, -99, ... */
    assert_true(r.expected_shortfall == 99.5);
    q.confidence = D("0.975");
    var_compute(h, &q, &r);
    assert_true(r.var == 98); /* floor(2.5) = 2 */
    q.confidence = D("0.9");
    p.per_price = -1; /* short: it gains every day, the smallest gain is the worst */
    var_compute(h, &q, &r);
    assert_true(r.var == -11);
    q.count = 0;
    var_compute(h, &q, &r);
    assert_true(r.computed && r.var == 0);
    q.count = 1;
    q.as_of = 20010;
    var_compute(h, &q, &r);
    assert_false(r.computed);
    history_free(h);
}

static void foreign_money_moves_with_its_rate(void **state)
{
    (void)state;
    struct history *h = history_new();
    dec price = D("70"), usd = D("1.10"), gbp = D("1.30");
    for (int i = 0; i <= 40; i++) {
        date d = 20000 + i;
        usd = i % 2 ? D("1.21") : D("1.10"); /* +10%, -9.09% */
        history_append(h, "EUA", 1, d, d, &price);
        history_append(h, "EURUSD", 1, d, d, &usd);
        history_append(h, "GBPUSD", 1, d, d, &gbp);
    }
    struct var_position p = {
        .product = "EUA", .per_price = 1000, .price = 70, .currency = "USD", .unrealised = 110};
    struct var_request_data q = {.positions = &p,
                                 .count = 1,
                                 .eurusd = 1.1,
                                 .gbpusd = 1.3,
                                 .confidence = D("0.99"),
                                 .window = 40,
                                 .as_of = DATE_NONE};
    struct var_result r;
    var_compute(h, &q, &r);
    /* 110 USD are 100 EUR; at 1.21 they are 90.909. */
    assert_true(fabs(r.var - (100 - 110 / 1.21)) < 1e-9);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(var_is_minus_the_entry_at_floor_n_one_minus_c),
        cmocka_unit_test(foreign_money_moves_with_its_rate),
        cmocka_unit_test(var_of_three_dates_equals_an_independent_computation),
    };
    return cmocka_run_group_tests_name("value at risk", tests, NULL, NULL);
}
