/* The store on a real PostgreSQL: the same contract as SQLite's, owners and epochs, cut connections, crashes.
 */
#include <pthread.h>
#include "backend/data/store.h"
#include "tests/support/rig.h"
#include "tests/support/tiers.h"

static struct postgres pg;
static bool there;

static int start(void **state)
{
    (void)state;
    there = postgres_start(&pg);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    postgres_stop(&pg);
    return 0;
}

#define NEED_POSTGRES()                                                                                      \
    if (!there)                                                                                              \
    skip()

static struct store *open_store(const char *address)
{
    char why[300];
    struct store *s = store_open(address, why, sizeof why);
    if (!s)
        fail_msg("%s", why);
    return s;
}

static void blank(struct store_batch *b, int64_t previous)
{
    *b = (struct store_batch){.previous = previous, .last = previous};
    for (int i = 0; i < 8; i++)
        b->cursors[i] = INT64_MIN;
}

static void add_order(struct store_batch *b, int quantity)
{
    struct order *o = malloc(sizeof *o);
    record_clear(RECORD(order), o);
    o->id = uuid_v8(3, ++b->last, 1);
    snprintf(o->book, sizeof o->book, "OIL");
    snprintf(o->instrument, sizeof o->instrument, "CL'; DROP TABLE fact");
    o->side = SIDE_BUY;
    o->status = STATUS_NEW;
    o->quantity = DEC_INT(quantity);
    o->price = D("-0.000001");
    o->created = b->last * 1000000007;
    o->trading_date = date_make(2026, 11, 24);
    o->in_doubt = true;
    snprintf(o->reason, sizeof o->reason, "Stadtwerke K\xc3\xb6ln \\ \"x\"");
    b->facts = realloc(b->facts, (size_t)(b->fact_count + 1) * sizeof *b->facts);
    b->facts[b->fact_count++] = (struct store_fact){.seq = b->last,
                                                    .time = b->last,
                                                    .record = RECORD_order,
                                                    .destinations = b->last % 2 ? 1 : 3,
                                                    .row = o};
}

static void add_audit(struct store_batch *b)
{
    b->audits = realloc(b->audits, (size_t)(b->audit_count + 1) * sizeof *b->audits);
    struct audit *a = &b->audits[b->audit_count++];
    record_clear(RECORD(audit), a);
    a->time = b->last;
    snprintf(a->actor, sizeof a->actor, "trader");
}

static enum store_result commit(struct store *s, struct store_batch *b)
{
    enum store_result r = s->ops->commit(s, b);
    store_batch_free(b);
    return r;
}

/* ---- one contract, two engines ---- */

static void to_text(void *arg, const void *row)
{
    record_json(RECORD(order), row, arg);
    buf_char(arg, '\n');
}

static void audit_text(void *arg, const void *row)
{
    record_json(RECORD(audit), row, arg);
}

static void fact_text(void *arg, const struct store_fact *f)
{
    buf_printf(arg, "%lld %s %d ", (long long)f->seq, record_of(f->record)->name, f->removed);
    record_json(record_of(f->record), f->row, arg);
}

