/* kill -9 under order flow at random instants: every acknowledged order is there once after the restart. */
#include <poll.h>
#include "backend/data/store.h"
#include "common/table.h"
#include "tests/support/flow.h"

#define FLOWS 2

static struct server server;
static struct flow flow = FLOW_INIT(&server);

struct seen {
    struct table orders;
    int twice;
};

static void take(void *arg, const void *row)
{
    struct seen *s = arg;
    s->twice += table_index(&s->orders, row) >= 0;
    table_put(&s->orders, row);
}

/* Reads the store itself while nobody writes: ids, statuses, whole trades. */
static void check_store(int run)
{
    char address[200], why[200], id[UUID_TEXT];
    struct seen s = {.twice = 0};
    snprintf(address, sizeof address, "sqlite:%s/quanta.db", server.dir);
    struct store *store = store_open(address, why, sizeof why);
    if (!store)
        fail_msg("run %d: %s", run, why);
    table_init(&s.orders, RECORD(order));
    assert_true(store->ops->load(store, RECORD_order, take, &s));
    assert_int_equal(s.twice, 0);
    for (int i = 0; i < flow.count; i++) {
        const struct order *o = table_get(&s.orders, &flow.told[i].id, 16);
        if (!o)
            fail_msg("run %d: acknowledged order %s is lost", run, uuid_format(&flow.told[i].id, id));
        assert_int_equal(o->status == STATUS_REJECTED, flow.told[i].status == 422);
    }
    table_free(&s.orders);
    store->ops->close(store);
}

static void every_acknowledged_order_is_there_once_after_kill_9(void **state)
{
    (void)state;
    int runs = soak() ? 1000 : 200;
    uint64_t seed = test_seed(51);
    int64_t slowest = 0;
    server_start(&server, NULL, NULL);
    for (int run = 0; run < runs; run++) {
        flow_start(&flow, FLOWS);
        poll(NULL, 0, (int)(draw(&seed) % 60));
        poll(NULL, 0, (int)(draw(&seed) % 3));
        server_kill(&server);
        flow_stop(&flow);
        if (run % 10 == 0 || run + 1 == runs)
            check_store(run);
        int64_t begun = millis();
        server_start(&server, server.dir, "none");
        slowest = millis() - begun > slowest ? millis() - begun : slowest;
        /* The newest of them by the API too, and nothing is left in doubt. */
        char path[100], id[UUID_TEXT];
        for (int i = flow.count > 5 ? flow.count - 5 : 0; i < flow.count; i++) {
            snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&flow.told[i].id, id));
            struct reply r = server_get(&server, path);
            assert_int_equal(r.status, 200);
            free(r.body);
        }
        struct reply r = server_get(&server, "/v1/trading/orders?filter=in_doubt=true");
        assert_string_equal(r.body, "{\"rows\":[],\"next\":null}");
        free(r.body);
        struct reply c =
            server_post(&server, "/v1/trading/orders/cancel-all", "{\"halted\":false,\"book\":\"NG-US\"}");
        assert_int_equal(c.status, 200);
        free(c.body);
    }
    server_stop(&server);
    check_store(runs);
    print_message("%d kills, %d acknowledged orders, slowest restart %lld ms\n", runs, flow.count,
                  (long long)slowest);
    assert_true(flow.count > runs * 5);
    char program[300], db[200], out[2000];
    snprintf(program, sizeof program, "%s/quanta-audit", build_dir());
    snprintf(db, sizeof db, "%s/quanta.db", server.dir);
    char *argv[] = {program, db, NULL};
    if (run_program(argv, out, sizeof out) != 0)
        fail_msg("%s", out);
    assert_non_null(strstr(out, "chain whole"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_acknowledged_order_is_there_once_after_kill_9)};
    return cmocka_run_group_tests_name("kill -9", tests, NULL, NULL);
}
