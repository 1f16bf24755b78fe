/* What runs in threads of its own, under the thread sanitizer too: journal, pool, ticker, client. */
#include <unistd.h>
#include <sched.h>
#include <signal.h>
#include "backend/data/store.h"
#include "backend/platform/journal.h"
#include "backend/platform/pool.h"
#include "client/client.h"
#include "common/ticker.h"
#include "tests/support/server.h"

static int woken;

static void wake(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&woken, 1, __ATOMIC_RELAXED);
}

static struct store_batch batch(int64_t seq)
{
    struct store_batch b = {.previous = seq, .last = seq + 1};
    for (int i = 0; i < 8; i++)
        b.cursors[i] = INT64_MIN;
    struct book *row = malloc(sizeof *row);
    record_clear(RECORD(book), row);
    snprintf(row->book, sizeof row->book, "B%lld", (long long)seq);
    row->kind = BOOK_TRADING;
    b.facts = malloc(sizeof *b.facts);
    b.fact_count = 1;
    b.facts[0] = (struct store_fact){.seq = seq + 1, .time = 1, .record = RECORD_book, .row = row};
    return b;
}

static void the_journal_commits_in_its_thread_and_gives_every_batch_back(void **state)
{
    (void)state;
    char address[200], why[200];
    snprintf(address, sizeof address, "sqlite:%s/q.db", temp_dir());
    struct store *s = store_open(address, why, sizeof why);
    assert_non_null(s);
    struct journal *j = journal_new(s, true, wake, NULL);
    for (int64_t seq = 0; seq < 300; seq++) {
        struct store_batch b;
        enum store_result result;
        assert_true(journal_idle(j));
        journal_submit(j, batch(seq));
        while (!journal_take(j, &b, &result))
            sched_yield();
        assert_int_equal(result, STORE_OK);
        assert_int_equal(b.last, seq + 1);
        store_batch_free(&b);
    }
    /* One whose place is wrong is told so, and nothing of it is there. */
    struct store_batch b;
    enum store_result result;
    journal_submit(j, batch(7));
    while (!journal_take(j, &b, &result))
        sched_yield();
    assert_int_equal(result, STORE_NOT_OWNER);
    store_batch_free(&b);
    assert_int_equal(store_head(s), 300);
    assert_true(woken >= 300);
    journal_free(j);
    s->ops->close(s);
}

struct job {
    int in, out;
};

static void square(void *arg)
{
    struct job *j = arg;
    j->out = j->in * j->in;
}

static int finished;

static void done(void *arg)
{
    struct job *j = arg;
    assert_int_equal(j->out, j->in * j->in);
    finished++;
}

static void the_pool_runs_jobs_elsewhere_and_refuses_what_is_too_much(void **state)
{
    (void)state;
    static struct job jobs[2000];
    int refused = 0, sent = 0;
    struct pool *p = pool_new(3, wake, NULL);
    for (int i = 0; i < 2000; i++) {
        jobs[i] = (struct job){i, -1};
        if (pool_submit(p, square, done, &jobs[i]))
            sent++;
        else
            refused++;
        if (i % 100 == 0)
            pool_poll(p);
    }
    pool_free(p);
    assert_int_equal(finished, sent);
    assert_int_equal(sent + refused, 2000);
    assert_true(sent > 200);
}

