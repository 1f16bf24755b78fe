/* Positions, P&L, the day roll, VaR and use of limits, driven with a fake clock. */
#include "tests/support/rig.h"
#include "common/product.h"

RIG_FIXTURE(r);

static const struct pnl *pnl(const char *id)
{
    return table_find(node_table(r.node, RECORD_pnl), id);
}

/* The live row is published, not stored: computed here from the positions as the screen would sum them. */
static dec live_total(const char *book)
{
    dec sum = 0;
    table_each(node_table(r.node, RECORD_position), const struct position, p)
    {
        struct position live;
        dec realised, fees;
        memcpy(&live, p, sizeof live);
        node_value(r.node, RECORD_position, &live);
        if (strcmp(p->book, book) != 0 && strcmp(book, "FIRM") != 0)
            continue;
        assert_true(cache_to_base(r.cache, p->currency, node_now(r.node), p->realised, &realised));
        assert_true(cache_to_base(r.cache, p->currency, node_now(r.node), p->fees, &fees));
        sum += live.unrealised_base + realised - fees;
    }
    return sum;
}

struct seen {
    struct pnl firm, book;
    int count;
};
static struct seen seen;

static void published(void *arg, enum record_id record, const void *row)
{
    (void)arg;
    if (record == RECORD_pnl && !strcmp(((const struct pnl *)row)->id, "FIRM/live"))
        memcpy(&seen.firm, row, sizeof seen.firm);
    if (record == RECORD_pnl && !strcmp(((const struct pnl *)row)->id, "NG-US/live"))
        memcpy(&seen.book, row, sizeof seen.book);
}

