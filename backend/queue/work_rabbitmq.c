#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "backend/queue/rabbit.h"
#include "common/log.h"

#define PREFETCH  500
#define MAIL      1000
#define HEARTBEAT 4 /* s */
#define CONFIRM_S 5
#define AGAIN_MS  200 /* between two tries to connect */
#define TAG_BITS  40  /* of a delivery; what is above them is the connection that it came by */

struct consumer {
    struct work *work;
    const char *destination;
    pthread_t thread;
    bool running;
    int bell; /* an eventfd: something is done, or the process ends */
    struct mailbox *mail, *dead;
    uint64_t connection; /* the how-manieth; acknowledgements of an older one are void */
    pthread_mutex_t lock;
    uint64_t *done;
    int done_count, done_room;
    struct link_health health;
};
struct work {
    struct work_config config;
    struct rabbit_address address;
    struct consumer consumers[WORK_CONSUMES_MAX];
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool stopping;
};
struct publisher {
    struct work *work;
    char destination[40];
    amqp_connection_state_t link;
    uint64_t sent; /* on this channel: the last delivery tag */
};

static bool stopping(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    bool yes = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return yes;
}

static void rest(struct work *w)
{
    struct timespec until = clock_deadline(AGAIN_MS * MILLI);
    pthread_mutex_lock(&w->lock);
    if (!w->stopping)
        pthread_cond_clockwait(&w->ended, &w->lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&w->lock);
}

/* ---- publishing ---- */

struct publisher *publisher_new(struct work *w, const char *destination)
{
    struct publisher *p = mem_new(sizeof *p);
    p->work = w;
    snprintf(p->destination, sizeof p->destination, "%s", destination);
    return p;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    rabbit_hang_up(p->link);
    free(p);
}

static bool publisher_ready(struct publisher *p, char *why, size_t room)
{
    if (p->link)
        return true;
    p->link = rabbit_dial(&p->work->address, 0, why, room);
    if (!p->link || !rabbit_declare(p->link, &p->work->address, p->destination, why, room))
        return false;
    amqp_confirm_select(p->link, 1);
    return rabbit_ok(amqp_get_rpc_reply(p->link), "confirms", why, room);
}

static bool publish(struct publisher *p, const struct message *m, char *why, size_t room)
{
    char queue[120], id[60];
    struct buf b = {0};
    message_json(m, &b);
    snprintf(id, sizeof id, "%s/%lld", m->shard, (long long)m->seq);
    amqp_basic_properties_t props = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                                               AMQP_BASIC_MESSAGE_ID_FLAG,
                                     .content_type = amqp_cstring_bytes("application/json"),
                                     .delivery_mode = AMQP_DELIVERY_PERSISTENT,
                                     .message_id = amqp_cstring_bytes(id)};
    rabbit_queue(&p->work->address, "work", p->destination, queue);
    int status = amqp_basic_publish(p->link, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0, &props,
                                    (amqp_bytes_t){b.length, b.data});
    buf_free(&b);
    if (status != AMQP_STATUS_OK)
        snprintf(why, room, "publishing: %s", amqp_error_string2(status));
    return status == AMQP_STATUS_OK;
}

/* Which of a batch the broker has confirmed: in any order, one at a time or all up to one. */
struct confirms {
    bool *have;
    int count, missing;
    uint64_t before; /* the last tag of the batch before */
};

static void confirm(struct confirms *c, uint64_t tag, bool multiple)
{
    for (uint64_t t = multiple ? c->before + 1 : tag; t <= tag; t++)
        if (t > c->before && t <= c->before + (uint64_t)c->count && !c->have[t - c->before - 1]) {
            c->have[t - c->before - 1] = true;
            c->missing--;
        }
}

