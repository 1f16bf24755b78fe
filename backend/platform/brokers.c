/* Between a node and its brokers: outboxes go out by relays, mail comes in as commands, and each message is
 * acknowledged once its effect is durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/platform/intake.h"
#include "backend/platform/node_private.h"
#include "common/log.h"

#define CURSOR_NS (250 * MILLI) /* a cursor alone is not worth a transaction more often */
#define TURN_MAIL 500

const char *node_shard(const struct node *n)
{
    return n->config.shard ? n->config.shard : "firm";
}

static bool send_work(void *arg, const struct message *list, int count, char *why, size_t room)
{
    return publisher_send(arg, list, count, why, room);
}

bool node_connect(struct node *n, struct work *work, char *why, size_t room)
{
    n->work_queue = work;
    for (int d = 0; d < DESTINATION_COUNT; d++) {
        n->publishers[d] = publisher_new(work, destination_names[d]);
        n->relays[d] =
            relay_start(&(struct relay_config){.store = n->config.store,
                                               .shard = node_shard(n),
                                               .outbox = d,
                                               .from = n->confirmed[d] == INT64_MIN ? 0 : n->confirmed[d],
                                               .send = send_work,
                                               .arg = n->publishers[d],
                                               .wake = n->config.wake,
                                               .wake_arg = n->config.wake_arg});
        if (!n->relays[d]) {
            snprintf(why, room, "no thread for the outbox of %s", destination_names[d]);
            return false;
        }
    }
    brokers_durable(n);
    return true;
}

void brokers_stop(struct node *n)
{
    for (int d = 0; d < DESTINATION_COUNT; d++) {
        relay_stop(n->relays[d]);
        publisher_free(n->publishers[d]);
        n->relays[d] = NULL;
        n->publishers[d] = NULL;
    }
}

void brokers_durable(struct node *n)
{
    for (int d = 0; d < DESTINATION_COUNT; d++)
        if (n->relays[d])
            relay_durable(n->relays[d], n->durable);
    if (n->event_relay)
        relay_durable(n->event_relay, n->durable);
}

/* ---- out: what was confirmed becomes the cursor ---- */

static void move_cursors(struct node *n)
{
    int64_t now = clock_mono(n->config.clock);
    if (!n->pending.fact_count && now - n->cursors_told < CURSOR_NS)
        return;
    for (int d = 0; d <= CURSOR_EVENTS; d++) {
        struct relay *r = d == CURSOR_EVENTS ? n->event_relay : d < DESTINATION_COUNT ? n->relays[d] : NULL;
        int64_t seq = r ? relay_confirmed(r) : 0;
        if (!r || seq <= n->confirmed[d])
            continue;
        n->confirmed[d] = n->pending.cursors[d] = seq;
        n->cursors_told = now;
    }
}

/* ---- in ---- */

struct mail {
    struct node *node;
    int box;
    uint64_t tag;
};

static void mail_done(void *arg, const struct outcome *o)
{
    struct mail *m = arg;
    if (o->status) /* not taken: the broker delivers it again when this connection ends */
        log_event(LOG_ERROR, "work was not taken", "error.message", o->problem, NULL);
    else
        work_done(m->node->work_queue, m->box, m->tag);
    free(m);
}

static struct service *consumer(struct node *n, const char *name)
{
    for (int i = 0; i < n->service_count; i++)
        if (!strcmp(n->services[i].ops->name, name))
            return &n->services[i];
    return NULL;
}

/* Whether the one before it was applied or set aside. A broker's dead letter comes by another way and may
 * still be on it. */
static bool in_order(const struct service *s, const struct message *m)
{
    const struct table *inboxes = s->ops->table(s->state, RECORD_inbox),
                       *letters = s->ops->table(s->state, RECORD_dead_letter);
    if (m->dead || !m->prev || m->prev <= intake_last(inboxes, s->ops->name, m->shard))
        return true;
    return letter_exists(letters, s->ops->name, m->shard, m->prev);
}

static void take_mail(struct node *n, int box, const struct service *s, const struct message *m)
{
    struct mail *arg = mem_new(sizeof *arg);
    *arg = (struct mail){n, box, m->tag};
    struct command c = {.kind = COMMAND_INTAKE,
                        .actor = actor_system,
                        .expires = TIME_NONE,
                        .version = INT64_MIN,
                        .body = m->row,
                        .record = m->record,
                        .sequence = m->seq,
                        .previous = m->prev,
                        .source = m->shard,
                        .text = m->text};
    if (m->dead)
        c.dead = *m->why ? m->why : "delivered too often without being done";
    snprintf(c.target, sizeof c.target, "%s", s->ops->name);
    node_command(n, &c, mail_done, arg);
}

static void empty(struct node *n, int i, const struct service *s, struct mailbox *box)
{
    const struct message *m;
    for (int k = 0; k < TURN_MAIL && !node_busy(n) && (m = mailbox_first(box)); k++) {
        if (!in_order(s, m))
            break; /* the dead-letter queue will bring what is missing */
        take_mail(n, i, s, m);
        mailbox_drop(box);
    }
}

void brokers_run(struct node *n)
{
    move_cursors(n);
    if (!n->work_queue)
        return;
    for (int i = 0; i < work_boxes(n->work_queue); i++) {
        const struct service *s = consumer(n, work_consumes(n->work_queue, i));
        if (!s)
            continue;
        empty(n, i, s, work_dead(n->work_queue, i));
        empty(n, i, s, work_mail(n->work_queue, i));
    }
}

bool node_worked(struct node *n)
{
    for (int d = 0; n->work_queue && d < DESTINATION_COUNT; d++) {
        const struct service *s = consumer(n, destination_names[d]);
        const struct table *inboxes = s ? s->ops->table(s->state, RECORD_inbox) : NULL;
        if (s && n->last_out[d] && intake_last(inboxes, destination_names[d], node_shard(n)) < n->last_out[d])
            return false;
    }
    return true;
}

bool node_queue(struct node *n, struct link_health *out)
{
    if (!n->work_queue)
        return false;
    work_health(n->work_queue, out);
    for (int d = 0; d < DESTINATION_COUNT; d++) {
        struct link_health h;
        relay_health(n->relays[d], &h);
        out->lag += h.lag;
        out->reconnects += h.reconnects;
        out->seen = h.seen > out->seen ? h.seen : out->seen;
        if (!strcmp(out->state, "ok"))
            memcpy(out->state, h.state, sizeof out->state);
    }
    return true;
}
