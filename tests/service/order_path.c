/* The path of an order through the services: checks, commit, venue, execution, trade, posting, position. */
#include "tests/support/rig.h"

RIG_FIXTURE(r);

static void a_marketable_order_is_filled_and_moves_position_and_exposure(void **state)
{
    (void)state;
    const char *ng = rig_contract(&r, "NG", 1);
    dec before = rig_position(&r, "NG-US", ng)->lots;
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "2", ng, rig_price(&r, ng, 5)), 0);
    rig_run(&r, 1);
    const struct order *o = rig_find(&r, &r.order.id);
    assert_int_equal(o->status, STATUS_FILLED);
    assert_int_equal(o->filled_quantity, D("2"));
    assert_int_equal(o->remaining_quantity, 0);
    assert_false(o->in_doubt);
    assert_int_equal(rig_position(&r, "NG-US", ng)->lots, before + D("2"));
    assert_int_equal(rig_position(&r, "NG-US", ng)->quantity, (before / DEC_ONE + 2) * D("10000"));
    int trades = 0;
    dec sum = 0;
    table_each(node_table(r.node, RECORD_trade), const struct trade, t) if (uuid_same(&t->order, &o->id))
    {
        trades++;
        sum += t->quantity;
        assert_true(t->price <= o->price);
        assert_true(t->aggressor);
    }
    assert_true(trades >= 1);
    assert_int_equal(sum, D("2"));
}

static void an_order_away_from_the_market_rests_until_it_is_cancelled(void **state)
{
    (void)state;
    const char *ttf = rig_contract(&r, "TTF", 1);
    char id[UUID_TEXT];
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1", ttf, rig_price(&r, ttf, -300)), 0);
    rig_run(&r, 1);
    assert_int_equal(rig_find(&r, &r.order.id)->status, STATUS_NEW);
    assert_int_equal(rig_find(&r, &r.order.id)->venue_order_id[0], 'V');
    struct command c = {.kind = COMMAND_ORDER_CANCEL};
    snprintf(c.target, sizeof c.target, "%s", uuid_format(&r.order.id, id));
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    rig_run(&r, 1);
    assert_int_equal(rig_find(&r, &r.order.id)->status, STATUS_CANCELLED);
    assert_int_equal(rig_find(&r, &r.order.id)->remaining_quantity, 0);
    assert_int_equal(rig_command(&r, "trader", &c), 409);
}

static void a_replace_changes_quantity_and_price_at_the_venue(void **state)
{
    (void)state;
    const char *ttf = rig_contract(&r, "TTF", 1);
    char id[UUID_TEXT];
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "2", ttf, rig_price(&r, ttf, -300)), 0);
    rig_run(&r, 1);
    struct uuid key = r.order.id;
    struct replace_request q;
    record_clear(RECORD(replace_request), &q);
    q.quantity = D("3");
    q.price = D(rig_price(&r, ttf, -280));
    struct command c = {.kind = COMMAND_ORDER_REPLACE, .body = &q, .version = rig_find(&r, &key)->version};
    snprintf(c.target, sizeof c.target, "%s", uuid_format(&key, id));
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    rig_run(&r, 1);
    assert_int_equal(rig_find(&r, &key)->status, STATUS_NEW);
    assert_int_equal(rig_find(&r, &key)->quantity, D("3"));
    assert_int_equal(rig_find(&r, &key)->price, q.price);
    c.version = 1;
    assert_int_equal(rig_command(&r, "trader", &c), 412);
}

/* ---- checks: at the limit, one step beyond ---- */

static void refused(int status, const char *rule, dec limit, dec value)
{
    assert_int_equal(status, 422);
    assert_string_equal(r.last.rule, rule);
    assert_int_equal(r.last.limit, limit);
    assert_int_equal(r.last.value, value);
    assert_int_equal(r.order.status, STATUS_REJECTED);
    assert_non_null(strstr(r.order.reason, rule));
}

static void an_order_of_the_maximum_quantity_passes_and_one_lot_more_is_refused(void **state)
{
    (void)state;
    const char *i = rig_contract(&r, "EUA", 1);
    char name[25];
    table_each(node_table(r.node, RECORD_instrument), const struct instrument,
               k) if (!strcmp(k->product, "HO")) snprintf(name, sizeof name, "%s", k->instrument);
    (void)i;
    refused(rig_order(&r, "trader", "OIL", SIDE_BUY, "51", name, rig_price(&r, name, -50)), "max-quantity",
            D("50"), D("51"));
    int status = rig_order(&r, "trader", "OIL", SIDE_BUY, "50", name, rig_price(&r, name, -50));
    assert_true(status == 0 || strcmp(r.last.rule, "max-quantity") != 0);
}

