/* The same facts give the same state: in a fresh process, after recovery, and whatever the local stream and
 * queue delay, duplicate and reorder. */
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/rig.h"

/* A busy day: orders in every direction, cancels, replaces, a refusal, a deal, a close. */
static void a_day(struct rig *r, uint64_t seed, int steps)
{
    static const char *const products[] = {"NG", "CL", "TTF", "DEB", "BRN", "EUA"};
    static const char *const books[] = {"NG-US", "OIL", "TTF-PROP", "DE-POWER", "OIL", "TTF-PROP"};
    struct uuid open[64];
    int open_count = 0;
    for (int i = 0; i < steps; i++) {
        int k = (int)(draw(&seed) % 6);
        const char *name = k == 5 ? "EUAH27" : rig_contract(r, products[k], 1 + (int)(draw(&seed) % 2));
        uint8_t side = draw(&seed) % 2 ? SIDE_BUY : SIDE_SELL;
        char lots[DEC_TEXT], id[UUID_TEXT];
        snprintf(lots, sizeof lots, "%d", 1 + (int)(draw(&seed) % 3));
        int ticks = (int)(draw(&seed) % 40) - 20;
        if (rig_order(r, "trader", books[k], side, lots, name, rig_price(r, name, ticks)) == 0 &&
            open_count < 64)
            open[open_count++] = r->order.id;
        if (open_count && draw(&seed) % 3 == 0) {
            struct command c = {.kind = COMMAND_ORDER_CANCEL};
            snprintf(c.target, sizeof c.target, "%s",
                     uuid_format(&open[draw(&seed) % (uint64_t)open_count], id));
            rig_command(r, "trader", &c);
        }
        rig_run(r, 0.25 * (double)(1 + draw(&seed) % 4));
    }
    rig_order(r, "trader", "OIL", SIDE_BUY, "900", rig_contract(r, "CL", 1),
              rig_price(r, rig_contract(r, "CL", 1), 0));
    struct deal_request q;
    record_clear(RECORD(deal_request), &q);
    snprintf(q.book, sizeof q.book, "NG-US");
    snprintf(q.counterparty, sizeof q.counterparty, "Pecan Valley Gas");
    snprintf(q.instrument, sizeof q.instrument, "NG-Q1-27");
    q.side = SIDE_SELL;
    q.quantity = D("20000");
    q.price = D("2.9");
    struct command c = {.kind = COMMAND_DEAL_NEW, .body = &q};
    assert_int_equal(rig_command(r, "trader", &c), 0);
    r->clock.fixed_utc += 6 * 3600 * SECOND;
    r->clock.fixed_mono += 6 * 3600 * SECOND;
    rig_run(r, 1);
}

/* The digest that a child process gets by applying the journal alone. */
static void digest_elsewhere(const char *path, bool replay, char out[65])
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct rig r;
        char why[200], digest[65];
        rig_open(&r, &(struct rig_config){.store = path, .closed = true});
        bool ok = replay ? node_replay(r.node, why, sizeof why) : node_recover(r.node, why, sizeof why);
        node_digest(r.node, digest);
        ok = ok && write(pipes[1], digest, 65) == 65;
        _exit(ok ? 0 : 1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], out, 65), 65);
    close(pipes[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_fresh_process_that_applies_the_journal_has_the_same_state(void **state)
{
    (void)state;
    struct rig r;
    char path[200], before[65], replayed[65], recovered[65];
    uint64_t seed = test_seed(11);
    snprintf(path, sizeof path, "%s/quanta.db", temp_dir());
    rig_open(&r, &(struct rig_config){.store = path});
    a_day(&r, seed, soak() ? 2000 : 200);
    node_digest(r.node, before);
    assert_true(node_sequence(r.node) > 500);
    rig_close(&r);
    digest_elsewhere(path, true, replayed);
    assert_string_equal(replayed, before);
    digest_elsewhere(path, false, recovered);
    assert_string_equal(recovered, before);
}

static void a_restart_finds_working_orders_at_the_venue_and_sends_none_again(void **state)
{
    (void)state;
    struct rig r;
    char path[200];
    snprintf(path, sizeof path, "%s/quanta.db", temp_dir());
    rig_open(&r, &(struct rig_config){.store = path});
    const char *ng = rig_contract(&r, "NG", 1);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "2", ng, rig_price(&r, ng, -60)), 0);
    rig_run(&r, 1);
    struct uuid id = r.order.id;
    char venue_id[25];
    snprintf(venue_id, sizeof venue_id, "%s", rig_find(&r, &id)->venue_order_id);
    int orders = table_live(node_table(r.node, RECORD_order));
    rig_close(&r);
    rig_open(&r, &(struct rig_config){.store = path});
    assert_int_equal(table_live(node_table(r.node, RECORD_order)), orders);
    assert_int_equal(rig_find(&r, &id)->status, STATUS_NEW);
    assert_string_equal(rig_find(&r, &id)->venue_order_id, venue_id);
    /* It still rests there: the market comes to it and it is filled once. */
    struct replace_request q;
    record_clear(RECORD(replace_request), &q);
    q.quantity = D("2");
    q.price = D(rig_price(&r, ng, 3));
    char text[UUID_TEXT];
    struct command c = {.kind = COMMAND_ORDER_REPLACE, .body = &q, .version = rig_find(&r, &id)->version};
    snprintf(c.target, sizeof c.target, "%s", uuid_format(&id, text));
    assert_int_equal(rig_command(&r, "trader", &c), 0);
    rig_run(&r, 1);
    assert_int_equal(rig_find(&r, &id)->status, STATUS_FILLED);
    assert_int_equal(rig_find(&r, &id)->filled_quantity, D("2"));
    rig_close(&r);
}

