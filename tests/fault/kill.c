/* kill -9 under order flow at random instants: every acknowledged order is there once after the restart. */
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "backend/data/store.h"
#include "common/clock.h"
#include "common/table.h"
#include "common/uuid.h"
#include "tests/support/server.h"

#define FLOWS 2
#define ACKED 200000

static struct server server;
static struct {
    struct uuid id;
    int status;
} acked[ACKED];
static int acked_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool running;
static int prices; /* in ticks below the market: no two orders are alike */
static char instrument[25];
static double mark;

/* Sends orders as fast as they are acknowledged, until the server is gone. */
static void *flow(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg * 7919 + 13;
    while (running) {
        char body[400], id[UUID_TEXT];
        struct uuid u = uuid_v7(clock_utc(&clock_system));
        pthread_mutex_lock(&lock);
        int step = prices++ % 60;
        pthread_mutex_unlock(&lock);
        int lots = draw(&seed) % 9 == 0 ? 900 : 1; /* one in nine is refused: kept as well */
        bool rests = draw(&seed) % 12 == 0;
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"%s\",\"quantity\":\"%"
                 "d\",\"price\":\"%.3f\",\"time_in_force\":\"%s\"}",
                 uuid_format(&u, id), instrument, step % 2 ? "buy" : "sell", lots,
                 mark + (step % 2 ? -0.15 : 0.15) + step * 0.001, rests ? "day" : "ioc");
        struct reply r = server_post(&server, "/v1/trading/orders", body);
        if (r.status == 201 || r.status == 422) {
            pthread_mutex_lock(&lock);
            assert_true(acked_count < ACKED);
            acked[acked_count].id = u;
            acked[acked_count++].status = r.status;
            pthread_mutex_unlock(&lock);
        } else if (r.status != 0 && r.status != 503)
            print_error("unexpected answer %d: %s\n", r.status, r.body);
        free(r.body);
        if (!r.status)
            break;
    }
    return NULL;
}

static void find_market(void)
{
    struct reply r = server_get(&server, "/v1/trading/quotes?filter=product=NG&limit=4");
    json_t *j = json_loads(r.body, 0, NULL), *row = json_array_get(json_object_get(j, "rows"), 1);
    snprintf(instrument, sizeof instrument, "%s", json_string_value(json_object_get(row, "instrument")));
    mark = strtod(json_string_value(json_object_get(row, "last")), NULL);
    json_decref(j);
    free(r.body);
}

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
    for (int i = 0; i < acked_count; i++) {
        const struct order *o = table_get(&s.orders, &acked[i].id, 16);
        if (!o)
            fail_msg("run %d: acknowledged order %s is lost", run, uuid_format(&acked[i].id, id));
        assert_int_equal(o->status == STATUS_REJECTED, acked[i].status == 422);
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
        pthread_t threads[FLOWS];
        find_market();
        running = true;
        for (int i = 0; i < FLOWS; i++)
            pthread_create(&threads[i], NULL, flow, (void *)(uintptr_t)(run * FLOWS + i + 1));
        poll(NULL, 0, (int)(draw(&seed) % 60));
        poll(NULL, 0, (int)(draw(&seed) % 3));
        server_kill(&server);
        running = false;
        for (int i = 0; i < FLOWS; i++)
            pthread_join(threads[i], NULL);
        if (run % 10 == 0 || run + 1 == runs)
            check_store(run);
        int64_t begun = millis();
        server_start(&server, server.dir, "none");
        slowest = millis() - begun > slowest ? millis() - begun : slowest;
        /* The newest of them by the API too, and nothing is left in doubt. */
        char path[100], id[UUID_TEXT];
        for (int i = acked_count > 5 ? acked_count - 5 : 0; i < acked_count; i++) {
            snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&acked[i].id, id));
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
    print_message("%d kills, %d acknowledged orders, slowest restart %lld ms\n", runs, acked_count,
                  (long long)slowest);
    assert_true(acked_count > runs * 5);
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
