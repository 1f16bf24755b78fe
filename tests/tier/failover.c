/* The whole quantad on a PostgreSQL pair: orders flow while connections are cut, the primary dies and its
 * standby takes over, and quantad itself is killed. Every acknowledged order is there once. */
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>
#include "common/buf.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "tests/support/server.h"
#include "tests/support/tiers.h"

#define ACKED 100000
#define FLOWS 4

static struct postgres first, second;
static struct server server;
static char address[300], instrument[25];
static double mark;
static bool there, running;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uuid acked[ACKED];
static int acked_count, unanswered, other;
static double slowest;

static void find_market(void)
{
    struct reply r = server_get(&server, "/v1/trading/quotes?filter=product=NG&limit=4");
    json_t *j = json_loads(r.body, 0, NULL), *row = json_array_get(json_object_get(j, "rows"), 1);
    snprintf(instrument, sizeof instrument, "%s", json_string_value(json_object_get(row, "instrument")));
    mark = strtod(json_string_value(json_object_get(row, "last")), NULL);
    json_decref(j);
    free(r.body);
}

static void note(const struct uuid *id, const struct reply *r)
{
    pthread_mutex_lock(&lock);
    bool told = r->status == 201 || r->status == 422; /* a refused order is kept as well */
    if (told && acked_count < ACKED)
        acked[acked_count++] = *id;
    unanswered += r->status == 0;
    other += r->status != 0 && !told;
    if (told && r->ms > slowest)
        slowest = r->ms;
    pthread_mutex_unlock(&lock);
}

static void *flow(void *arg)
{
    static int prices;
    (void)arg;
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
        char body[400], id[UUID_TEXT];
        struct uuid u = uuid_v7(clock_utc(&clock_system));
        int step = __atomic_fetch_add(&prices, 1, __ATOMIC_RELAXED) % 60;
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"%s\",\"quantity\":\"1\","
                 "\"price\":\"%.3f\",\"time_in_force\":\"ioc\"}",
                 uuid_format(&u, id), instrument, step % 2 ? "buy" : "sell",
                 mark + (step % 2 ? -0.15 : 0.15) + step * 0.001);
        struct reply r = server_post(&server, "/v1/trading/orders", body);
        note(&u, &r);
        free(r.body);
        if (!r.status)
            break;
    }
    return NULL;
}

/* Orders flow while `happens` does. */
static void under_orders(void (*happens)(void))
{
    pthread_t threads[FLOWS];
    __atomic_store_n(&running, true, __ATOMIC_RELEASE);
    for (int i = 0; i < FLOWS; i++)
        pthread_create(&threads[i], NULL, flow, NULL);
    usleep(300000);
    happens();
    usleep(300000);
    __atomic_store_n(&running, false, __ATOMIC_RELEASE);
    for (int i = 0; i < FLOWS; i++)
        pthread_join(threads[i], NULL);
}

/* Every acknowledged order once, no fact missing, no audit record out of the chain. */
static void all_there(struct postgres *p)
{
    struct buf sql = {0};
    char id[UUID_TEXT];
    buf_printf(&sql, "SELECT count(*)=%d FROM \"order\" WHERE id=ANY('{", acked_count);
    for (int i = 0; i < acked_count; i++)
        buf_printf(&sql, "%s%s", i ? "," : "", uuid_format(&acked[i], id));
    buf_text(&sql, "}')");
    if (!postgres_holds(p, "desk", sql.data))
        fail_msg("an acknowledged order is lost");
    buf_free(&sql);
    assert_true(
        postgres_holds(p, "desk", "SELECT count(*)=max(seq) AND count(*)=count(DISTINCT seq) FROM fact"));
    assert_true(postgres_holds(
        p, "desk",
        "SELECT bool_and(previous=before) FROM (SELECT previous, lag(hash,1,previous) OVER (ORDER BY "
        "sequence) AS before FROM audit) AS chain"));
}

static void cut_connections(void)
{
    for (int i = 0; i < 20; i++) {
        postgres_run(&first, "postgres",
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='desk' AND "
                     "application_name='quantad'");
        usleep(50000);
    }
}

