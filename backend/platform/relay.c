#include "backend/platform/relay.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/data/store.h"
#include "common/log.h"

#define AGAIN_MS 200

struct relay {
    struct relay_config config;
    char store[600], shard[16];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    int64_t durable, confirmed, seen, failures;
    char state[25];
    /* the thread's own */
    struct store *reader;
    struct message list[RELAY_BATCH];
    int count;
    int64_t before; /* sequence last sent; 0: not known */
};

static void take(void *arg, const struct store_fact *f)
{
    struct relay *r = arg;
    const struct record *record = record_of(f->record);
    bool kept = record->flags & RECORD_PRIVATE && !(record->flags & RECORD_SHARED);
    if (r->count == RELAY_BATCH || (r->config.outbox < 0 && kept))
        return;
    struct message *m = &r->list[r->count++];
    *m = (struct message){.seq = f->seq,
                          .prev = r->before,
                          .time = f->time,
                          .record = f->record,
                          .removed = f->removed,
                          .row = mem_new(record->size)};
    snprintf(m->shard, sizeof m->shard, "%s", r->shard);
    memcpy(m->row, f->row, record->size);
    r->before = f->seq;
}

/* Reads what comes after `from`, up to `through`. */
static bool read_batch(struct relay *r, int64_t from, int64_t through, char *why, size_t room)
{
    if (!r->reader && !(r->reader = store_reader(r->store, why, room)))
        return false;
    if (r->reader->ops->facts(r->reader, from, through, r->config.outbox, take, r))
        return true;
    snprintf(why, room, "%s", r->reader->ops->error(r->reader));
    r->reader->ops->close(r->reader);
    r->reader = NULL;
    return false;
}

static bool send_batch(struct relay *r, int64_t from, int64_t through, char *why, size_t room)
{
    int64_t before = r->before;
    r->count = 0;
    bool ok = read_batch(r, from, through, why, room);
    if (ok && r->count)
        ok = r->config.send(r->config.arg, r->list, r->count, why, room);
    for (int i = 0; i < r->count; i++)
        message_free(&r->list[i]);
    if (!ok)
        r->before = before;
    return ok;
}

static void told(struct relay *r, bool ok, const char *why)
{
    const char *state = ok ? "ok" : "away";
    if (strcmp(r->state, state) != 0)
        log_event(ok ? LOG_INFO : LOG_WARNING, ok ? "the outbox flows" : "the outbox waits", "error.message",
                  ok ? "" : why, "quanta.outbox", r->config.outbox < 0 ? "events" : "work", NULL);
    snprintf(r->state, sizeof r->state, "%s", state);
    if (ok)
        r->seen = clock_utc(&clock_system);
    else
        r->failures++;
}

static void *run(void *arg)
{
    struct relay *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        if (r->durable <= r->confirmed) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        char why[300] = "";
        int64_t from = r->confirmed,
                through = r->durable > from + RELAY_BATCH ? from + RELAY_BATCH : r->durable;
        pthread_mutex_unlock(&r->lock);
        bool ok = send_batch(r, from, through, why, sizeof why);
        pthread_mutex_lock(&r->lock);
        told(r, ok, why);
        if (ok) {
            r->confirmed = through;
            r->config.wake(r->config.wake_arg);
        } else if (!r->stopping) {
            struct timespec until = clock_deadline(AGAIN_MS * MILLI);
            pthread_cond_clockwait(&r->changed, &r->lock, CLOCK_MONOTONIC, &until);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct relay *relay_start(const struct relay_config *config)
{
    struct relay *r = mem_new(sizeof *r);
    r->config = *config;
    snprintf(r->store, sizeof r->store, "%s", config->store);
    snprintf(r->shard, sizeof r->shard, "%s", config->shard);
    snprintf(r->state, sizeof r->state, "ok");
    r->confirmed = r->durable = config->from;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (pthread_create(&r->thread, NULL, run, r) == 0)
        return r;
    free(r);
    return NULL;
}

void relay_stop(struct relay *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    if (r->reader)
        r->reader->ops->close(r->reader);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    explicit_bzero(r->store, sizeof r->store);
    free(r);
}

void relay_durable(struct relay *r, int64_t seq)
{
    pthread_mutex_lock(&r->lock);
    if (seq > r->durable) {
        r->durable = seq;
        pthread_cond_signal(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

int64_t relay_confirmed(struct relay *r)
{
    pthread_mutex_lock(&r->lock);
    int64_t seq = r->confirmed;
    pthread_mutex_unlock(&r->lock);
    return seq;
}

void relay_health(struct relay *r, struct link_health *out)
{
    pthread_mutex_lock(&r->lock);
    *out = (struct link_health){.lag = r->durable - r->confirmed, .reconnects = r->failures, .seen = r->seen};
    snprintf(out->state, sizeof out->state, "%s", r->state);
    pthread_mutex_unlock(&r->lock);
}