/* One answer of the broker about what was published. False: not to be had. */
static bool hear(struct publisher *p, struct confirms *c, int64_t until, char *why, size_t room)
{
    int64_t left = until - clock_mono(&clock_system);
    struct timeval limit = {left > 0 ? left / SECOND : 0, left > 0 ? left % SECOND / 1000 : 0};
    amqp_frame_t f;
    int status = amqp_simple_wait_frame_noblock(p->link, &f, &limit);
    if (status != AMQP_STATUS_OK) {
        snprintf(why, room, "confirms: %s", amqp_error_string2(status));
        return false;
    }
    if (f.frame_type != AMQP_FRAME_METHOD)
        return true;
    if (f.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = f.payload.method.decoded;
        confirm(c, ack->delivery_tag, ack->multiple);
        return true;
    }
    snprintf(why, room, "%s",
             f.payload.method.id == AMQP_BASIC_RETURN_METHOD ? "returned: the queue is not there"
             : f.payload.method.id == AMQP_BASIC_NACK_METHOD ? "the broker could not take it"
                                                             : "the broker closed the channel");
    return false;
}

static bool confirmed(struct publisher *p, int count, char *why, size_t room)
{
    int64_t until = clock_mono(&clock_system) + CONFIRM_S * SECOND;
    struct confirms c = {mem_new((size_t)count + 1), count, count, p->sent};
    bool ok = true;
    while (ok && c.missing) {
        ok = hear(p, &c, until, why, room);
        amqp_maybe_release_buffers(p->link);
    }
    free(c.have);
    p->sent += (uint64_t)count;
    return ok;
}

/* With the first answer that is missing the connection is given up: nothing of it is known any more. */
bool publisher_send(struct publisher *p, const struct message *list, int count, char *why, size_t room)
{
    bool ok = publisher_ready(p, why, room);
    for (int i = 0; ok && i < count; i++)
        ok = publish(p, &list[i], why, room);
    ok = ok && confirmed(p, count, why, room);
    if (!ok) {
        rabbit_hang_up(p->link);
        p->link = NULL;
        p->sent = 0;
    }
    return ok;
}

/* ---- consuming ---- */

static void tell(struct consumer *c, const char *state, const char *why)
{
    pthread_mutex_lock(&c->lock);
    bool changed = strcmp(c->health.state, state) != 0;
    snprintf(c->health.state, sizeof c->health.state, "%s", state);
    if (!strcmp(state, "ok"))
        c->health.seen = clock_utc(&clock_system);
    pthread_mutex_unlock(&c->lock);
    if (changed)
        log_event(strcmp(state, "ok") ? LOG_WARNING : LOG_INFO,
                  strcmp(state, "ok") ? "the work queue is away" : "the work queue is there", "error.message",
                  why, "queue.name", c->destination, NULL);
}

static bool acknowledge(struct consumer *c, amqp_connection_state_t link)
{
    pthread_mutex_lock(&c->lock);
    uint64_t *list = c->done;
    int n = c->done_count;
    c->done = NULL;
    c->done_count = c->done_room = 0;
    pthread_mutex_unlock(&c->lock);
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        if (list[i] >> TAG_BITS == c->connection)
            ok = amqp_basic_ack(link, 1, list[i] & ((UINT64_C(1) << TAG_BITS) - 1), 0) == AMQP_STATUS_OK;
    free(list);
    return ok;
}

/* Shard and sequence of what cannot be read, from the message's id. */
static void identify(const amqp_envelope_t *e, struct message *m)
{
    char id[60];
    if (!(e->message.properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG))
        return;
    amqp_bytes_t b = e->message.properties.message_id;
    snprintf(id, sizeof id, "%.*s", (int)b.len, (const char *)b.bytes);
    size_t n = strcspn(id, "/");
    snprintf(m->shard, sizeof m->shard, "%.*s", (int)n, id);
    m->seq = id[n] ? strtoll(id + n + 1, NULL, 10) : 0;
}

