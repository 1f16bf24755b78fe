/* The whole quantad with its work on a RabbitMQ of the test's own: every posting takes effect once, whatever
 * dies, stops or says a thing three times. */
#include <signal.h>
#include <sqlite3.h>
#include "backend/data/store.h"
#include "backend/queue/work.h"
#include "tests/support/flow.h"
#include "tests/support/tiers.h"

static struct rabbit broker;
static struct server server;
static struct flow flow = FLOW_INIT(&server);
static bool there;

/* ---- what must hold: positions are the sums of postings ---- */

static bool holds(const char *question)
{
    char path[100];
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/quanta.db", server.dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    assert_int_equal(sqlite3_prepare_v2(db, question, -1, &st, NULL), SQLITE_OK);
    bool yes = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return yes;
}

/* The whole of both sides: a book's instrument that has postings and no position, or other lots, is a fault.
 */
static bool effects_are_whole(void)
{
    return holds(
        "SELECT count(*)=0 FROM (SELECT book, instrument, sum(lots) AS lots FROM posting WHERE leg='' OR "
        "leg IS NULL GROUP BY book, instrument) AS p LEFT JOIN position q ON q.id=p.book||'/'||p.instrument "
        "WHERE q.lots IS NULL OR q.lots<>p.lots");
}

/* Every notice one alert. */
static bool alerts_are_whole(void)
{
    return holds("SELECT (SELECT count(*) FROM notice)=(SELECT count(*) FROM alert)");
}

static bool nothing_waits(void)
{
    return holds("SELECT count(*)=0 FROM outbox");
}

static int64_t all_is_done(void)
{
    int64_t begun = millis();
    AWAIT(nothing_waits(), 60000);
    AWAIT(effects_are_whole(), 30000);
    AWAIT(alerts_are_whole(), 30000);
    return millis() - begun;
}

static void told(const char *what, int64_t ms)
{
    print_message("%s: %d orders acknowledged so far, effects whole %lld ms after the last order, slowest "
                  "answer %.0f ms\n",
                  what, flow.count, (long long)ms, flow.slowest);
}

/* ---- fixture ---- */

static int start(void **state)
{
    (void)state;
    there = rabbit_start(&broker);
    if (!there)
        return 0;
    server.more[0] = "--queue";
    server.more[1] = broker.address;
    server_start(&server, NULL, "sim:7");
    flow.crosses = true;
    flow.rest = 4;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!there)
        return 0;
    server_stop(&server);
    rabbit_stop(&broker);
    return 0;
}

#define NEED_RABBIT()                                                                                        \
    if (!there)                                                                                              \
    skip()

/* ---- faults ---- */

static void nothing(void) {}

static void broker_dies(void)
{
    rabbit_kill(&broker);
    rest_ms(soak() ? 10000 : 500); /* orders are taken meanwhile */
    rabbit_again(&broker);
}

static void broker_stops(void)
{
    kill(broker.pid, SIGSTOP);
    rest_ms(soak() ? 60000 : 10000); /* longer than the heartbeat */
    kill(broker.pid, SIGCONT);
}

static void desk_dies(void)
{
    server_kill(&server);
}

static void work_travels_by_the_broker(void **state)
{
    (void)state;
    NEED_RABBIT();
    flow_under(&flow, 50, nothing);
    told("quiet", all_is_done());
    assert_int_equal(rabbit_depth(&broker, "quanta.work.portfolio"), 0);
    assert_int_equal(rabbit_depth(&broker, "quanta.dead.portfolio"), 0);
    assert_int_equal(flow.unanswered + flow.other, 0);
}

static void a_killed_broker_loses_and_doubles_nothing(void **state)
{
    (void)state;
    NEED_RABBIT();
    flow_under(&flow, 50, broker_dies);
    told("broker killed", all_is_done());
    assert_int_equal(flow.unanswered + flow.other, 0);
}

static void a_stopped_broker_loses_and_doubles_nothing(void **state)
{
    (void)state;
    NEED_RABBIT();
    flow_under(&flow, 50, broker_stops);
    told("broker stopped", all_is_done());
    assert_int_equal(flow.unanswered + flow.other, 0);
}

static void a_killed_desk_does_its_work_once(void **state)
{
    (void)state;
    NEED_RABBIT();
    for (int i = 0; i < (soak() ? 20 : 2); i++) {
        flow_under(&flow, 50, desk_dies);
        server_start(&server, server.dir, "sim:7");
    }
    told("desk killed", all_is_done());
    flow_under(&flow, 50, nothing);
    all_is_done();
}

/* ---- messages of the test's own ---- */

struct collected {
    struct message list[500];
    int count;
};

static void collect(void *arg, const struct store_fact *f)
{
    struct collected *c = arg;
    if (f->record != RECORD_posting || c->count == 500)
        return;
    struct message *m = &c->list[c->count++];
    *m = (struct message){
        .shard = "firm", .seq = f->seq, .record = f->record, .row = malloc(sizeof(struct posting))};
    memcpy(m->row, f->row, sizeof(struct posting));
}