static void an_order_beyond_the_price_collar_is_refused(void **state)
{
    (void)state;
    const char *cl = rig_contract(&r, "CL", 1);
    dec mark = D(rig_price(&r, cl, 0)), far = dec_round(mark / 100 * 111, DEC_ONE / 100);
    char text[DEC_TEXT];
    dec_format(far, text);
    assert_int_equal(rig_order(&r, "trader", "OIL", SIDE_BUY, "1", cl, text), 422);
    assert_string_equal(r.last.rule, "price-collar");
    assert_int_equal(r.last.limit, D("0.1"));
    assert_true(r.last.value > D("0.1"));
    dec_format(dec_round(mark / 100 * 91, DEC_ONE / 100), text);
    assert_int_equal(rig_order(&r, "trader", "OIL", SIDE_BUY, "1", cl, text), 0);
}

static void an_order_without_a_fresh_reference_is_refused(void **state)
{
    (void)state;
    const char *cl = rig_contract(&r, "CL", 2);
    const char *price = rig_price(&r, cl, -20);
    market_pause(r.market, true);
    r.clock.fixed_utc += 6 * SECOND;
    r.clock.fixed_mono += 6 * SECOND;
    assert_int_equal(rig_order(&r, "trader", "OIL", SIDE_BUY, "1", cl, price), 422);
    assert_string_equal(r.last.rule, "stale-reference");
    market_pause(r.market, false);
    market_quote_all(r.market);
    node_wait(r.node);
    if (rig_order(&r, "trader", "OIL", SIDE_BUY, "1", cl, rig_price(&r, cl, -20)) != 0)
        fail_msg("%s", r.last.problem);
}

static void a_price_off_the_tick_a_bad_book_and_an_unknown_contract_are_refused(void **state)
{
    (void)state;
    const char *ttf = rig_contract(&r, "TTF", 1);
    char price[DEC_TEXT];
    dec_format(D(rig_price(&r, ttf, -10)) + 1000, price);
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1", ttf, price), 422);
    assert_string_equal(r.last.rule, "tick-and-lot");
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1.5", ttf, rig_price(&r, ttf, -10)), 422);
    assert_string_equal(r.last.rule, "tick-and-lot");
    assert_int_equal(rig_order(&r, "trader", "FIRM", SIDE_BUY, "1", ttf, rig_price(&r, ttf, -10)), 422);
    assert_string_equal(r.last.rule, "book");
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1", "TTFZ99", "30"), 422);
    assert_string_equal(r.last.rule, "instrument");
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1", "EURUSD", "1.1"), 422);
    assert_string_equal(r.last.rule, "instrument");
}

static void a_price_at_or_below_zero_needs_a_product_that_has_them(void **state)
{
    (void)state;
    assert_int_equal(rig_order(&r, "trader", "TTF-PROP", SIDE_BUY, "1", rig_contract(&r, "TTF", 1), "-0.005"),
                     422);
    assert_string_equal(r.last.rule, "price-sign");
    assert_int_equal(rig_order(&r, "trader", "DE-POWER", SIDE_BUY, "1", rig_contract(&r, "DEB", 1), "-0.01"),
                     422);
    assert_string_equal(r.last.rule, "price-collar"); /* allowed to be negative, too far away */
}

static void the_same_order_twice_within_a_second_is_refused(void **state)
{
    (void)state;
    const char *ng = rig_contract(&r, "NG", 3);
    const char *price = rig_price(&r, ng, -100);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, price), 0);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, price), 422);
    assert_string_equal(r.last.rule, "duplicate");
    r.clock.fixed_utc += 1 * SECOND;
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, price), 0);
}

static const struct limit *limit_of(const char *scope, uint8_t measure)
{
    table_each(node_table(r.node, RECORD_limit), const struct limit,
               l) if (l->measure == measure && !strcmp(l->scope, scope)) return l;
    fail_msg("no limit %s", scope);
    return NULL;
}

