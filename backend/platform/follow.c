/* Following other processes: a view of each one's store, then its events from the stream, each once and in
 * order by shard. What is followed is kept in memory with the last sequence beside it; a gap means that
 * events were lost on the way, and the process ends to load anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "backend/platform/delivery.h"
#include "backend/platform/node_private.h"
#include "common/log.h"

#define TURN_EVENTS 2000

void node_add_absent(struct node *n, const struct service_ops *ops)
{
    struct shard *s = &n->shards[n->shard_count];
    s->ops = ops;
    for (const int *r = ops->owns; *r >= 0; r++)
        if (n->elsewhere[*r] < 0)
            n->elsewhere[*r] = n->shard_count;
    n->shard_count++;
}

static bool lists(const int *list, enum record_id record)
{
    for (; *list >= 0; list++)
        if (*list == (int)record)
            return true;
    return false;
}

const char *node_elsewhere(const struct node *n, enum record_id record)
{
    return n->owner[record] >= 0 || n->elsewhere[record] < 0 ? NULL
                                                             : n->shards[n->elsewhere[record]].ops->name;
}

const char *node_log(const struct node *n, enum record_id record, int64_t *head)
{
    if (!node_elsewhere(n, record))
        return NULL;
    *head = n->shards[n->elsewhere[record]].head;
    return n->shards[n->elsewhere[record]].log;
}

bool node_load(struct node *n, enum record_id record, store_row_fn *fn, void *arg)
{
    bool ok = n->owner[record] < 0 || n->store->ops->load(n->store, record, fn, arg);
    if (n->owner[record] < 0 && n->elsewhere[record] < 0)
        ok = n->store->ops->load(n->store, record, fn, arg);
    for (int i = 0; ok && i < n->shard_count; i++)
        if (n->shards[i].view && lists(n->shards[i].ops->owns, record))
            ok = n->shards[i].view->ops->load(n->shards[i].view, record, fn, arg);
    return ok;
}

bool node_meta(struct node *n, const char *shard, const char *key, char *out, size_t room)
{
    char why[200];
    for (int i = 0; i < n->shard_count; i++) {
        if (strcmp(n->shards[i].ops->name, shard) != 0)
            continue;
        struct store *s = store_reader(n->shards[i].store, why, sizeof why);
        bool ok = s && s->ops->meta_get(s, key, out, room);
        if (s)
            s->ops->close(s);
        return ok;
    }
    return false;
}

/* ---- the views ---- */

static void close_view(struct shard *s)
{
    if (!s->view)
        return;
    if (!s->view->ops->snapshot(s->view, false))
        log_event(LOG_WARNING, "a view did not end well", "error.message", s->view->ops->error(s->view),
                  NULL);
    s->view->ops->close(s->view);
    s->view = NULL;
}

/* The other process has made its store and its gateway has named its log. */
static bool open_view(struct shard *s)
{
    char why[300];
    s->view = store_reader(s->store, why, sizeof why);
    if (s->view && s->view->ops->snapshot(s->view, true) &&
        s->view->ops->meta_get(s->view, "log", s->log, sizeof s->log)) {
        s->head = s->seen = store_head(s->view);
        return true;
    }
    close_view(s);
    return false;
}

static bool await_view(struct shard *s, const volatile int *stop, char *why, size_t room)
{
    for (bool told = false; !open_view(s); told = true) {
        struct timespec pause = {0, 50 * MILLI};
        if (!told)
            log_event(LOG_INFO, "waiting for another service", "service.target.name", s->ops->name, NULL);
        nanosleep(&pause, NULL);
        if (*stop) {
            snprintf(why, room, "stopped while it waited for the %s service", s->ops->name);
            return false;
        }
    }
    return true;
}

struct mirroring {
    struct service *service;
    enum record_id record;
};

static void mirror_row(void *arg, const void *row)
{
    struct mirroring *m = arg;
    m->service->ops->apply(m->service->state, m->record, false, row);
}

static bool load_mirrors(struct node *n, char *why, size_t room)
{
    for (int i = 0; i < n->service_count; i++)
        for (const int *r = n->services[i].ops->mirrors; *r >= 0; r++) {
            struct mirroring m = {&n->services[i], (enum record_id) * r};
            if (!node_elsewhere(n, m.record) || record_of(m.record)->flags & RECORD_CONFLATED)
                continue;
            if (!node_load(n, m.record, mirror_row, &m)) {
                snprintf(why, room, "cannot read %s of another service", record_of(m.record)->plural);
                return false;
            }
        }
    return true;
}

static bool send_events(void *arg, const struct message *list, int count, char *why, size_t room)
{
    return stream_send(arg, list, count, why, room);
}

