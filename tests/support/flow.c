#include <jansson.h>
#include "common/clock.h"
#include "tests/support/flow.h"

/* False where no quote has come yet: a process of several hears of them within moments. */
static bool find_market(struct flow *f)
{
    struct reply r = server_get(f->server, "/v1/trading/quotes?filter=product=NG&limit=4");
    json_t *j = json_loads(r.body, 0, NULL), *row = json_array_get(json_object_get(j, "rows"), 1);
    const char *last = json_string_value(json_object_get(row, "last"));
    if (last) {
        snprintf(f->instrument, sizeof f->instrument, "%s",
                 json_string_value(json_object_get(row, "instrument")));
        f->mark = strtod(last, NULL);
    }
    json_decref(j);
    free(r.body);
    return last != NULL;
}

static void note(struct flow *f, const struct uuid *id, const struct reply *r)
{
    pthread_mutex_lock(&f->lock);
    if (r->status == 201 || r->status == 422) {
        assert_true(f->count < FLOW_MAX);
        f->told[f->count].id = *id;
        f->told[f->count++].status = r->status;
        f->slowest = r->ms > f->slowest ? r->ms : f->slowest;
    } else if (r->status)
        f->other++;
    else
        f->unanswered++;
    pthread_mutex_unlock(&f->lock);
    if (r->status && r->status != 201 && r->status != 422 && r->status != 503)
        print_error("unexpected answer %d: %s\n", r->status, r->body);
}

static void *work(void *arg)
{
    struct flow *f = arg;
    while (__atomic_load_n(&f->running, __ATOMIC_ACQUIRE)) {
        char body[400], id[UUID_TEXT];
        struct uuid u = uuid_v7(clock_utc(&clock_system));
        int n = __atomic_fetch_add(&f->prices, 1, __ATOMIC_RELAXED), step = n % 60; /* no two are alike */
        uint64_t seed = (uint64_t)n * 7919 + 13;
        int lots = draw(&seed) % 9 == 0 ? 900 : 1; /* one in nine is refused */
        bool rests = draw(&seed) % 12 == 0;
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"%s\",\"quantity\":\"%"
                 "d\",\"price\":\"%.3f\",\"time_in_force\":\"%s\"}",
                 uuid_format(&u, id), f->instrument, step % 2 ? "buy" : "sell", lots,
                 f->mark + (step % 2 == f->crosses ? 0.15 : -0.15) + step * 0.001, rests ? "day" : "ioc");
        struct reply r = server_post(f->server, "/v1/trading/orders", body);
        note(f, &u, &r);
        free(r.body);
        if (!r.status)
            break;
        if (f->rest)
            rest_ms(f->rest);
    }
    return NULL;
}

void flow_start(struct flow *f, int threads)
{
    AWAIT(find_market(f), 10000);
    f->threads = threads;
    f->unanswered = f->other = 0;
    f->slowest = 0;
    __atomic_store_n(&f->running, true, __ATOMIC_RELEASE);
    for (int i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&f->thread[i], NULL, work, f), 0);
}

void flow_stop(struct flow *f)
{
    __atomic_store_n(&f->running, false, __ATOMIC_RELEASE);
    for (int i = 0; i < f->threads; i++)
        pthread_join(f->thread[i], NULL);
}

int flow_count(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    int n = f->count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

bool flow_ended(struct flow *f)
{
    pthread_mutex_lock(&f->lock);
    bool ended = f->unanswered == f->threads;
    pthread_mutex_unlock(&f->lock);
    return ended;
}

int flow_under(struct flow *f, int some, void (*happens)(void))
{
    int before = flow_count(f);
    flow_start(f, FLOW_THREADS);
    AWAIT(flow_count(f) > before + some, 20000);
    happens();
    int then = flow_count(f);
    AWAIT(flow_ended(f) || flow_count(f) > then + some, 60000);
    flow_stop(f);
    return f->count - before;
}

void flow_question(struct flow *f, const char *table, struct buf *sql)
{
    char id[UUID_TEXT];
    buf_printf(sql, "SELECT count(*)=%d FROM %s WHERE id=ANY('{", f->count, table);
    for (int i = 0; i < f->count; i++)
        buf_printf(sql, "%s%s", i ? "," : "", uuid_format(&f->told[i].id, id));
    buf_text(sql, "}')");
}
