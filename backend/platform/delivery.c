#include "backend/platform/delivery.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/platform/node_private.h"
#include "common/log.h"

const char *const destination_names[DESTINATION_COUNT] = {"portfolio", "compliance"};

static bool listed(const int *list, enum record_id record)
{
    for (; *list >= 0; list++)
        if (*list == (int)record)
            return true;
    return false;
}

static int source_of(const struct node *n, enum record_id record)
{
    return n->owner[record] < 0 ? 7 : n->owner[record];
}

static void owe(struct node *n, int destination, int64_t seq)
{
    if (n->owed_count == n->owed_room) {
        n->owed_room = n->owed_room ? n->owed_room * 2 : 64;
        n->owed = mem_grow(n->owed, (size_t)n->owed_room * sizeof *n->owed);
    }
    n->owed[n->owed_count++] = (struct owed){destination, seq};
}

static void send_work(struct node *n, const struct store_fact *f)
{
    for (int d = 0; d < DESTINATION_COUNT; d++) {
        if (!(f->destinations & (1u << d)))
            continue;
        struct event e = {.destination = d,
                          .source = source_of(n, f->record),
                          .seq = f->seq,
                          .record = f->record,
                          .removed = f->removed,
                          .row = f->row};
        owe(n, d, f->seq);
        courier_send(n->work, &e);
    }
}

static void send_stream(struct node *n, enum record_id record, bool removed, const void *row, int64_t seq)
{
    for (int s = 0; s < n->service_count; s++) {
        if (!listed(n->services[s].ops->mirrors, record))
            continue;
        struct event e = {.destination = s,
                          .source = source_of(n, record),
                          .seq = seq,
                          .record = record,
                          .removed = removed,
                          .row = (void *)(uintptr_t)row};
        courier_send(n->stream, &e);
    }
}

void delivery_fact(struct node *n, const struct store_fact *f)
{
    for (int i = 0; i < n->observer_count; i++)
        if (n->observers[i].fact)
            n->observers[i].fact(n->observers[i].arg, f);
    for (int d = 0; d < DESTINATION_COUNT; d++)
        if (f->destinations & (1u << d))
            n->last_out[d] = f->seq;
    if (!n->config.remote_work)
        send_work(n, f);
    send_stream(n, f->record, f->removed, f->row, f->seq);
}

void delivery_publish(struct node *n, enum record_id record, const void *row)
{
    if (n->events)
        stream_publish(n->events, record, row);
    delivery_live(n, record, row);
}

void delivery_live(struct node *n, enum record_id record, const void *row)
{
    for (int i = 0; i < n->observer_count; i++)
        if (n->observers[i].published)
            n->observers[i].published(n->observers[i].arg, record, row);
    /* No sequence of its own: the newest wins, and a repeat does no harm. */
    for (int s = 0; s < n->service_count; s++)
        if (listed(n->services[s].ops->mirrors, record) && s != n->owner[record])
            n->services[s].ops->apply(n->services[s].state, record, false, row);
}

/* ---- work ---- */

struct confirmation {
    struct node *node;
    int destination;
    int64_t seq;
};

static void confirm(void *arg, const struct outcome *o)
{
    struct confirmation *c = arg;
    struct node *n = c->node;
    int64_t least = INT64_MAX, top = n->confirmed[c->destination];
    if (o->status)
        log_event(LOG_ERROR, "a message could not be applied", "error.message", o->problem, NULL);
    for (int i = 0; i < n->owed_count;) {
        struct owed *w = &n->owed[i];
        if (w->destination == c->destination && w->seq == c->seq) {
            *w = n->owed[--n->owed_count];
            continue;
        }
        if (w->destination == c->destination && w->seq < least)
            least = w->seq;
        i++;
    }
    if (c->seq > top)
        top = c->seq;
    n->confirmed[c->destination] = top;
    n->pending.cursors[c->destination] = least == INT64_MAX ? top : least - 1;
    free(c);
}