static void working_orders_count_towards_the_position_limit(void **state)
{
    (void)state;
    const char *deb = rig_contract(&r, "DEB", 1);
    dec most = limit_of("book:DE-POWER", MEASURE_POSITION)->limit;
    /* Net in DEB at the start: 10 - 8 + 12. Orders of 5 rest until the next one would cross the limit. */
    dec used = D("14");
    int status, n = 0;
    char price[DEC_TEXT];
    for (; used + D("5") <= most; n++, used += D("5")) {
        snprintf(price, sizeof price, "%s", rig_price(&r, deb, -200 - n));
        status = rig_order(&r, "trader", "DE-POWER", SIDE_BUY, "5", deb, price);
        assert_int_equal(status, 0);
    }
    char lots[DEC_TEXT];
    dec_format(most - used + DEC_ONE, lots);
    status = rig_order(&r, "trader", "DE-POWER", SIDE_BUY, lots, deb, rig_price(&r, deb, -100));
    refused(status, "position", most, most + DEC_ONE);
    if (most > used) {
        dec_format(most - used, lots);
        assert_int_equal(rig_order(&r, "trader", "DE-POWER", SIDE_BUY, lots, deb, rig_price(&r, deb, -90)),
                         0);
    }
    /* The other way is no risk. */
    assert_int_equal(rig_order(&r, "trader", "DE-POWER", SIDE_SELL, "3", deb, rig_price(&r, deb, 200)), 0);
}

static void a_notional_that_overflows_is_refused_by_name(void **state)
{
    (void)state;
    const char *rb = rig_contract(&r, "RB", 1);
    assert_int_equal(rig_order(&r, "trader", "OIL", SIDE_BUY, "900000000", rb, rig_price(&r, rb, -10)), 422);
    assert_string_equal(r.last.rule, "max-quantity");
    struct order_request q;
    struct check checks[CHECKS_MAX];
    bool named = false;
    record_clear(RECORD(order_request), &q);
    snprintf(q.book, sizeof q.book, "OIL");
    snprintf(q.instrument, sizeof q.instrument, "%s", rb);
    q.side = SIDE_BUY;
    q.quantity = D("900000000000");
    q.price = D(rig_price(&r, rb, -10));
    struct command c = {.kind = COMMAND_ORDER_NEW, .body = &q, .cache = r.cache, .now = node_now(r.node)};
    int n = trading_precheck(node_state(r.node, "trading"), &c, checks);
    for (int i = 0; i < n; i++)
        named |= checks[i].refused && !strcmp(checks[i].rule, "max-notional") &&
                 strstr(checks[i].detail, "overflow");
    assert_true(named);
}

static void a_refusal_becomes_an_alert_that_only_another_person_closes(void **state)
{
    (void)state;
    const char *ho = rig_contract(&r, "HO", 2);
    char id[UUID_TEXT];
    assert_int_equal(rig_order(&r, "trader", "OIL", SIDE_BUY, "77", ho, rig_price(&r, ho, -3)), 422);
    struct alert found;
    found.number = 0;
    table_each(node_table(r.node, RECORD_alert), const struct alert, a) if (a->value == D("77"))
        memcpy(&found, a, sizeof found);
    assert_true(found.number > 0);
    assert_int_equal(found.severity, SEVERITY_HIGH);
    assert_int_equal(found.state, ALERT_OPEN);
    assert_string_equal(found.rule, "max-quantity");
    assert_string_equal(found.user, "trader");
    struct alert_request q;
    record_clear(RECORD(alert_request), &q);
    struct command c = {.kind = COMMAND_ALERT_ACK, .body = &q};
    snprintf(c.target, sizeof c.target, "%s", uuid_format(&found.id, id));
    assert_int_equal(rig_command(&r, "compliance", &c), 0);
    assert_int_equal(rig_command(&r, "compliance", &c), 409);
    c.kind = COMMAND_ALERT_CLOSE;
    assert_int_equal(rig_command(&r, "compliance", &c), 422); /* no reason */
    snprintf(q.reason, sizeof q.reason, "typing error, trader called");
    assert_int_equal(rig_command(&r, "trader", &c), 403);
    assert_int_equal(rig_command(&r, "compliance", &c), 0);
    const struct alert *now = table_get(node_table(r.node, RECORD_alert), &found.id, sizeof found.id);
    assert_int_equal(now->state, ALERT_CLOSED);
    assert_string_equal(now->reason, "typing error, trader called");
}

static void a_limit_changes_only_when_a_second_person_approves(void **state)
{
    (void)state;
    struct limit_request q;
    struct approval_request d = {.state = DECISION_APPROVED};
    record_clear(RECORD(limit_request), &q);
    snprintf(q.number, sizeof q.number, "L-12");
    q.limit = D("60");
    snprintf(q.reason, sizeof q.reason, "expiry week");
    struct command c = {.kind = COMMAND_LIMIT_CHANGE, .body = &q};
    assert_int_equal(rig_command(&r, "risk", &c), 0);
    char id[97];
    snprintf(id, sizeof id, "%s", r.last.object);
    struct command decide = {.kind = COMMAND_LIMIT_DECIDE, .body = &d};
    snprintf(decide.target, sizeof decide.target, "%s", id);
    assert_int_equal(rig_command(&r, "risk", &decide), 403);
    assert_int_equal(limit_of("firm", MEASURE_MAX_QUANTITY)->limit, D("50"));
    assert_int_equal(rig_command(&r, "compliance", &decide), 0);
    assert_int_equal(limit_of("firm", MEASURE_MAX_QUANTITY)->limit, D("60"));
    assert_string_equal(limit_of("firm", MEASURE_MAX_QUANTITY)->approved_by, "compliance");
    assert_int_equal(rig_command(&r, "compliance", &decide), 409);
    /* Trading follows: 60 lots pass this check now, 61 do not. */
    const char *rb = rig_contract(&r, "RB", 3);
    refused(rig_order(&r, "trader", "OIL", SIDE_BUY, "61", rb, rig_price(&r, rb, -3)), "max-quantity",
            D("60"), D("61"));
}