/* The same batches into an engine; everything that it gives back, as text. */
static void story(const char *address, struct buf *out)
{
    struct store *s = open_store(address);
    struct store_batch b;
    char text[40] = "";
    assert_int_equal(store_head(s), 0);
    blank(&b, 0);
    for (int i = 0; i < 20; i++)
        add_order(&b, i);
    add_audit(&b);
    assert_int_equal(commit(s, &b), STORE_OK);
    blank(&b, 20); /* an order changes, another goes, work is confirmed */
    add_order(&b, 99);
    ((struct order *)b.facts[0].row)->id = uuid_v8(3, 5, 1);
    add_order(&b, 1);
    ((struct order *)b.facts[1].row)->id = uuid_v8(3, 6, 1);
    b.facts[1].removed = true;
    add_audit(&b);
    add_audit(&b);
    b.cursors[0] = 10;
    assert_int_equal(commit(s, &b), STORE_OK);
    blank(&b, 7); /* not where the owner's row stands */
    add_order(&b, 1);
    assert_int_equal(commit(s, &b), STORE_NOT_OWNER);
    assert_true(s->ops->meta_put(s, "key", "old") && s->ops->meta_put(s, "key", "new"));
    assert_true(s->ops->meta_get(s, "key", text, sizeof text));
    assert_false(s->ops->meta_get(s, "none", text, sizeof text));
    buf_printf(out, "%s head %lld cursor %lld %lld\n", text, (long long)store_head(s),
               (long long)store_cursor(s, 0), (long long)(store_cursor(s, 1) == INT64_MIN));
    assert_true(s->ops->load(s, RECORD_order, to_text, out));
    assert_true(s->ops->load(s, RECORD_audit, audit_text, out));
    assert_true(s->ops->facts(s, 3, INT64_MAX, -1, fact_text, out));
    assert_true(s->ops->facts(s, 0, INT64_MAX, 0, fact_text, out));
    assert_true(s->ops->facts(s, 0, 15, 1, fact_text, out));
    s->ops->close(s);
}

static void the_same_batches_read_back_the_same_from_both_engines(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct buf ours = {0}, theirs = {0};
    char sqlite[200];
    snprintf(sqlite, sizeof sqlite, "sqlite:%s/s.db", temp_dir());
    story(sqlite, &theirs);
    story(postgres_database(&pg, "contract"), &ours);
    assert_true(ours.length > 10000);
    assert_string_equal(ours.data, theirs.data);
    buf_free(&ours);
    buf_free(&theirs);
}

static void a_desk_on_postgres_recovers_to_the_same_state(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct rig r;
    char before[65], after[65], address[300];
    snprintf(address, sizeof address, "%s", postgres_database(&pg, "desk"));
    rig_open(&r, &(struct rig_config){.address = address});
    const char *ng = rig_contract(&r, "NG", 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_order(&r, "trader", "NG-US", i % 2 ? SIDE_BUY : SIDE_SELL, "1", ng,
                                   rig_price(&r, ng, i % 2 ? i : -i)),
                         0);
        rig_run(&r, 0.5);
    }
    node_digest(r.node, before);
    rig_close(&r);
    rig_open(&r, &(struct rig_config){.address = address, .closed = true});
    char why[200];
    if (!node_recover(r.node, why, sizeof why))
        fail_msg("%s", why);
    node_digest(r.node, after);
    assert_string_equal(after, before);
    rig_close(&r);
    rig_open(&r, &(struct rig_config){.address = address, .closed = true});
    if (!node_replay(r.node, why, sizeof why))
        fail_msg("%s", why);
    node_digest(r.node, after);
    assert_string_equal(after, before);
    rig_close(&r);
}

/* ---- owners ---- */

static void an_owner_that_was_replaced_finds_no_row_and_steps_down(void **state)
{
    (void)state;
    NEED_POSTGRES();
    const char *address = postgres_database(&pg, "owners");
    struct store *first = open_store(address);
    struct store_batch b;
    blank(&b, 0);
    add_order(&b, 1);
    assert_int_equal(commit(first, &b), STORE_OK);
    struct store *second = open_store(address); /* takes the epoch */
    blank(&b, 1);
    add_order(&b, 2);
    assert_int_equal(commit(first, &b), STORE_NOT_OWNER);
    blank(&b, 1);
    add_order(&b, 3);
    assert_int_equal(commit(second, &b), STORE_OK);
    assert_int_equal(store_head(second), 2);
    first->ops->close(first);
    second->ops->close(second);
}