static bool start_relay(struct node *n, char *why, size_t room)
{
    int64_t from = store_cursor(n->store, CURSOR_EVENTS);
    if (from == INT64_MIN) /* nobody can have followed what came before */
        from = n->head;
    n->confirmed[CURSOR_EVENTS] = from;
    n->event_relay = relay_start(&(struct relay_config){.store = n->config.store,
                                                        .shard = node_shard(n),
                                                        .outbox = -1,
                                                        .from = from,
                                                        .send = send_events,
                                                        .arg = n->events,
                                                        .wake = n->config.wake,
                                                        .wake_arg = n->config.wake_arg});
    if (!n->event_relay)
        snprintf(why, room, "no thread for the events");
    brokers_durable(n);
    return n->event_relay != NULL;
}

bool node_own_log(struct node *n, char log[40], char *why, size_t room)
{
    struct uuid id = uuid_v7(clock_utc(n->config.clock));
    if (n->store->ops->meta_get(n->store, "log", log, 40))
        return true;
    uuid_format(&id, log);
    if (n->store->ops->meta_put(n->store, "log", log))
        return true;
    snprintf(why, room, "the store cannot be written: %s", n->store->ops->error(n->store));
    return false;
}

const char *node_facts_at(const struct node *n, enum record_id record)
{
    return node_elsewhere(n, record) ? n->shards[n->elsewhere[record]].store : n->config.store;
}

/* The brokers may be starting beside us. */
static bool await_stream(struct stream *s, const volatile int *stop, char *why, size_t room)
{
    for (bool told = false; !stream_follow(s, why, room); told = true) {
        struct timespec pause = {0, 200 * MILLI};
        if (!told)
            log_event(LOG_WARNING, "the stream is not there yet", "error.message", why, NULL);
        nanosleep(&pause, NULL);
        if (*stop)
            return false;
    }
    return true;
}

bool node_follow(struct node *n, struct stream *stream, const char *stores, const volatile int *stop,
                 char *why, size_t room)
{
    char log[40]; /* the others wait for it */
    n->events = stream;
    if (!node_own_log(n, log, why, room) || !start_relay(n, why, room) ||
        !await_stream(stream, stop, why, room))
        return false;
    for (int i = 0; i < n->shard_count; i++) {
        snprintf(n->shards[i].store, sizeof n->shards[i].store, "%s#%s", stores, n->shards[i].ops->name);
        if (!await_view(&n->shards[i], stop, why, room))
            return false;
    }
    return load_mirrors(n, why, room);
}

void node_follow_on(struct node *n)
{
    for (int i = 0; i < n->shard_count; i++)
        close_view(&n->shards[i]);
    n->following = n->events != NULL;
}

void follow_stop(struct node *n)
{
    relay_stop(n->event_relay);
    n->event_relay = NULL;
    for (int i = 0; i < n->shard_count; i++)
        close_view(&n->shards[i]);
}

/* ---- events ---- */

static void apply_event(struct node *n, const struct message *m)
{
    for (int i = 0; i < n->service_count; i++)
        if (lists(n->services[i].ops->mirrors, m->record))
            n->services[i].ops->apply(n->services[i].state, m->record, m->removed, m->row);
    struct store_fact f = {
        .seq = m->seq, .time = m->time, .record = m->record, .removed = m->removed, .row = m->row};
    for (int i = 0; i < n->observer_count; i++)
        if (n->observers[i].fact)
            n->observers[i].fact(n->observers[i].arg, &f);
}

static void take_event(struct node *n, struct shard *s, const struct message *m)
{
    if (m->seq <= s->seen)
        return; /* said before */
    if (m->prev > s->seen) {
        log_event(LOG_ERROR, "events of another service were lost; stopping to load them anew",
                  "service.target.name", s->ops->name, NULL);
        _exit(1);
    }
    s->seen = m->seq;
    apply_event(n, m);
}

static void take_live(struct node *n, const struct message *m)
{
    if (m->record == RECORD_quote)
        cache_put(n->config.cache, m->row);
    delivery_live(n, m->record, m->row);
}

void follow_run(struct node *n)
{
    if (!n->following)
        return;
    struct mailbox *box = stream_mail(n->events);
    const struct message *m;
    for (int k = 0; k < TURN_EVENTS && (m = mailbox_first(box)); k++) {
        for (int i = 0; i < n->shard_count; i++)
            if (!strcmp(n->shards[i].ops->name, m->shard)) {
                if (m->seq)
                    take_event(n, &n->shards[i], m);
                else
                    take_live(n, m);
            }
        mailbox_drop(box);
    }
}

bool node_stream(struct node *n, struct link_health *out)
{
    struct link_health h;
    if (!n->events)
        return false;
    stream_health(n->events, out);
    relay_health(n->event_relay, &h);
    out->lag += h.lag + mailbox_count(stream_mail(n->events));
    out->reconnects += h.reconnects;
    if (!strcmp(out->state, "ok"))
        memcpy(out->state, h.state, sizeof out->state);
    return true;
}