static void a_halt_refuses_orders_cancels_working_ones_and_can_be_lifted(void **state)
{
    (void)state;
    struct halt_request q;
    record_clear(RECORD(halt_request), &q);
    q.halted = true;
    snprintf(q.reason, sizeof q.reason, "drill");
    struct command c = {.kind = COMMAND_HALT, .body = &q};
    assert_int_equal(rig_command(&r, "risk", &c), 0);
    rig_run(&r, 1);
    int working = 0;
    table_each(node_table(r.node, RECORD_order), const struct order, o) working +=
        o->status == STATUS_NEW || o->status == STATUS_PARTIALLY_FILLED || o->status == STATUS_PENDING_CANCEL;
    assert_int_equal(working, 0);
    const char *ng = rig_contract(&r, "NG", 1);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, rig_price(&r, ng, -7)), 422);
    assert_string_equal(r.last.rule, "halt");
    q.halted = false;
    assert_int_equal(rig_command(&r, "risk", &c), 0);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, rig_price(&r, ng, -8)), 0);
}

static void an_order_id_that_was_used_answers_the_same_order_and_no_other(void **state)
{
    (void)state;
    const char *ng = rig_contract(&r, "NG", 2);
    struct order_request q;
    record_clear(RECORD(order_request), &q);
    q.id = uuid_v8(8, 1, 1);
    snprintf(q.book, sizeof q.book, "NG-US");
    snprintf(q.instrument, sizeof q.instrument, "%s", ng);
    q.side = SIDE_SELL;
    q.quantity = D("1");
    q.price = D(rig_price(&r, ng, 60));
    struct command c = {.kind = COMMAND_ORDER_NEW, .body = &q};
    int orders = table_live(node_table(r.node, RECORD_order));
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    assert_int_equal(table_live(node_table(r.node, RECORD_order)), orders + 1);
    q.quantity = D("2");
    assert_int_equal(rig_command(&r, "trader", &c), 409);
}

static void a_command_that_expired_is_not_carried_out(void **state)
{
    (void)state;
    struct halt_request q = {.halted = true};
    struct command c = {.kind = COMMAND_HALT, .body = &q, .expires = node_now(r.node)};
    assert_int_equal(rig_command(&r, "risk", &c), 422);
    assert_false(trading_halted(node_state(r.node, "trading")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marketable_order_is_filled_and_moves_position_and_exposure),
        cmocka_unit_test(an_order_away_from_the_market_rests_until_it_is_cancelled),
        cmocka_unit_test(a_replace_changes_quantity_and_price_at_the_venue),
        cmocka_unit_test(an_order_of_the_maximum_quantity_passes_and_one_lot_more_is_refused),
        cmocka_unit_test(an_order_beyond_the_price_collar_is_refused),
        cmocka_unit_test(an_order_without_a_fresh_reference_is_refused),
        cmocka_unit_test(a_price_off_the_tick_a_bad_book_and_an_unknown_contract_are_refused),
        cmocka_unit_test(a_price_at_or_below_zero_needs_a_product_that_has_them),
        cmocka_unit_test(the_same_order_twice_within_a_second_is_refused),
        cmocka_unit_test(working_orders_count_towards_the_position_limit),
        cmocka_unit_test(a_notional_that_overflows_is_refused_by_name),
        cmocka_unit_test(a_refusal_becomes_an_alert_that_only_another_person_closes),
        cmocka_unit_test(a_limit_changes_only_when_a_second_person_approves),
        cmocka_unit_test(a_halt_refuses_orders_cancels_working_ones_and_can_be_lifted),
        cmocka_unit_test(an_order_id_that_was_used_answers_the_same_order_and_no_other),
        cmocka_unit_test(a_command_that_expired_is_not_carried_out),
    };
    return cmocka_run_group_tests_name("the path of an order", tests, open_rig, close_rig);
}
