/* Power loss: with synchronous=FULL everything acknowledged is there and the database is whole, wherever the
 * power goes; the control with synchronous=OFF must fail, to show that the test bites. */
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backend/data/store.h"
#include "tests/support/power_vfs.h"
#include "tests/support/support.h"

#define BATCHES 200

/* One batch: orders, an audit record, a row of the outbox, a cursor now and then. */
static void fill_batch(struct store_batch *b, int64_t *seq, uint64_t *seed)
{
    *b = (struct store_batch){.previous = *seq};
    for (int i = 0; i < 8; i++)
        b->cursors[i] = INT64_MIN;
    int n = 1 + (int)(draw(seed) % 20);
    b->facts = calloc((size_t)n, sizeof *b->facts);
    for (int i = 0; i < n; i++) {
        struct order *o = malloc(sizeof *o);
        record_clear(RECORD(order), o);
        o->id = uuid_v8(3, ++*seq, 1);
        snprintf(o->book, sizeof o->book, "OIL");
        snprintf(o->instrument, sizeof o->instrument, "CLF27");
        o->side = SIDE_BUY;
        o->status = STATUS_NEW;
        o->quantity = DEC_INT(1 + (int)(*seq % 50));
        snprintf(o->reason, sizeof o->reason, "%0100d", (int)*seq);
        b->facts[i] = (struct store_fact){
            .seq = *seq, .time = *seq, .record = RECORD_order, .destinations = i % 3 == 0, .row = o};
    }
    b->fact_count = n;
    b->last = *seq;
    b->audits = calloc(1, sizeof *b->audits);
    record_clear(RECORD(audit), b->audits);
    b->audits[0].time = *seq;
    snprintf(b->audits[0].actor, sizeof b->audits[0].actor, "trader");
    b->audit_count = 1;
    if (draw(seed) % 4 == 0)
        b->cursors[0] = *seq - n;
}

/* The child: writes batches until the power goes; each acknowledged sequence goes into the pipe. */
static void write_until_the_end(const char *dir, const char *after, const char *synchronous, uint64_t seed,
                                long at, int fd)
{
    char address[300], why[300];
    int64_t seq = 0;
    power_vfs_register(dir, after, seed, at);
    snprintf(address, sizeof address, "sqlite:%s/quanta.db?vfs=power&synchronous=%s", dir, synchronous);
    struct store *s = store_open(address, why, sizeof why);
    if (!s)
        _exit(3);
    for (int i = 0; i < BATCHES; i++) {
        struct store_batch b;
        fill_batch(&b, &seq, &seed);
        if (s->ops->commit(s, &b) != STORE_OK)
            _exit(4);
        store_batch_free(&b);
        if (write(fd, &seq, sizeof seq) != (ssize_t)sizeof seq)
            _exit(5);
    }
    seq = -power_vfs_calls(); /* how many calls there were: for the first run, which loses nothing */
    if (write(fd, &seq, sizeof seq) != (ssize_t)sizeof seq)
        _exit(5);
    _exit(0);
}

struct counted {
    int64_t last, count;
    bool gap;
};

static void count_fact(void *arg, const struct store_fact *f)
{
    struct counted *c = arg;
    c->gap |= f->seq != c->last + 1;
    c->last = f->seq;
    c->count++;
}

static void count_row(void *arg, const void *row)
{
    (void)row;
    ((struct counted *)arg)->count++;
}

static bool integrity(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    bool ok = sqlite3_open(path, &db) == SQLITE_OK &&
              sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) == SQLITE_OK &&
              sqlite3_step(st) == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(st, 0), "ok");
    sqlite3_finalize(st);
    sqlite3_close(db);
    return ok;
}