static void a_schema_of_a_newer_version_is_refused_and_an_older_one_gains_its_columns(void **state)
{
    (void)state;
    NEED_POSTGRES();
    char why[300], address[300];
    snprintf(address, sizeof address, "%s", postgres_database(&pg, "versions"));
    struct store *s = open_store(address);
    struct store_batch b;
    blank(&b, 0);
    add_order(&b, 1);
    assert_int_equal(commit(s, &b), STORE_OK);
    s->ops->close(s);
    assert_true(
        postgres_run(&pg, "versions", "ALTER TABLE \"order\" DROP COLUMN algorithm, DROP COLUMN reference"));
    s = open_store(address);
    struct buf rows = {0};
    assert_true(s->ops->load(s, RECORD_order, to_text, &rows));
    assert_non_null(strstr(rows.data, "\"algorithm\":null"));
    buf_free(&rows);
    s->ops->close(s);
    assert_true(postgres_run(&pg, "versions", "UPDATE meta SET value='99' WHERE key='schema'"));
    assert_null(store_open(address, why, sizeof why));
    assert_non_null(strstr(why, "schema 99 was written by a newer version"));
}

/* ---- faults ---- */

static bool cutting;

/* Ends the store's connection again and again, at any instant of a batch. */
static void *cut(void *arg)
{
    uint64_t seed = 77;
    (void)arg;
    while (__atomic_load_n(&cutting, __ATOMIC_ACQUIRE)) {
        rest_ms((int)(draw(&seed) % 15));
        postgres_run(&pg, "cuts",
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='cuts' AND "
                     "application_name='quantad'");
    }
    return NULL;
}

static void count(void *arg, const struct store_fact *f)
{
    int64_t *last = arg;
    assert_int_equal(f->seq, *last + 1); /* none missing, none twice */
    *last = f->seq;
}

