/* The matching book, the local stream and queue, the simulated and the recorded prices. */
#include <math.h>
#include "backend/external/sim/book.h"
#include "backend/external/sim/source.h"
#include "backend/queue/courier.h"
#include "tests/support/rig.h"

static struct resting order(int number, const char *price, const char *quantity)
{
    return (struct resting){.id = uuid_v8(1, number, 0),
                            .number = number,
                            .price = D(price),
                            .quantity = D(quantity),
                            .client = true};
}

static void best_price_first_then_oldest_first(void **state)
{
    (void)state;
    struct match_book b = {0};
    struct fill f[8];
    const struct resting list[] = {order(1, "10.1", "5"), order(2, "10.0", "5"), order(3, "10.0", "3"),
                                   order(4, "10.2", "1")};
    for (int i = 0; i < 4; i++)
        match_rest(&b, 1, &list[i]);
    dec left = D("7");
    assert_int_equal(match_take(&b, 0, D("10.1"), &left, f, 8), 2);
    assert_int_equal(f[0].maker.number, 2);
    assert_int_equal(f[0].maker.quantity, D("5"));
    assert_true(f[0].maker_done);
    assert_int_equal(f[1].maker.number, 3);
    assert_int_equal(f[1].maker.quantity, D("2"));
    assert_false(f[1].maker_done);
    assert_int_equal(left, 0);
    assert_int_equal(match_available(&b, 0, D("10.1")), D("6"));
    left = D("100");
    assert_int_equal(match_take(&b, 0, D("10.1"), &left, f, 8), 2);
    assert_int_equal(left, D("94"));
    dec price, quantity;
    match_best(&b, 1, &price, &quantity);
    assert_int_equal(price, D("10.2"));
    struct resting gone;
    assert_true(match_cancel(&b, &list[3].id, &gone));
    assert_false(match_cancel(&b, &list[3].id, &gone));
    match_best(&b, 1, &price, &quantity);
    assert_int_equal(price, DEC_NONE);
    match_free(&b);
}

static void a_restored_order_has_its_old_place(void **state)
{
    (void)state;
    struct match_book b = {0};
    struct fill f[4];
    struct resting first = order(1, "9.9", "5"), second = order(2, "9.9", "5"), gone;
    match_rest(&b, 0, &first);
    match_rest(&b, 0, &second);
    assert_true(match_cancel(&b, &first.id, &gone));
    first.quantity = D("4");
    match_restore(&b, 0, &first);
    dec left = D("1");
    assert_int_equal(match_take(&b, 1, D("9.9"), &left, f, 4), 1);
    assert_int_equal(f[0].maker.number, 1);
    match_free(&b);
}

static void random_books_never_cross_and_lose_no_lot(void **state)
{
    (void)state;
    uint64_t seed = test_seed(31);
    struct match_book b = {0};
    dec in = 0, out = 0;
    for (int i = 1; i <= 20000; i++) {
        int side = (int)(draw(&seed) % 2);
        struct fill f[64];
        struct resting r = {.id = uuid_v8(2, i, 0), .number = i, .client = true};
        r.price = DEC_INT(100) + (dec)(draw(&seed) % 21) * DEC_ONE / 100 - DEC_ONE / 10;
        dec quantity = DEC_INT(1 + (int)(draw(&seed) % 5)), left = quantity;
        int n = match_take(&b, side, r.price, &left, f, 64);
        for (int k = 0; k < n; k++)
            out += 2 * f[k].maker.quantity;
        in += quantity;
        r.quantity = left;
        if (left)
            match_rest(&b, side, &r);
        if (draw(&seed) % 4 == 0 && b.count[side]) {
            struct resting gone;
            struct uuid id = b.side[side][draw(&seed) % (uint64_t)b.count[side]].id;
            assert_true(match_cancel(&b, &id, &gone));
            out += gone.quantity;
        }
        if (b.count[0] && b.count[1])
            assert_true(b.side[0][0].price < b.side[1][0].price);
    }
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < b.count[side]; k++)
            out += b.side[side][k].quantity;
    assert_int_equal(in, out);
    match_free(&b);
}

static void the_courier_delays_doubles_and_reorders_across_sources_by_seed(void **state)
{
    (void)state;
    struct courier *c = courier_new(77);
    struct halt row = {.id = "firm"};
    int64_t last[2] = {0, 0}, seen[2][200] = {{0}};
    int doubles = 0, held = 0, swaps = 0, previous = -1;
    for (int i = 1; i <= 100; i++)
        for (int s = 0; s < 2; s++)
            courier_send(c, &(struct event){
                                .destination = 0, .source = s, .seq = i, .record = RECORD_halt, .row = &row});
    for (int turn = 0; turn < 2000 && courier_waiting(c); turn++) {
        struct event e;
        if (!courier_next(c, false, &e)) {
            held++;
            continue;
        }
        doubles += seen[e.source][e.seq]++ > 0;
        swaps += previous >= 0 && previous != e.source;
        previous = e.source;
        if (seen[e.source][e.seq] == 1) { /* first time: in order within its source */
            assert_int_equal(e.seq, last[e.source] + 1);
            last[e.source] = e.seq;
        }
        free(e.row);
    }
    assert_int_equal(courier_waiting(c), 0);
    assert_int_equal(last[0], 100);
    assert_int_equal(last[1], 100);
    print_message("%d twice, %d held back, %d changes of source\n", doubles, held, swaps);
    assert_true(doubles > 5 && held > 5 && swaps > 20);
    courier_free(c);
}

