/* Four quantad, one a service, on PostgreSQL, Kafka and RabbitMQ of the test's own: any of them is the whole
 * desk to its clients, and each may be killed under orders. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/buf.h"
#include "tests/support/flow.h"
#include "tests/support/tiers.h"

enum { TRADING, RISK, PORTFOLIO, COMPLIANCE, SERVICES };
static const char *const names[] = {"trading", "risk", "portfolio", "compliance"};

static struct postgres database;
static struct rabbit broker;
static struct kafka kafka;
static struct server pods[SERVICES];
static struct flow flow = FLOW_INIT(&pods[RISK]);
static char certs[80], files[4][120];
static bool there;

/* ---- fixture ---- */

static void settings(struct server *s, const char *service)
{
    const char *const list[] = {"--services",   service,       "--stream",     kafka.address, "--queue",
                                broker.address, "--peer-cert", files[0],       "--peer-key",  files[1],
                                "--peer-ca",    files[2],      "--token-file", files[3]};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        s->more[i] = list[i];
    s->store = database.address;
}

static void write_token(void)
{
    static const char token[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    int fd = open(files[3], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, token, 65), 65);
    close(fd);
}

static int start(void **state)
{
    static const char *const parts[] = {"peer.crt", "peer.key", "ca.crt", "token"};
    (void)state;
    there = postgres_start(&database) && rabbit_start(&broker);
    if (!there)
        return 0;
    postgres_database(&database, "desk");
    kafka_start(&kafka);
    snprintf(certs, sizeof certs, "%s", temp_dir());
    certificates(certs);
    for (int i = 0; i < 4; i++)
        snprintf(files[i], sizeof files[i], "%s/%s", certs, parts[i]);
    write_token();
    for (int i = 0; i < SERVICES; i++) {
        settings(&pods[i], names[i]);
        server_launch(&pods[i], NULL, "sim:7");
    }
    for (int i = 0; i < SERVICES; i++) {
        AWAIT(server_serves(&pods[i]), 60000);
        server_sign_in(&pods[i], "trader");
    }
    flow.crosses = true;
    flow.rest = 10;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!there)
        return 0;
    for (int i = 0; i < SERVICES; i++)
        server_stop(&pods[i]);
    kafka_stop(&kafka);
    rabbit_stop(&broker);
    postgres_stop(&database);
    return 0;
}

#define NEED_TIERS()                                                                                         \
    if (!there)                                                                                              \
    skip()

/* ---- what must hold ---- */

static bool holds(const char *question)
{
    return postgres_holds(&database, "desk", question);
}

static bool outboxes_are_empty(void)
{
    return holds("SELECT (SELECT count(*) FROM trading.outbox)+(SELECT count(*) FROM risk.outbox)+(SELECT "
                 "count(*) FROM "
                 "portfolio.outbox)=0");
}

/* Every posting of trading is in its position once, in another schema, by way of the queue. */
static bool effects_are_whole(void)
{
    return holds("SELECT count(*)=0 FROM (SELECT book,instrument,sum(lots) AS lots FROM trading.posting "
                 "WHERE leg IS NULL "
                 "OR leg='' GROUP BY book,instrument) p LEFT JOIN portfolio.position q ON "
                 "q.id=p.book||'/'||p.instrument WHERE q.lots IS DISTINCT FROM p.lots") &&
           holds("SELECT (SELECT count(*) FROM trading.notice)+(SELECT count(*) FROM risk.notice)=(SELECT "
                 "count(*) FROM "
                 "compliance.alert)");
}

static void all_is_done(void)
{
    AWAIT(outboxes_are_empty(), 60000);
    AWAIT(effects_are_whole(), 30000);
}

static void acknowledged_orders_are_there(void)
{
    struct buf sql = {0};
    flow_question(&flow, "trading.\"order\"", &sql);
    if (!holds(sql.data))
        fail_msg("an acknowledged order is lost");
    buf_free(&sql);
}