/* Orders decided and durable, venue never told: after the restart it is asked, and what it does not know is
 * closed. */
static void an_order_that_never_reached_the_venue_is_closed_not_sent(void **state)
{
    (void)state;
    struct rig r;
    char path[200], why[200];
    snprintf(path, sizeof path, "%s/quanta.db", temp_dir());
    rig_open(&r, &(struct rig_config){.store = path});
    const char *ng = rig_contract(&r, "NG", 1);
    char price[DEC_TEXT];
    snprintf(price, sizeof price, "%s", rig_price(&r, ng, -50));
    rig_close(&r);
    /* The same store without a venue: what a crash between commit and send leaves behind. */
    rig_open(&r, &(struct rig_config){.store = path, .closed = true});
    assert_true(node_recover(r.node, why, sizeof why));
    struct quote q;
    record_clear(RECORD(quote), &q);
    snprintf(q.instrument, sizeof q.instrument, "%s", ng);
    q.bid = D(price);
    q.ask = q.bid + 2000;
    q.time = node_now(r.node);
    cache_put(r.cache, &q);
    snprintf(q.instrument, sizeof q.instrument, "EURUSD");
    q.bid = q.ask = D("1.16");
    cache_put(r.cache, &q);
    assert_int_equal(rig_order(&r, "trader", "NG-US", SIDE_BUY, "1", ng, price), 0);
    struct uuid id = r.order.id;
    assert_int_equal(rig_find(&r, &id)->status, STATUS_PENDING_NEW);
    rig_close(&r);
    rig_open(&r, &(struct rig_config){.store = path});
    const struct order *o = rig_find(&r, &id);
    assert_int_equal(o->status, STATUS_CANCELLED);
    assert_non_null(strstr(o->reason, "not sent again"));
    assert_false(o->in_doubt);
    rig_close(&r);
}

static void delays_duplicates_and_reordering_give_the_same_books(void **state)
{
    (void)state;
    char first[120], digest[120];
    uint64_t seed = test_seed(23);
    int runs = soak() ? 40 : 6;
    for (int k = 0; k < runs; k++) {
        struct rig r;
        rig_open(&r, &(struct rig_config){.faults = k ? seed + (uint64_t)k : 0});
        a_day(&r, 99, 40);
        /* Sequences and times differ with the order of delivery; what is held and done must not. */
        dec quantity = 0, cost = 0, realised = 0;
        table_each(node_table(r.node, RECORD_position), const struct position, p)
        {
            quantity += p->quantity;
            cost += p->cost;
            realised += p->realised;
        }
        snprintf(digest, sizeof digest, "%d %lld %lld %lld", table_live(node_table(r.node, RECORD_position)),
                 (long long)quantity, (long long)cost, (long long)realised);
        if (!k)
            memcpy(first, digest, sizeof first);
        assert_string_equal(digest, first);
        rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_process_that_applies_the_journal_has_the_same_state),
        cmocka_unit_test(a_restart_finds_working_orders_at_the_venue_and_sends_none_again),
        cmocka_unit_test(an_order_that_never_reached_the_venue_is_closed_not_sent),
        cmocka_unit_test(delays_duplicates_and_reordering_give_the_same_books),
    };
    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