/* NULL when what is left is whole and has everything up to `acked`; else what is wrong. */
static const char *problem_of(const char *after, int64_t acked)
{
    static char text[400];
    char path[300], address[320], why[300];
    snprintf(path, sizeof path, "%s/quanta.db", after);
    if (access(path, F_OK) != 0)
        return acked ? "the database is gone" : NULL;
    if (!integrity(path))
        return "integrity_check fails";
    snprintf(address, sizeof address, "sqlite:%s", path);
    struct store *s = store_open(address, why, sizeof why);
    if (!s) {
        snprintf(text, sizeof text, "cannot be opened: %s", why);
        return text;
    }
    struct counted facts = {0}, orders = {0};
    int64_t head = store_head(s);
    bool read = s->ops->facts(s, 0, INT64_MAX, -1, count_fact, &facts) &&
                s->ops->load(s, RECORD_order, count_row, &orders);
    s->ops->close(s);
    *text = 0;
    if (!read)
        snprintf(text, sizeof text, "cannot be read");
    else if (head < acked)
        snprintf(text, sizeof text, "acknowledged %lld, there are %lld", (long long)acked, (long long)head);
    else if (facts.gap || facts.last != head || orders.count != head)
        snprintf(text, sizeof text, "head %lld, facts to %lld, %lld orders", (long long)head,
                 (long long)facts.last, (long long)orders.count);
    return *text ? text : NULL;
}

/* One loss of power; answers the problem, NULL when there is none. *calls is set by a run that ends. */
static const char *lose(const char *synchronous, uint64_t seed, long at, long *calls)
{
    int pipes[2], status;
    static const char *dir;
    char after[200], base[160];
    if (!dir)
        dir = temp_dir();
    snprintf(base, sizeof base, "%s/work", dir);
    snprintf(after, sizeof after, "%s/after", dir);
    char command[500];
    snprintf(command, sizeof command, "rm -rf %s %s; mkdir -p %s %s", base, after, base, after);
    assert_int_equal(system(command), 0);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        close(pipes[0]);
        write_until_the_end(base, after, synchronous, seed, at, pipes[1]);
    }
    close(pipes[1]);
    int64_t acked = 0, got;
    while (read(pipes[0], &got, sizeof got) == (ssize_t)sizeof got) {
        if (got < 0)
            *calls = (long)-got;
        else
            acked = got;
    }
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (at && WEXITSTATUS(status) == 0) /* it was done before: another seed writes less */
        return lose(synchronous, seed, at / 2, calls);
    if (at && WEXITSTATUS(status) != POWER_LOST)
        fail_msg("the writer ended with %d", WEXITSTATUS(status));
    const char *problem = at ? problem_of(after, acked) : NULL;
    return problem;
}

static int lose_many(const char *synchronous, int runs, char last[400])
{
    uint64_t seed = test_seed(61);
    long calls = 0;
    int failed = 0;
    lose(synchronous, seed, 0, &calls);
    assert_true(calls > BATCHES);
    for (int i = 0; i < runs; i++) {
        long at = 1 + (long)(draw(&seed) % (uint64_t)(calls - 1));
        const char *problem = lose(synchronous, seed + (uint64_t)i, at, &calls);
        if (problem) {
            failed++;
            snprintf(last, 400, "%s", problem);
        }
    }
    return failed;
}

static void nothing_acknowledged_is_lost_with_synchronous_full(void **state)
{
    (void)state;
    char problem[400] = "";
    int runs = soak() ? 3000 : 250, failed = lose_many("FULL", runs, problem);
    if (failed)
        fail_msg("%d of %d: %s", failed, runs, problem);
    print_message("%d losses of power, none lost an order\n", runs);
}

static void the_control_with_synchronous_off_loses(void **state)
{
    (void)state;
    char problem[400] = "";
    int runs = 40, failed = lose_many("OFF", runs, problem);
    print_message("control: %d of %d fail, such as: %s\n", failed, runs, problem);
    assert_true(failed > runs / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_with_synchronous_full),
        cmocka_unit_test(the_control_with_synchronous_off_loses),
    };
    return cmocka_run_group_tests_name("power loss", tests, NULL, NULL);
}