/* The rows of a listing as the pod tells them, in order of their keys. */
static char *listing(const struct server *s, const char *path, const char *key)
{
    struct reply r = server_get(s, path);
    json_t *j = json_loads(r.body, 0, NULL), *rows = json_object_get(j, "rows"), *row;
    json_t *by_key = json_object();
    size_t i;
    json_array_foreach(rows, i, row)
        json_object_set(by_key, json_string_value(json_object_get(row, key)), row);
    char *text = json_dumps(by_key, JSON_SORT_KEYS);
    json_decref(by_key);
    json_decref(j);
    free(r.body);
    return text;
}

static bool the_same_everywhere(const char *path, const char *key)
{
    char *first = listing(&pods[0], path, key);
    bool same = strlen(first) > 100;
    for (int i = 1; i < SERVICES; i++) {
        char *other = listing(&pods[i], path, key);
        same = same && !strcmp(first, other);
        free(other);
    }
    free(first);
    return same;
}

static void told(const char *what)
{
    print_message(
        "%s: %d orders acknowledged so far, slowest %.0f ms, %d unanswered, %d answered otherwise\n", what,
        flow.count, flow.slowest, flow.unanswered, flow.other);
}

static void restart(int pod)
{
    server_start(&pods[pod], pods[pod].dir, "sim:7");
}

/* ---- claims ---- */

static void nothing(void) {}

static void any_pod_is_the_whole_desk(void **state)
{
    (void)state;
    NEED_TIERS();
    flow_under(&flow, 50, nothing); /* by the risk pod, carried to trading */
    told("carried");
    all_is_done();
    acknowledged_orders_are_there();
    assert_int_equal(flow.unanswered + flow.other, 0);
    AWAIT(the_same_everywhere("/v1/trading/orders?limit=10000", "id"), 10000);
    AWAIT(the_same_everywhere("/v1/trading/trades?limit=10000", "id"), 10000);
    AWAIT(the_same_everywhere("/v1/compliance/alerts?limit=10000", "id"), 10000);
    AWAIT(the_same_everywhere("/v1/trading/instruments?limit=10000", "instrument"), 10000);
}

static void a_sign_in_and_its_end_are_known_everywhere(void **state)
{
    (void)state;
    NEED_TIERS();
    struct server at[SERVICES];
    server_sign_in(&pods[COMPLIANCE], "risk");
    for (int i = 0; i < SERVICES; i++) {
        memcpy(&at[i], &pods[i], sizeof at[i]);
        memcpy(at[i].token, pods[COMPLIANCE].token, sizeof at[i].token);
        struct reply r = server_get(&at[i], "/v1/trading/halt");
        assert_int_equal(r.status, 200);
        free(r.body);
    }
    struct reply r = server_request(&at[TRADING], "DELETE", "/v1/session", "", NULL);
    assert_int_equal(r.status, 200);
    free(r.body);
    for (int i = 0; i < SERVICES; i++) {
        for (int64_t until = millis() + 1000;; rest_ms(5)) {
            r = server_get(&at[i], "/v1/trading/halt");
            free(r.body);
            if (r.status == 401)
                break;
            if (millis() > until)
                fail_msg("the %s pod still knows an ended session", names[i]);
        }
    }
    server_sign_in(&pods[COMPLIANCE], "trader");
}