static void count_tick(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

static void a_ticker_ticks_and_stops(void **state)
{
    (void)state;
    int ticks = 0, others = 0;
    int64_t begun = millis();
    struct ticker *t = ticker_start(5, count_tick, &ticks);
    AWAIT(__atomic_load_n(&ticks, __ATOMIC_RELAXED) >= 10, 5000);
    ticker_stop(t);
    int after = ticks;
    assert_true(after <= (millis() - begun) / 5 + 1); /* no sooner than asked */
    t = ticker_start(5, count_tick, &others);         /* while another one lives, the first is silent */
    AWAIT(__atomic_load_n(&others, __ATOMIC_RELAXED) >= 5, 5000);
    ticker_stop(t);
    assert_int_equal(ticks, after);
}

static struct {
    int count, status;
    char body[4000];
} answer;

static void take(void *arg, int status, const char *body)
{
    (void)arg;
    answer.count++;
    answer.status = status;
    snprintf(answer.body, sizeof answer.body, "%s", body);
}

static int answers(struct client *c)
{
    client_poll(c);
    return answer.count;
}

static void wait_for(struct client *c, int count)
{
    AWAIT(answers(c) >= count, 10000);
    assert_int_equal(answer.count, count);
}

static bool connected(struct client *c)
{
    struct link_state now;
    client_state(c, &now);
    return now.connected;
}

/* How many orders the backend lists when the client's table has the same; -1 while it has not. */
static int rows_when_equal(struct client *c)
{
    char *body = NULL, why[200];
    client_poll(c);
    assert_int_equal(client_call(c, "GET", "/v1/trading/orders", NULL, INT64_MIN, &body), 200);
    json_t *j = json_loads(body, 0, NULL), *list = json_object_get(j, "rows"), *item;
    size_t i;
    int same = 0, total = (int)json_array_size(list);
    client_lock(c);
    json_array_foreach(list, i, item)
    {
        struct order o;
        assert_true(record_read(RECORD(order), item, &o, false, why, sizeof why));
        const struct order *mine = table_get(client_table(c, RECORD_order), &o.id, 16);
        same += mine && mine->version == o.version && mine->status == o.status;
    }
    bool equal = same == total && table_live(client_table(c, RECORD_order)) == total;
    client_unlock(c);
    json_decref(j);
    free(body);
    return equal ? total : -1;
}

/* A client's tables follow the backend through a kill: at the end they equal what the backend lists. */
static void tables_equal_the_listing_after_the_backend_was_killed(void **state)
{
    (void)state;
    char quantad[300], why[400] = "", dir[100], path[200], line[300];
    snprintf(quantad, sizeof quantad, "%s/quantad", build_dir());
    snprintf(dir, sizeof dir, "%s", temp_dir());
    struct client_config config = {.data_dir = dir, .quantad = quantad, .user = "trader", .market = "sim:7"};
    struct client *c = client_open(&config, why, sizeof why);
    if (!c)
        fail_msg("%s", why);
    client_subscribe(c, RECORD_order, "");
    client_subscribe(c, RECORD_trade, "");
    client_subscribe(c, RECORD_quote, "product=NG");
    assert_true(client_wait(c, 30));
    char instrument[25] = "";
    double price = 0;
    client_lock(c);
    table_each(client_table(c, RECORD_quote), const struct quote, q)
    {
        assert_string_equal(q->product, "NG");
        if (!*instrument && q->bid != DEC_NONE) {
            snprintf(instrument, sizeof instrument, "%s", q->instrument);
            price = (double)q->ask / 1e6;
        }
    }
    client_unlock(c);
    snprintf(path, sizeof path, "%s/endpoint.json", dir);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            char body[300], key[40];
            snprintf(body, sizeof body,
                     "{\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"buy\",\"quantity\":\"1\","
                     "\"price\":\"%.3f\"}",
                     instrument, price - 0.001 * (i * 4) - 0.01 * round);
            snprintf(key, sizeof key, "k-%d-%d", round, i);
            int before = answer.count;
            client_request(c, "POST", "/v1/trading/orders", body, key, INT64_MIN, take, NULL);
            wait_for(c, before + 1);
            assert_true(answer.status == 201 || answer.status == 422);
        }
        if (round == 2)
            break;
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof line, f));
        fclose(f);
        kill(atoi(strstr(line, "\"pid\":") + 6), SIGKILL);
        AWAIT(!connected(c), 10000);
        AWAIT(connected(c), 30000);
    }
    /* Everything has settled once two listings are the same; then the tables must be too. */
    int rows = -1;
    AWAIT((rows = rows_when_equal(c)) >= 0, 10000);
    assert_true(rows >= 15);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    client_close(c);
    kill(atoi(strstr(line, "\"pid\":") + 6), SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_commits_in_its_thread_and_gives_every_batch_back),
        cmocka_unit_test(the_pool_runs_jobs_elsewhere_and_refuses_what_is_too_much),
        cmocka_unit_test(a_ticker_ticks_and_stops),
        cmocka_unit_test(tables_equal_the_listing_after_the_backend_was_killed),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