static void the_standby_takes_over(void)
{
    postgres_crash(&first);
    postgres_promote(&second);
    postgres_run(&second, "postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres_run(&second, "postgres", "SELECT pg_reload_conf()");
    usleep(700000);
}

static void nothing(void) {}

static void killed(void)
{
    server_kill(&server);
}

static int start(void **state)
{
    (void)state;
    there = postgres_start(&first);
    if (!there)
        return 0;
    postgres_database(&first, "desk");
    postgres_standby(&first, &second);
    postgres_either(&first, &second, "desk", address, sizeof address);
    server.store = address;
    server_start(&server, NULL, "sim:7");
    find_market();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!there)
        return 0;
    server_stop(&server);
    postgres_stop(&second);
    postgres_stop(&first);
    return 0;
}

#define NEED_POSTGRES()                                                                                      \
    if (!there)                                                                                              \
    skip()

static void told(const char *what)
{
    print_message("%s: %d acknowledged so far, slowest %.0f ms, %d unanswered, %d answered otherwise\n", what,
                  acked_count, slowest, unanswered, other);
    slowest = 0;
}

static void cut_connections_are_not_noticed(void **state)
{
    (void)state;
    NEED_POSTGRES();
    under_orders(cut_connections);
    told("cut connections");
    assert_int_equal(unanswered + other, 0);
    assert_true(acked_count > 100);
    all_there(&first);
}

static void a_failover_loses_no_acknowledged_order(void **state)
{
    (void)state;
    NEED_POSTGRES();
    int before = acked_count;
    under_orders(the_standby_takes_over);
    told("failover");
    assert_int_equal(unanswered + other, 0);
    assert_true(acked_count > before + 100);
    all_there(&second);
}

static void a_killed_quantad_finds_every_order_again(void **state)
{
    (void)state;
    NEED_POSTGRES();
    int before = acked_count;
    under_orders(killed);
    told("killed");
    assert_true(acked_count > before);
    server_start(&server, server.dir, "sim:7");
    all_there(&second);
    char path[100], id[UUID_TEXT];
    for (int i = 0; i < acked_count; i += 50) {
        snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&acked[i], id));
        struct reply r = server_get(&server, path);
        if (r.status != 200)
            fail_msg("%s: %d %s", path, r.status, r.body);
        free(r.body);
    }
    unanswered = other = 0;
    before = acked_count;
    find_market();
    under_orders(nothing); /* and it trades on */
    assert_true(acked_count > before + 100);
    all_there(&second);
}

/* A second quantad on the same store stands by: it serves once the first is gone, and not before. */
static void a_standby_takes_over_when_the_owner_is_killed(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct server standby = {.store = address};
    server_launch(&standby, NULL, "sim:7");
    for (int64_t until = millis() + 3000; millis() < until; usleep(20000))
        assert_false(server_serves(&standby));
    int before = acked_count;
    under_orders(killed);
    int64_t begun = millis();
    while (!server_serves(&standby)) {
        if (millis() > begun + 20000)
            fail_msg("the standby does not serve; see %s/quantad.log", standby.dir);
        usleep(5000);
    }
    print_message("the standby served %lld ms after the owner was killed\n",
                  (long long)(millis() - begun) + 300);
    assert_true(acked_count > before);
    all_there(&second);
    server = standby;
    server_sign_in(&server, "trader");
    unanswered = other = 0;
    before = acked_count;
    find_market();
    under_orders(nothing);
    assert_true(acked_count > before + 100);
    assert_int_equal(unanswered + other, 0);
    all_there(&second);
}

/* One that ends in order gives its lease up, and one that stands by ends when it is told. */
static void an_orderly_end_hands_over_at_once(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct server standby = {.store = address}, third = {.store = address};
    server_launch(&standby, NULL, "sim:7");
    usleep(500000);
    server_stop(&server);
    int64_t begun = millis();
    while (!server_serves(&standby)) {
        if (millis() > begun + 20000)
            fail_msg("the standby does not serve; see %s/quantad.log", standby.dir);
        usleep(5000);
    }
    print_message("served %lld ms after the owner ended\n", (long long)(millis() - begun));
    server = standby;
    server_sign_in(&server, "trader");
    all_there(&second);
    server_launch(&third, NULL, "sim:7");
    usleep(500000);
    server_stop(&third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_connections_are_not_noticed),
        cmocka_unit_test(a_failover_loses_no_acknowledged_order),
        cmocka_unit_test(a_killed_quantad_finds_every_order_again),
        cmocka_unit_test(a_standby_takes_over_when_the_owner_is_killed),
        cmocka_unit_test(an_orderly_end_hands_over_at_once),
    };
    return cmocka_run_group_tests_name("a desk on a PostgreSQL pair", tests, start, stop);
}