static void the_same_seed_gives_the_same_market_and_another_seed_another(void **state)
{
    (void)state;
    date anchor = date_make(2026, 11, 20), month = date_make(2027, 1, 1);
    struct source *a = source_sim(5, anchor), *b = source_sim(5, anchor), *c = source_sim(6, anchor);
    int same = 0;
    for (date d = anchor + 3; d < anchor + 40; d++) {
        int64_t now = (int64_t)d * 86400 * SECOND + 43200 * SECOND;
        assert_int_equal(a->ops->settle(a, "TTF", month, d), b->ops->settle(b, "TTF", month, d));
        assert_true(a->ops->level(a, "NG", month, d, 0.5, now) == b->ops->level(b, "NG", month, d, 0.5, now));
        same += a->ops->settle(a, "TTF", month, d) == c->ops->settle(c, "TTF", month, d);
    }
    assert_true(same < 5);
    a->ops->close(a);
    b->ops->close(b);
    c->ops->close(c);
}

/* Near months move more than far ones, as sigma_short e^(-kappa tau) says; over 501 simulated days. */
static void simulated_volatility_falls_with_the_tenor(void **state)
{
    (void)state;
    struct source *s = source_sim(20261124, date_make(2026, 11, 20));
    struct history *h = history_new();
    s->ops->fill(s, h, date_make(2026, 11, 20));
    static const char *const products[] = {"NG", "CL", "TTF", "DEB"};
    for (int k = 0; k < 4; k++) {
        const struct series *x = history_series(h, products[k]);
        assert_int_equal(x->days, 501);
        assert_int_equal(x->depth, 24);
        double sum[2] = {0, 0};
        for (int i = 1; i < x->days; i++)
            for (int n = 0; n < 2; n++) {
                date month = date_month_start(x->front[i], n ? 20 : 1);
                dec p0 = series_price(x, i - 1, month), p1 = series_price(x, i, month);
                assert_true(p0 > 0 && p1 > 0);
                double r = log((double)p1 / (double)p0);
                sum[n] += r * r;
            }
        assert_true(sum[0] > sum[1] * 1.5);
        for (int i = 0; i < x->days; i += 25) /* the history is what the source settled */
            for (int n = 0; n < 24; n += 5) {
                dec settled = s->ops->settle(s, products[k], date_month_start(x->front[i], n), x->dates[i]);
                assert_true(llabs(x->prices[i * x->depth + n] - settled) <= product_named(products[k])->tick);
            }
    }
    assert_int_equal(history_series(h, "EURUSD")->days, 501);
    assert_true(history_settlements(h) > 11 * 24 * 501);
    history_free(h);
    s->ops->close(s);
}

static void recorded_history_reads_whole_with_its_negative_price(void **state)
{
    (void)state;
    NEED_DATA();
    struct source *s;
    struct history *h = recorded_history(date_make(2025, 12, 31), &s);
    int n = history_settlements(h);
    print_message("%d settlements\n", n);
    assert_true(n > 670000);
    assert_int_equal(s->ops->depth(s, "CL"), 36);
    assert_int_equal(s->ops->depth(s, "HO"), 18);
    assert_int_equal(s->ops->settle(s, "CL", date_make(2020, 5, 1), date_make(2020, 4, 20)), D("-37.63"));
    assert_int_equal(s->ops->next(s, date_make(2025, 9, 17)), DATE_NONE);
    assert_int_equal(s->ops->next(s, date_make(2020, 4, 17)), date_make(2020, 4, 20));
    history_free(h);
    s->ops->close(s);
}

static void a_broken_history_file_is_named_with_its_line(void **state)
{
    (void)state;
    char path[300], why[300];
    const char *dir = temp_dir();
    assert_null(source_replay(dir, DATE_NONE, 1, why, sizeof why));
    assert_non_null(strstr(why, "NG-settle-nearby-wide.csv: cannot be opened"));
    snprintf(path, sizeof path, "%s/NG-settle-nearby-wide.csv", dir);
    FILE *f = fopen(path, "w");
    fputs("date,NG01,NG02\n2007-01-03,6.1,6.2\n2007-01-04,6.1,oops\n", f);
    fclose(f);
    assert_null(source_replay(dir, DATE_NONE, 1, why, sizeof why));
    assert_non_null(strstr(why, "NG-settle-nearby-wide.csv:3: expected date"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_price_first_then_oldest_first),
        cmocka_unit_test(a_restored_order_has_its_old_place),
        cmocka_unit_test(random_books_never_cross_and_lose_no_lot),
        cmocka_unit_test(the_courier_delays_doubles_and_reorders_across_sources_by_seed),
        cmocka_unit_test(the_same_seed_gives_the_same_market_and_another_seed_another),
        cmocka_unit_test(simulated_volatility_falls_with_the_tenor),
        cmocka_unit_test(recorded_history_reads_whole_with_its_negative_price),
        cmocka_unit_test(a_broken_history_file_is_named_with_its_line),
    };
    return cmocka_run_group_tests_name("the market's parts", tests, NULL, NULL);
}