static void a_cut_connection_loses_nothing_and_doubles_nothing(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct store *s = open_store(postgres_database(&pg, "cuts"));
    pthread_t thread;
    int64_t seq = 0, last = 0;
    uint64_t seed = test_seed(81);
    int batches = soak() ? 5000 : 500;
    __atomic_store_n(&cutting, true, __ATOMIC_RELEASE);
    pthread_create(&thread, NULL, cut, NULL);
    for (int i = 0; i < batches; i++) {
        struct store_batch b;
        blank(&b, seq);
        for (int n = 1 + (int)(draw(&seed) % 10); n > 0; n--)
            add_order(&b, 1);
        add_audit(&b);
        int64_t reached = b.last;
        assert_int_equal(commit(s, &b), STORE_OK);
        seq = reached;
    }
    __atomic_store_n(&cutting, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    s->ops->close(s);
    char address[300], why[200];
    snprintf(address, sizeof address, "%s", pg.address);
    s = open_store(address);
    assert_int_equal(store_head(s), seq);
    if (!s->ops->facts(s, 0, INT64_MAX, -1, count, &last))
        fail_msg("%s", s->ops->error(s));
    assert_int_equal(last, seq);
    (void)why;
    s->ops->close(s);
}

static bool crashing;

static void *crash(void *arg)
{
    int *crashes = arg;
    while (__atomic_load_n(&crashing, __ATOMIC_ACQUIRE)) {
        rest_ms(150); /* time to write some */
        postgres_crash(&pg);
        postgres_restart(&pg);
        ++*crashes;
    }
    return NULL;
}

static void a_server_that_crashes_and_comes_back_has_every_acknowledged_batch(void **state)
{
    (void)state;
    NEED_POSTGRES();
    struct store *s = open_store(postgres_database(&pg, "crashes"));
    pthread_t thread;
    int crashes = 0;
    int64_t seq = 0, last = 0, until = millis() + (soak() ? 60000 : 4000);
    __atomic_store_n(&crashing, true, __ATOMIC_RELEASE);
    pthread_create(&thread, NULL, crash, &crashes);
    while (millis() < until) {
        struct store_batch b;
        blank(&b, seq);
        add_order(&b, 1);
        add_order(&b, 2);
        int64_t reached = b.last;
        enum store_result r = commit(s, &b);
        if (r != STORE_OK)
            fail_msg("%d: %s", r, s->ops->error(s));
        seq = reached;
    }
    __atomic_store_n(&crashing, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    s->ops->close(s);
    s = open_store(pg.address);
    assert_int_equal(store_head(s), seq);
    assert_true(s->ops->facts(s, 0, INT64_MAX, -1, count, &last));
    assert_int_equal(last, seq);
    print_message("%d crashes, %lld facts\n", crashes, (long long)seq);
    assert_true(crashes >= 3);
    s->ops->close(s);
}

/* A primary with a synchronous standby, one database `name`, and the address that names both. */
static void pair(struct postgres *a, struct postgres *b, const char *name, char *address, size_t room)
{
    assert_true(postgres_start(a));
    postgres_database(a, name);
    postgres_standby(a, b);
    postgres_either(a, b, name, address, room);
}

static struct postgres first, second;
static bool promoted;

static void *fail_over(void *arg)
{
    (void)arg;
    rest_ms(300); /* time to write some */
    postgres_crash(&first);
    postgres_promote(&second);
    postgres_run(&second, "postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres_run(&second, "postgres", "SELECT pg_reload_conf()");
    __atomic_store_n(&promoted, true, __ATOMIC_RELEASE);
    return NULL;
}

static enum store_result one_order(struct store *s, int64_t *seq)
{
    struct store_batch b;
    blank(&b, *seq);
    add_order(&b, 1);
    add_audit(&b);
    int64_t reached = b.last;
    enum store_result r = commit(s, &b);
    if (r == STORE_OK)
        *seq = reached;
    return r;
}

static void a_failover_to_the_synchronous_standby_loses_nothing(void **state)
{
    (void)state;
    NEED_POSTGRES();
    for (int round = 0; round < (soak() ? 20 : 2); round++) {
        char address[300];
        int64_t seq = 0, last = 0, before = 0;
        pthread_t thread;
        pair(&first, &second, "pair", address, sizeof address);
        struct store *s = open_store(address);
        promoted = false;
        pthread_create(&thread, NULL, fail_over, NULL);
        for (int after = 0; after < 50;) {
            bool done = __atomic_load_n(&promoted, __ATOMIC_ACQUIRE);
            if (one_order(s, &seq) != STORE_OK)
                fail_msg("%s", s->ops->error(s));
            if (done)
                after++;
            else
                before = seq;
        }
        pthread_join(thread, NULL);
        s->ops->close(s);
        s = open_store(address); /* the writer is the second of the two now */
        assert_int_equal(store_head(s), seq);
        assert_true(s->ops->facts(s, 0, INT64_MAX, -1, count, &last));
        assert_int_equal(last, seq);
        print_message("%lld batches before the standby took over, %lld in all\n", (long long)before,
                      (long long)seq);
        assert_true(before > 50);
        s->ops->close(s);
        postgres_stop(&second);
    }
}

struct waiting {
    struct store *store;
    int64_t seq;
    enum store_result result;
    bool done;
};

static void *one_batch(void *arg)
{
    struct waiting *w = arg;
    w->result = one_order(w->store, &w->seq);
    __atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
    return NULL;
}

/* While the standby is away nothing is acknowledged: neither a statement's timeout nor somebody who cancels
 * or ends the connection makes a commit on one machine count for two. */
static void nothing_is_acknowledged_that_the_standby_does_not_have(void **state)
{
    (void)state;
    NEED_POSTGRES();
    char address[400], both[300];
    pthread_t thread;
    pair(&first, &second, "alone", both, sizeof both);
    snprintf(address, sizeof address, "%s&options=-c%%20statement_timeout%%3D300", both);
    struct waiting w = {.store = open_store(address)};
    assert_int_equal(one_order(w.store, &w.seq), STORE_OK);
    postgres_crash(&second);
    pthread_create(&thread, NULL, one_batch, &w);
    for (int i = 0; i < 10; i++) {
        rest_ms(200);
        if (i > 2) /* first the statement's timeout alone */
            postgres_run(&first, "postgres",
                         i % 2
                             ? "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='alone'"
                             : "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname='alone'");
        if (__atomic_load_n(&w.done, __ATOMIC_ACQUIRE))
            fail_msg("acknowledged with %d while the standby was away", w.result);
    }
    postgres_restart(&second);
    pthread_join(thread, NULL);
    if (w.result != STORE_OK)
        fail_msg("%s", w.store->ops->error(w.store));
    assert_int_equal(w.seq, 2);
    w.store->ops->close(w.store);
    postgres_crash(&first);
    postgres_promote(&second);
    postgres_run(&second, "postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres_run(&second, "postgres", "SELECT pg_reload_conf()");
    struct store *s = open_store(both);
    assert_int_equal(store_head(s), 2);
    s->ops->close(s);
    postgres_stop(&second);
}

static void tls_checks_the_authority_and_the_name(void **state)
{
    (void)state;
    NEED_POSTGRES();
    char address[400], why[300];
    struct postgres p, other;
    int64_t seq = 0;
    assert_true(postgres_start(&p));
    postgres_database(&p, "secure");
    int port = postgres_tls(&p);
    static const char form[] = "postgresql://postgres@%s:%d/secure?sslmode=verify-full&sslrootcert=%s/ca.crt";
    snprintf(address, sizeof address, form, "localhost", port, p.dir);
    struct store *s = open_store(address);
    assert_int_equal(one_order(s, &seq), STORE_OK);
    s->ops->close(s);
    snprintf(address, sizeof address, form, "127.0.0.1", port, p.dir); /* not the name it was made for */
    assert_null(store_open(address, why, sizeof why));
    assert_non_null(strstr(why, "does not match host name"));
    assert_true(postgres_start(&other));
    postgres_tls(&other); /* another authority */
    snprintf(address, sizeof address, form, "localhost", port, other.dir);
    assert_null(store_open(address, why, sizeof why));
    assert_non_null(strstr(why, "certificate verify failed"));
    snprintf(address, sizeof address, "postgresql://postgres@localhost:%d/secure?sslmode=disable", port);
    assert_null(store_open(address, why, sizeof why));
    postgres_stop(&other);
    postgres_stop(&p);
}

static void a_server_that_is_not_there_is_told_in_one_line_without_the_password(void **state)
{
    (void)state;
    char why[300];
    assert_null(store_open("postgresql://quanta:secret-word@127.0.0.1:1/none", why, sizeof why));
    assert_non_null(strstr(why, "postgresql: "));
    assert_null(strstr(why, "secret-word"));
    assert_null(strchr(why, '\n'));
    assert_null(store_open("postgresql://%%%", why, sizeof why));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_batches_read_back_the_same_from_both_engines),
        cmocka_unit_test(a_desk_on_postgres_recovers_to_the_same_state),
        cmocka_unit_test(an_owner_that_was_replaced_finds_no_row_and_steps_down),
        cmocka_unit_test(a_schema_of_a_newer_version_is_refused_and_an_older_one_gains_its_columns),
        cmocka_unit_test(a_cut_connection_loses_nothing_and_doubles_nothing),
        cmocka_unit_test(a_server_that_crashes_and_comes_back_has_every_acknowledged_batch),
        cmocka_unit_test(a_failover_to_the_synchronous_standby_loses_nothing),
        cmocka_unit_test(nothing_is_acknowledged_that_the_standby_does_not_have),
        cmocka_unit_test(tls_checks_the_authority_and_the_name),
        cmocka_unit_test(a_server_that_is_not_there_is_told_in_one_line_without_the_password),
    };
    return cmocka_run_group_tests_name("the store on PostgreSQL", tests, start, stop);
}