/* False: the connection is of no use any more. */
static bool deliver(struct consumer *c, amqp_connection_state_t link, const amqp_envelope_t *e)
{
    struct message m;
    char dead[120];
    rabbit_queue(&c->work->address, "dead", c->destination, dead);
    bool is_dead =
        e->routing_key.len == strlen(dead) && !memcmp(e->routing_key.bytes, dead, e->routing_key.len);
    enum message_read how = message_parse(e->message.body.bytes, e->message.body.len, &m);
    m.tag = c->connection << TAG_BITS | e->delivery_tag;
    if (how == MESSAGE_STRANGE) { /* work of a newer version: not for this one, and not to be lost */
        message_free(&m);
        return amqp_basic_reject(link, 1, e->delivery_tag, !is_dead) == AMQP_STATUS_OK;
    }
    if (how == MESSAGE_BAD && !is_dead) {
        log_event(LOG_ERROR, "a message cannot be read; it goes to the dead-letter queue", "error.message",
                  m.why, "queue.name", c->destination, NULL);
        message_free(&m);
        return amqp_basic_reject(link, 1, e->delivery_tag, 0) == AMQP_STATUS_OK;
    }
    if (is_dead) {
        m.dead = true;
        if (how == MESSAGE_BAD)
            identify(e, &m);
        if (!m.text) {
            m.text = mem_new(e->message.body.len + 1);
            memcpy(m.text, e->message.body.bytes, e->message.body.len);
        }
    }
    while (!mailbox_put(m.dead ? c->dead : c->mail, &m))
        if (stopping(c->work) || !acknowledge(c, link)) {
            message_free(&m);
            return false;
        }
    return true;
}

static bool subscribe(struct consumer *c, amqp_connection_state_t link, char *why, size_t room)
{
    char queue[120];
    const struct rabbit_address *a = &c->work->address;
    if (!rabbit_declare(link, a, c->destination, why, room))
        return false;
    amqp_basic_qos(link, 1, 0, PREFETCH, 0);
    if (!rabbit_ok(amqp_get_rpc_reply(link), "prefetch", why, room))
        return false;
    amqp_basic_consume(link, 1, amqp_cstring_bytes(rabbit_queue(a, "dead", c->destination, queue)),
                       amqp_cstring_bytes("dead"), 0, 0, 0, amqp_empty_table);
    if (!rabbit_ok(amqp_get_rpc_reply(link), queue, why, room))
        return false;
    amqp_basic_consume(link, 1, amqp_cstring_bytes(rabbit_queue(a, "work", c->destination, queue)),
                       amqp_cstring_bytes("work"), 0, 0, 0, amqp_empty_table);
    return rabbit_ok(amqp_get_rpc_reply(link), queue, why, room);
}

/* Until the broker has something to say or there is something to acknowledge. */
static void listen_to(struct consumer *c, amqp_connection_state_t link)
{
    struct pollfd fds[] = {{amqp_get_sockfd(link), POLLIN, 0}, {c->bell, POLLIN, 0}};
    uint64_t rung;
    if (!amqp_frames_enqueued(link) && !amqp_data_in_buffer(link) && poll(fds, 2, 250) > 0 &&
        fds[1].revents && read(c->bell, &rung, sizeof rung) < 0)
        log_event(LOG_DEBUG, "an event was read before", NULL);
}

/* Delivers until the connection or the process ends. */
static void consume(struct consumer *c, amqp_connection_state_t link, char *why, size_t room)
{
    struct timeval none = {0, 0};
    while (!stopping(c->work)) {
        amqp_envelope_t e;
        amqp_maybe_release_buffers(link);
        listen_to(c, link);
        if (!acknowledge(c, link)) {
            snprintf(why, room, "acknowledging: the connection is cut");
            return;
        }
        amqp_rpc_reply_t r = amqp_consume_message(link, &e, &none, 0);
        if (r.reply_type == AMQP_RESPONSE_NORMAL) {
            bool ok = deliver(c, link, &e);
            amqp_destroy_envelope(&e);
            if (!ok)
                return;
        } else if (r.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION ||
                   r.library_error != AMQP_STATUS_TIMEOUT) {
            rabbit_ok(r, "consuming", why, room);
            return;
        }
        tell(c, "ok", "");
    }
}