static void realised_comes_from_closed_quantity_at_average_cost(void **state)
{
    (void)state;
    struct position p;
    struct posting q;
    record_clear(RECORD(position), &p);
    record_clear(RECORD(posting), &q);
    p.quantity = p.cost = p.realised = p.fees = 0;
    static const struct {
        const char *quantity, *price, *left, *cost, *realised;
    } steps[] = {
        {"10", "40", "10", "400", "0"},      {"10", "42", "20", "820", "0"}, {"-5", "45", "15", "615", "20"},
        {"-25", "39", "-10", "-390", "-10"}, {"10", "38.5", "0", "0", "-5"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        q.quantity = D(steps[i].quantity);
        q.price = D(steps[i].price);
        assert_true(position_post(&p, &q, DEC_ONE));
        assert_int_equal(p.quantity, D(steps[i].left));
        assert_int_equal(p.cost, D(steps[i].cost));
        assert_int_equal(p.realised, D(steps[i].realised));
    }
    assert_int_equal(p.average_price, DEC_NONE);
    q.quantity = INT64_MAX / 2;
    q.price = INT64_MAX / 2;
    struct position before = p;
    assert_false(position_post(&p, &q, DEC_ONE));
    assert_memory_equal(&p, &before, sizeof p);
}

static struct deal_request ttf_deal(const char *instrument)
{
    struct deal_request q;
    record_clear(RECORD(deal_request), &q);
    snprintf(q.book, sizeof q.book, "TTF-PROP");
    snprintf(q.counterparty, sizeof q.counterparty, "Nordwind Energie");
    snprintf(q.instrument, sizeof q.instrument, "%s", instrument);
    q.side = SIDE_BUY;
    q.rate = D("10");
    q.price = D("31.5");
    return q;
}

static void a_deal_of_a_quarter_posts_its_months_with_their_hours(void **state)
{
    (void)state;
    struct deal_request q = ttf_deal("ttf-q1-27");
    struct command c = {.kind = COMMAND_DEAL_NEW, .body = &q};
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    char id[97], leg[120];
    snprintf(id, sizeof id, "%s", r.last.object);
    static const struct {
        const char *name;
        int hours;
    } months[] = {{"TTFF27", 744}, {"TTFG27", 672}, {"TTFH27", 743}};
    for (int i = 0; i < 3; i++) {
        snprintf(leg, sizeof leg, "TTF-PROP/%s/1/%s", id, months[i].name);
        const struct position *p = table_find(node_table(r.node, RECORD_position), leg);
        assert_non_null(p);
        assert_int_equal(p->quantity, DEC_INT(10 * months[i].hours));
        assert_int_equal(p->cost, DEC_INT(315 * months[i].hours));
        assert_int_equal(p->lots, DEC_NONE);
    }
    /* Voiding it brings every month back to nothing. */
    struct command v = {.kind = COMMAND_DEAL_VOID, .version = 1};
    snprintf(v.target, sizeof v.target, "%s", id);
    assert_int_equal(rig_command(&r, "trader", &v), 0);
    snprintf(leg, sizeof leg, "TTF-PROP/%s/1/TTFH27", id);
    const struct position *p = table_find(node_table(r.node, RECORD_position), leg);
    assert_int_equal(p->quantity, 0);
    assert_int_equal(p->realised, 0);
    v.version = 2;
    assert_int_equal(rig_command(&r, "trader", &v), 409);
}

static void a_deal_in_a_month_nobody_lists_or_part_of_a_month_is_refused(void **state)
{
    (void)state;
    struct deal_request q = ttf_deal("TTF");
    struct command c = {.kind = COMMAND_DEAL_NEW, .body = &q};
    static const struct {
        const char *period, *why;
    } bad[] = {{"TTF-CAL-31", "is not listed"}, {"TTF-DA", "whole months"}, {"XYZ-27", "expected a product"}};
    for (int i = 0; i < 3; i++) {
        snprintf(q.instrument, sizeof q.instrument, "%s", bad[i].period);
        assert_int_equal(rig_command(&r, "trader", &c), 422);
        assert_non_null(strstr(r.last.problem, bad[i].why));
    }
    snprintf(q.instrument, sizeof q.instrument, "TTF-Q1-27");
    assert_int_equal(rig_command(&r, "risk", &c),
                     0); /* permission is the gateway's; scope is the service's */
    q.rate = D("-1");
    assert_int_equal(rig_command(&r, "trader", &c), 422);
}

static void exposures_are_the_sums_of_postings_by_month(void **state)
{
    (void)state;
    table_each(node_table(r.node, RECORD_exposure), const struct exposure, e)
    {
        dec sum = 0;
        struct store *s = node_store(r.node);
        (void)s;
        table_each(node_table(r.node, RECORD_position), const struct position,
                   p) if (!strcmp(p->book, e->book) && !strcmp(p->product, e->product) &&
                          p->delivery_start == e->month && p->settlement == e->settlement) sum += p->quantity;
        dec others = 0; /* the same month under another location */
        table_each(node_table(r.node, RECORD_exposure), const struct exposure,
                   x) if (!strcmp(x->book, e->book) && !strcmp(x->product, e->product) &&
                          x->month == e->month && x->settlement == e->settlement) others += x->quantity;
        assert_int_equal(others, sum);
    }
}

static void the_day_roll_freezes_marks_expires_day_orders_and_starts_the_day_at_zero(void **state)
{
    (void)state;
    node_observe(r.node, (struct node_observer){.published = published});
    const char *ng = rig_contract(&r, "NG", 1);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, rig_price(&r, ng, -120)), 0);
    struct uuid day_order = r.order.id;
    rig_run(&r, 2);
    assert_int_equal(rig_find(&r, &day_order)->status, STATUS_NEW);
    date before = trading_business_date(node_state(r.node, "trading"));
    assert_int_equal(before, date_make(2026, 11, 23));
    r.clock.fixed_utc += 6 * 3600 * SECOND; /* past 18:30 in London */
    r.clock.fixed_mono += 6 * 3600 * SECOND;
    rig_run(&r, 1);
    assert_int_equal(trading_business_date(node_state(r.node, "trading")), date_make(2026, 11, 24));
    assert_int_equal(rig_find(&r, &day_order)->status, STATUS_EXPIRED);
    const struct pnl *official = pnl("FIRM/official/2026-11-23");
    assert_non_null(official);
    dec books = 0;
    static const char *const ids[] = {"TTF-PROP", "DE-POWER", "NG-US", "OIL"};
    for (int i = 0; i < 4; i++) {
        char id[60];
        snprintf(id, sizeof id, "%s/official/2026-11-23", ids[i]);
        assert_non_null(pnl(id));
        books += pnl(id)->total;
    }
    assert_int_equal(official->total, books);
    char id[60];
    snprintf(id, sizeof id, "%s/official", ng);
    const struct mark *m = table_find(node_table(r.node, RECORD_mark), id);
    assert_non_null(m);
    assert_int_equal(m->trading_date, date_make(2026, 11, 23));
    assert_true(m->final);
    /* Day = total now less total at that close, for the firm and for a book. */
    rig_run(&r, 1);
    assert_int_equal(seen.firm.total, live_total("FIRM"));
    assert_int_equal(seen.firm.day, seen.firm.total - official->total);
    assert_int_equal(seen.book.day, seen.book.total - pnl("NG-US/official/2026-11-23")->total);
    assert_int_equal(seen.firm.business_date, date_make(2026, 11, 24));
}

static void missed_days_are_closed_oldest_first(void **state)
{
    (void)state;
    r.clock.fixed_utc += 4 * 86400 * SECOND; /* to Saturday */
    r.clock.fixed_mono += 4 * 86400 * SECOND;
    rig_run(&r, 1);
    assert_int_equal(trading_business_date(node_state(r.node, "trading")), date_make(2026, 11, 30));
    assert_non_null(pnl("FIRM/official/2026-11-27"));
    /* December's contract ended its trading on the way and is expired. */
    struct instrument *ng = table_find(node_table(r.node, RECORD_instrument), "NGZ26");
    assert_true(!ng || ng->expired);
}

