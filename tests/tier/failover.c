/* The whole quantad on a PostgreSQL pair: orders flow while connections are cut, the primary dies and its
 * standby takes over, and quantad itself is killed. Every acknowledged order is there once. */
#include "common/buf.h"
#include "tests/support/flow.h"
#include "tests/support/tiers.h"

static struct postgres first, second;
static struct server server;
static struct flow flow = FLOW_INIT(&server);
static char address[300];
static bool there;

/* Every acknowledged order once, no fact missing, no audit record out of the chain. */
static void all_there(struct postgres *p)
{
    struct buf sql = {0};
    flow_question(&flow, "\"order\"", &sql);
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
        rest_ms(50); /* between one cut and the next */
    }
}

static void the_standby_takes_over(void)
{
    postgres_crash(&first);
    postgres_promote(&second);
    postgres_run(&second, "postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres_run(&second, "postgres", "SELECT pg_reload_conf()");
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
                  flow.count, flow.slowest, flow.unanswered, flow.other);
}

static void cut_connections_are_not_noticed(void **state)
{
    (void)state;
    NEED_POSTGRES();
    flow_under(&flow, 100, cut_connections);
    told("cut connections");
    assert_int_equal(flow.unanswered + flow.other, 0);
    all_there(&first);
}

static void a_failover_loses_no_acknowledged_order(void **state)
{
    (void)state;
    NEED_POSTGRES();
    flow_under(&flow, 100, the_standby_takes_over);
    told("failover");
    assert_int_equal(flow.unanswered + flow.other, 0);
    all_there(&second);
}

static void a_killed_quantad_finds_every_order_again(void **state)
{
    (void)state;
    NEED_POSTGRES();
    flow_under(&flow, 100, killed);
    told("killed");
    server_start(&server, server.dir, "sim:7");
    all_there(&second);
    char path[100], id[UUID_TEXT];
    for (int i = 0; i < flow.count; i += 50) {
        snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&flow.told[i].id, id));
        struct reply r = server_get(&server, path);
        if (r.status != 200)
            fail_msg("%s: %d %s", path, r.status, r.body);
        free(r.body);
    }
    flow_under(&flow, 100, nothing); /* and it trades on */
    all_there(&second);
}

/* A second quantad on the same store stands by: it serves once the first is gone, and not before. */
static void a_standby_takes_over_when_the_owner_is_killed(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct server standby = {.store = address};
    server_launch(&standby, NULL, "sim:7");
    for (int64_t until = millis() + 3000; millis() < until; rest_ms(20))
        assert_false(server_serves(&standby));
    flow_under(&flow, 100, killed);
    int64_t begun = millis();
    AWAIT(server_serves(&standby), 20000);
    print_message("the standby served %lld ms after the owner was killed\n", (long long)(millis() - begun));
    all_there(&second);
    server = standby;
    server_sign_in(&server, "trader");
    flow_under(&flow, 100, nothing);
    assert_int_equal(flow.unanswered + flow.other, 0);
    all_there(&second);
}

/* One that ends in order gives its lease up, and one that stands by ends when it is told. */
static void an_orderly_end_hands_over_at_once(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct server standby = {.store = address}, third = {.store = address};
    server_launch(&standby, NULL, "sim:7");
    AWAIT(server_logged(&standby, "standing by"), 10000);
    server_stop(&server);
    int64_t begun = millis();
    AWAIT(server_serves(&standby), 20000);
    print_message("served %lld ms after the owner ended\n", (long long)(millis() - begun));
    server = standby;
    server_sign_in(&server, "trader");
    all_there(&second);
    server_launch(&third, NULL, "sim:7");
    AWAIT(server_logged(&third, "standing by"), 10000);
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