static void *run(void *arg)
{
    struct consumer *c = arg;
    char why[200] = "";
    while (!stopping(c->work)) {
        c->connection++;
        amqp_connection_state_t link = rabbit_dial(&c->work->address, HEARTBEAT, why, sizeof why);
        if (link && subscribe(c, link, why, sizeof why)) {
            tell(c, "ok", "");
            consume(c, link, why, sizeof why);
        }
        rabbit_hang_up(link);
        if (stopping(c->work))
            break;
        tell(c, "away", why);
        pthread_mutex_lock(&c->lock);
        c->health.reconnects++;
        pthread_mutex_unlock(&c->lock);
        rest(c->work);
    }
    return NULL;
}

/* ---- opening ---- */

static void ring(struct consumer *c)
{
    uint64_t one = 1;
    if (write(c->bell, &one, sizeof one) < 0)
        log_event(LOG_DEBUG, "the bell rings already", NULL);
}

struct work *work_open(const struct work_config *config, char *why, size_t room)
{
    struct work *w = mem_new(sizeof *w);
    w->config = *config;
    if (!rabbit_address(config->address, &w->address, why, room)) {
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->ended, NULL);
    for (int i = 0; i < config->consume_count; i++) {
        struct consumer *c = &w->consumers[i];
        *c = (struct consumer){.work = w, .destination = config->consumes[i], .health.state = "connecting"};
        pthread_mutex_init(&c->lock, NULL);
        c->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        c->mail = mailbox_new(MAIL, config->wake, config->arg);
        c->dead = mailbox_new(MAIL, config->wake, config->arg);
        c->running = c->bell >= 0 && pthread_create(&c->thread, NULL, run, c) == 0;
        if (!c->running) {
            snprintf(why, room, "queue: no thread for the consumer of %s", c->destination);
            work_close(w);
            return NULL;
        }
    }
    return w;
}

void work_close(struct work *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->ended);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->config.consume_count && w->consumers[i].work; i++) {
        struct consumer *c = &w->consumers[i];
        ring(c);
        if (c->running)
            pthread_join(c->thread, NULL);
        if (c->bell >= 0)
            close(c->bell);
        mailbox_free(c->mail);
        mailbox_free(c->dead);
        free(c->done);
    }
    explicit_bzero(&w->address, sizeof w->address);
    free(w);
}

int work_boxes(const struct work *w)
{
    return w->config.consume_count;
}

const char *work_consumes(const struct work *w, int i)
{
    return w->config.consumes[i];
}

struct mailbox *work_mail(struct work *w, int i)
{
    return w->consumers[i].mail;
}

struct mailbox *work_dead(struct work *w, int i)
{
    return w->consumers[i].dead;
}

void work_done(struct work *w, int i, uint64_t tag)
{
    struct consumer *c = &w->consumers[i];
    pthread_mutex_lock(&c->lock);
    if (c->done_count == c->done_room) {
        c->done_room = c->done_room ? c->done_room * 2 : 64;
        c->done = mem_grow(c->done, (size_t)c->done_room * sizeof *c->done);
    }
    c->done[c->done_count++] = tag;
    pthread_mutex_unlock(&c->lock);
    ring(c);
}

void work_health(struct work *w, struct link_health *out)
{
    *out = (struct link_health){.state = "ok"};
    for (int i = 0; i < w->config.consume_count; i++) {
        struct consumer *c = &w->consumers[i];
        pthread_mutex_lock(&c->lock);
        if (strcmp(c->health.state, "ok") != 0)
            snprintf(out->state, sizeof out->state, "%s", c->health.state);
        out->reconnects += c->health.reconnects;
        out->seen = c->health.seen > out->seen ? c->health.seen : out->seen;
        pthread_mutex_unlock(&c->lock);
        out->lag += mailbox_count(c->mail);
    }
}