static void month_and_year_start_at_the_last_close_of_the_one_before(void **state)
{
    (void)state;
    r.clock.fixed_utc += 35LL * 86400 * SECOND; /* into January */
    r.clock.fixed_mono += 35LL * 86400 * SECOND;
    rig_run(&r, 1);
    assert_non_null(pnl("FIRM/official/2026-11-30"));
    assert_non_null(pnl("FIRM/official/2026-12-31"));
    rig_run(&r, 1);
    assert_int_equal(seen.firm.month, seen.firm.total - pnl("FIRM/official/2026-12-31")->total);
    assert_int_equal(seen.firm.year, seen.firm.total - pnl("FIRM/official/2026-12-31")->total);
}

struct answer {
    bool come;
    struct var_answer var;
    struct whatif_answer whatif;
    char problem[160];
};

static void var_done(void *arg, const struct var_answer *v, const char *problem)
{
    struct answer *a = arg;
    a->come = true;
    if (v)
        a->var = *v;
    snprintf(a->problem, sizeof a->problem, "%s", problem ? problem : "");
}

static void whatif_done(void *arg, const struct whatif_answer *w, const char *problem)
{
    struct answer *a = arg;
    a->come = true;
    if (w)
        a->whatif = *w;
    snprintf(a->problem, sizeof a->problem, "%s", problem ? problem : "");
}

static void var_takes_its_parameters_and_names_what_it_cannot_do(void **state)
{
    (void)state;
    struct var_request q;
    struct answer a = {0}, b = {0};
    record_clear(RECORD(var_request), &q);
    risk_var(r.node, &q, var_done, &a);
    pool_poll(r.pool);
    assert_true(a.come);
    assert_string_equal(a.problem, "");
    assert_int_equal(a.var.scenarios, 500);
    assert_true(a.var.var > 0);
    assert_true(a.var.expected_shortfall >= a.var.var);
    q.confidence = D("0.95");
    q.window = 250;
    risk_var(r.node, &q, var_done, &b);
    pool_poll(r.pool);
    assert_int_equal(b.var.scenarios, 250);
    assert_true(b.var.var < a.var.var);
    static const struct {
        const char *field, *value, *why;
    } bad[] = {{"confidence", "1", "confidence"},
               {"window", "501", "window"},
               {"method", "magic", "method"},
               {"book", "NOPE", "book"},
               {"horizon_days", "3", "horizon_days"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char why[100];
        record_clear(RECORD(var_request), &q);
        assert_true(
            field_set(record_field(RECORD(var_request), bad[i].field), &q, bad[i].value, why, sizeof why));
        a = (struct answer){0};
        risk_var(r.node, &q, var_done, &a);
        pool_poll(r.pool);
        assert_true(a.come);
        assert_non_null(strstr(a.problem, bad[i].why));
    }
}

static void what_if_of_an_order_that_closes_a_position_takes_its_risk_away(void **state)
{
    (void)state;
    struct order_request q;
    struct answer a = {0};
    record_clear(RECORD(order_request), &q);
    snprintf(q.book, sizeof q.book, "NG-US");
    snprintf(q.instrument, sizeof q.instrument, "NGF27");
    q.side = SIDE_BUY;
    const struct position *p = rig_position(&r, "NG-US", "NGF27");
    assert_non_null(p);
    q.quantity = -p->lots;
    risk_whatif(r.node, &q, whatif_done, &a);
    pool_poll(r.pool);
    if (!a.come || *a.problem)
        fail_msg("%s", a.problem);
    assert_true(a.whatif.var_after != a.whatif.var_before);
    assert_true(a.whatif.var_after >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(realised_comes_from_closed_quantity_at_average_cost),
        cmocka_unit_test(a_deal_of_a_quarter_posts_its_months_with_their_hours),
        cmocka_unit_test(a_deal_in_a_month_nobody_lists_or_part_of_a_month_is_refused),
        cmocka_unit_test(exposures_are_the_sums_of_postings_by_month),
        cmocka_unit_test(var_takes_its_parameters_and_names_what_it_cannot_do),
        cmocka_unit_test(what_if_of_an_order_that_closes_a_position_takes_its_risk_away),
        cmocka_unit_test(the_day_roll_freezes_marks_expires_day_orders_and_starts_the_day_at_zero),
        cmocka_unit_test(missed_days_are_closed_oldest_first),
        cmocka_unit_test(month_and_year_start_at_the_last_close_of_the_one_before),
    };
    return cmocka_run_group_tests_name("positions, P&L, the day roll, VaR", tests, open_rig, close_rig);
}