static void send(const struct message *list, int count)
{
    char why[200] = "";
    struct work_config config = {.address = broker.address};
    struct work *w = work_open(&config, why, sizeof why);
    if (!w)
        fail_msg("%s", why);
    struct publisher *p = publisher_new(w, "portfolio");
    if (!publisher_send(p, list, count, why, sizeof why))
        fail_msg("%s", why);
    publisher_free(p);
    work_close(w);
}

static void what_is_said_three_times_is_done_once(void **state)
{
    (void)state;
    NEED_RABBIT();
    static struct collected c;
    char address[120], why[200];
    snprintf(address, sizeof address, "sqlite:%s/quanta.db", server.dir);
    struct store *s = store_reader(address, why, sizeof why);
    assert_non_null(s);
    assert_true(s->ops->facts(s, 0, INT64_MAX, -1, collect, &c));
    s->ops->close(s);
    assert_true(c.count > 50);
    for (int i = 0; i < 2; i++)
        send(c.list, c.count);
    AWAIT(rabbit_depth(&broker, "quanta.work.portfolio") == 0, 20000);
    all_is_done();
    for (int i = 0; i < c.count; i++)
        message_free(&c.list[i]);
}

static struct posting posting(const char *instrument, const char *product)
{
    struct posting q;
    record_clear(RECORD(posting), &q);
    q.id = uuid_v8(9, 1, 1);
    snprintf(q.source, sizeof q.source, "test");
    snprintf(q.book, sizeof q.book, "OIL");
    snprintf(q.instrument, sizeof q.instrument, "%s", instrument);
    snprintf(q.product, sizeof q.product, "%s", product);
    q.quantity = q.lots = DEC_ONE;
    q.price = DEC_INT(70);
    q.time = 1;
    return q;
}

/* A posting of a product that nobody knows is set aside with an alert, and so is what follows it under its
 * key; other keys go on; sent back it is tried again, oldest first. */
static void a_poison_message_parks_its_key_alone(void **state)
{
    (void)state;
    NEED_RABBIT();
    struct posting poison = posting("XXF27", "XX"), behind = posting("XXF27", "CL"),
                   other = posting("CLZ29", "CL");
    const struct message list[] = {
        {.shard = "test", .seq = 1, .record = RECORD_posting, .row = &poison},
        {.shard = "test", .seq = 2, .prev = 1, .record = RECORD_posting, .row = &behind},
        {.shard = "test", .seq = 3, .prev = 2, .record = RECORD_posting, .row = &other},
    };
    send(list, 3);
    AWAIT(holds("SELECT count(*)=1 FROM position WHERE id='OIL/CLZ29'"), 10000);
    assert_true(holds("SELECT count(*)=2 FROM dead_letter WHERE key='OIL/XXF27'"));
    assert_true(holds("SELECT count(*)=0 FROM position WHERE id='OIL/XXF27'"));
    server_sign_in(&server, "operations");
    AWAIT(holds("SELECT count(*)=1 FROM alert WHERE rule='dead-letter' AND subject='portfolio.test.1'"),
          5000);
    struct reply r = server_get(&server, "/v1/portfolio/dead-letters");
    assert_non_null(strstr(r.body, "portfolio.test.1"));
    free(r.body);
    r = server_post(&server, "/v1/portfolio/dead-letters/portfolio.test.2/requeue", "{}");
    assert_int_equal(r.status, 422); /* the oldest goes first, and its product is still unknown */
    assert_non_null(strstr(r.body, "portfolio.test.1"));
    free(r.body);
    assert_true(holds("SELECT count(*)=2 FROM dead_letter WHERE key='OIL/XXF27'"));
    server_sign_in(&server, "trader");
    r = server_post(&server, "/v1/portfolio/dead-letters/portfolio.test.1/requeue", "{}");
    assert_int_equal(r.status, 403);
    free(r.body);
}

/* Bytes that are no message go by the broker's dead-letter queue; what comes behind them is done. */
static void what_cannot_be_read_is_kept_and_holds_up_nothing(void **state)
{
    (void)state;
    NEED_RABBIT();
    struct posting after = posting("CLZ29", "CL");
    const struct message next = {
        .shard = "test", .seq = 5, .prev = 4, .record = RECORD_posting, .row = &after};
    rabbit_publish(&broker, "quanta.work.portfolio", "test/4", "{\"shard\":\"test\",\"seq\":4");
    send(&next, 1);
    AWAIT(holds("SELECT count(*)=1 FROM position WHERE id='OIL/CLZ29' AND lots=2000000"), 10000);
    assert_true(
        holds("SELECT count(*)=1 FROM dead_letter WHERE id='portfolio.test.4' AND key='unreadable' AND "
              "reason LIKE 'not JSON%'"));
    AWAIT(rabbit_depth(&broker, "quanta.dead.portfolio") == 0, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_travels_by_the_broker),
        cmocka_unit_test(a_killed_broker_loses_and_doubles_nothing),
        cmocka_unit_test(a_stopped_broker_loses_and_doubles_nothing),
        cmocka_unit_test(a_killed_desk_does_its_work_once),
        cmocka_unit_test(what_is_said_three_times_is_done_once),
        cmocka_unit_test(a_poison_message_parks_its_key_alone),
        cmocka_unit_test(what_cannot_be_read_is_kept_and_holds_up_nothing),
    };
    return cmocka_run_group_tests_name("work on RabbitMQ", tests, start, stop);
}