static void deliver_work(struct node *n, const struct event *e)
{
    struct confirmation *c = mem_new(sizeof *c);
    *c = (struct confirmation){n, e->destination, e->seq};
    struct command command = {.kind = COMMAND_INTAKE,
                              .actor = actor_system,
                              .expires = TIME_NONE,
                              .version = INT64_MIN,
                              .body = e->row,
                              .record = e->record,
                              .sequence = e->seq};
    command.source = n->owner[e->record] < 0 ? "unknown" : n->services[n->owner[e->record]].ops->name;
    snprintf(command.target, sizeof command.target, "%s", destination_names[e->destination]);
    node_command(n, &command, confirm, c);
}

void delivery_run(struct node *n, bool drain)
{
    struct event e;
    while (courier_next(n->work, drain, &e)) {
        deliver_work(n, &e);
        free(e.row);
    }
    while (courier_next(n->stream, drain, &e)) {
        struct service *s = &n->services[e.destination];
        if (e.seq > s->seen[e.source]) {
            s->seen[e.source] = e.seq;
            s->ops->apply(s->state, e.record, e.removed, e.row);
        }
        free(e.row);
    }
}

/* ---- recovery ---- */

struct loading {
    struct node *node;
    struct service *service;
    enum record_id record;
};

static void load_row(void *arg, const void *row)
{
    struct loading *l = arg;
    if (l->service)
        l->service->ops->apply(l->service->state, l->record, false, row);
    else
        table_put(&l->node->once, row);
}

static bool load(struct loading *l, const int *records, char *why, size_t room)
{
    struct store *s = l->node->store;
    for (; *records >= 0; records++) {
        l->record = (enum record_id) * records;
        if (record_of(l->record)->flags & RECORD_CONFLATED)
            continue;
        if (!s->ops->load(s, l->record, load_row, l)) {
            snprintf(why, room, "cannot read %s: %s", record_of(l->record)->plural, s->ops->error(s));
            return false;
        }
    }
    return true;
}

static void resend(void *arg, const struct store_fact *f)
{
    struct store_fact copy = *f;
    struct node *n = arg;
    copy.destinations = n->resending;
    send_work(n, &copy);
}

bool node_recover(struct node *n, char *why, size_t room)
{
    struct loading once = {.node = n};
    const int once_list[] = {RECORD_idempotency, -1};
    if (!load(&once, once_list, why, room))
        return false;
    for (int i = 0; i < n->service_count; i++) {
        struct loading l = {.node = n, .service = &n->services[i]};
        int here[32], count = 0;
        for (const int *r = l.service->ops->mirrors; *r >= 0; r++)
            if (n->elsewhere[*r] < 0)
                here[count++] = *r;
        here[count] = -1;
        if (!load(&l, l.service->ops->owns, why, room) || !load(&l, here, why, room))
            return false;
        for (int k = 0; k < 8; k++)
            l.service->seen[k] = n->head;
    }
    for (int d = 0; d < DESTINATION_COUNT; d++) {
        int64_t from = store_cursor(n->store, d);
        n->resending = 1u << d;
        n->confirmed[d] = from;
        if (n->config.remote_work)
            continue; /* the relay reads them */
        if (!n->store->ops->facts(n->store, from == INT64_MIN ? 0 : from, INT64_MAX, d, resend, n)) {
            snprintf(why, room, "cannot read the outbox: %s", n->store->ops->error(n->store));
            return false;
        }
    }
    return true;
}

static void replay_fact(void *arg, const struct store_fact *f)
{
    struct node *n = arg;
    for (int i = 0; i < n->service_count; i++) {
        struct service *s = &n->services[i];
        if (listed(s->ops->owns, f->record))
            s->ops->apply(s->state, f->record, f->removed, f->row);
    }
}

bool node_replay(struct node *n, char *why, size_t room)
{
    if (n->store->ops->facts(n->store, 0, INT64_MAX, -1, replay_fact, n))
        return true;
    snprintf(why, room, "cannot read the journal: %s", n->store->ops->error(n->store));
    return false;
}