/* A stranger without a certificate of the desk's authority gets nothing from where the services meet. */
static void the_services_meet_behind_certificates(void **state)
{
    (void)state;
    NEED_TIERS();
    char out[300] = "";
    assert_true(holds("SELECT value LIKE 'https://127.0.0.1:%' FROM trading.meta WHERE key='address'"));
    assert_true(shell(
        "psql -At -h %s -U postgres desk -c \"SELECT value FROM trading.meta WHERE key='address'\" > %s/at",
        database.dir, certs));
    FILE *f;
    snprintf(out, sizeof out, "%s/at", certs);
    f = fopen(out, "r");
    assert_non_null(f);
    assert_non_null(fgets(out, sizeof out, f));
    fclose(f);
    out[strcspn(out, "\n")] = 0;
    assert_true(shell("curl -s -m 5 --cacert %s --cert %s --key %s %s/healthz | grep -q ok", files[2],
                      files[0], files[1], out));
    assert_false(shell("curl -s -m 5 --cacert %s %s/healthz", files[2], out));
    /* and the public side takes nobody's word for who he is */
    struct reply r =
        server_request(&pods[TRADING], "GET", "/v1/trading/halt",
                       "X-Quanta-Actor: {\"user\":\"system\",\"session\":\"x\",\"role\":\"administrator\","
                       "\"books\":\"*\"}\r\nAuthorization: none\r\n",
                       NULL);
    char limit[] = "{\"id\":\"L-99\",\"number\":\"L-99\"}";
    free(r.body);
    r = server_post(&pods[COMPLIANCE], "/v1/compliance/limits", limit);
    assert_int_equal(r.status, 403);
    free(r.body);
}

static int victim;
static void pod_dies(void)
{
    server_kill(&pods[victim]);
    rest_ms(200);
    restart(victim);
}

static void killed(int pod)
{
    victim = pod;
    flow_under(&flow, 50, pod_dies);
    told(names[pod]);
    server_sign_in(&pods[pod], "trader");
    all_is_done();
    acknowledged_orders_are_there();
    AWAIT(the_same_everywhere("/v1/trading/orders?limit=10000", "id"), 10000);
    AWAIT(the_same_everywhere("/v1/compliance/alerts?limit=10000", "id"), 10000);
}

static void a_killed_portfolio_is_not_missed(void **state)
{
    (void)state;
    NEED_TIERS();
    killed(PORTFOLIO);
    assert_int_equal(flow.unanswered + flow.other, 0);
}

static void a_killed_compliance_is_not_missed(void **state)
{
    (void)state;
    NEED_TIERS();
    killed(COMPLIANCE);
    assert_int_equal(flow.unanswered + flow.other, 0);
}

static void a_killed_trading_loses_nothing(void **state)
{
    (void)state;
    NEED_TIERS();
    killed(TRADING);
    assert_int_equal(flow.unanswered, 0);
}

static void a_killed_queue_loses_nothing(void **state)
{
    (void)state;
    NEED_TIERS();
    rabbit_kill(&broker);
    flow_under(&flow, 50, nothing);
    rabbit_again(&broker);
    told("queue killed");
    all_is_done();
    acknowledged_orders_are_there();
}

static void stream_dies(void)
{
    kafka_kill(&kafka);
    rest_ms(soak() ? 10000 : 1000);
    kafka_again(&kafka);
}

static void a_killed_stream_loses_nothing(void **state)
{
    (void)state;
    NEED_TIERS();
    if (!kafka.pid) {
        print_message("skipped: kill -9 of Kafka: the mock cluster cannot be killed alone\n");
        skip();
    }
    flow_under(&flow, 50, stream_dies);
    told("stream killed");
    all_is_done();
    acknowledged_orders_are_there();
    AWAIT(the_same_everywhere("/v1/trading/orders?limit=10000", "id"), 30000);
    AWAIT(the_same_everywhere("/v1/compliance/alerts?limit=10000", "id"), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pod_is_the_whole_desk),
        cmocka_unit_test(a_sign_in_and_its_end_are_known_everywhere),
        cmocka_unit_test(the_services_meet_behind_certificates),
        cmocka_unit_test(a_killed_portfolio_is_not_missed),
        cmocka_unit_test(a_killed_compliance_is_not_missed),
        cmocka_unit_test(a_killed_trading_loses_nothing),
        cmocka_unit_test(a_killed_queue_loses_nothing),
        cmocka_unit_test(a_killed_stream_loses_nothing),
    };
    return cmocka_run_group_tests_name("four services", tests, start, stop);
}
