#include "backend/queue/message.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void message_json(const struct message *m, struct buf *out)
{
    const struct record *r = record_of(m->record);
    buf_text(out, "{\"shard\":");
    buf_json(out, m->shard);
    buf_printf(out, ",\"seq\":%lld,\"prev\":%lld,\"time\":%lld,\"record\":\"%s\",\"removed\":%s,\"row\":",
               (long long)m->seq, (long long)m->prev, (long long)m->time, r->name,
               m->removed ? "true" : "false");
    record_json(r, m->row, out);
    buf_char(out, '}');
}

static int64_t number(const json_t *j, const char *name, bool *ok)
{
    const json_t *v = json_object_get(j, name);
    *ok = *ok && json_is_integer(v) && json_integer_value(v) >= 0;
    return json_integer_value(v);
}

static enum message_read bad(struct message *m, const char *json, size_t n, const char *why)
{
    snprintf(m->why, sizeof m->why, "%s", why);
    m->text = mem_new(n + 1);
    memcpy(m->text, json, n);
    return MESSAGE_BAD;
}

enum message_read message_parse(const char *json, size_t n, struct message *m)
{
    json_error_t e;
    json_t *j = json_loadb(json, n, JSON_REJECT_DUPLICATES, &e);
    const char *shard = json_string_value(json_object_get(j, "shard")),
               *name = json_string_value(json_object_get(j, "record"));
    char why[121] = "";
    bool ok = shard != NULL && name != NULL;
    *m = (struct message){0};
    if (!j) {
        snprintf(why, sizeof why, "not JSON: %.80s", e.text);
        return bad(m, json, n, why);
    }
    snprintf(m->shard, sizeof m->shard, "%s", shard ? shard : "");
    m->seq = number(j, "seq", &ok);
    m->prev = number(j, "prev", &ok);
    m->time = number(j, "time", &ok);
    m->removed = json_is_true(json_object_get(j, "removed"));
    const struct record *r = ok ? record_named(name) : NULL;
    enum message_read result = MESSAGE_READ;
    if (!ok)
        result = bad(m, json, n, "expected shard, seq, prev, time, record and row");
    else if (!r || r->flags & RECORD_TRANSIENT)
        result = MESSAGE_STRANGE;
    else {
        m->record = record_index(r);
        m->row = mem_new(r->size);
        if (!record_read(r, json_object_get(j, "row"), m->row, false, why, sizeof why)) {
            free(m->row);
            m->row = NULL;
            result = bad(m, json, n, why);
        }
    }
    json_decref(j);
    return result;
}

void message_free(struct message *m)
{
    free(m->row);
    free(m->text);
    m->row = m->text = NULL;
}

/* ---- the mailbox ---- */

struct mailbox {
    struct message *ring;
    int room, head, count;
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    void (*wake)(void *arg);
    void *arg;
};

struct mailbox *mailbox_new(int room, void (*wake)(void *arg), void *arg)
{
    struct mailbox *b = mem_new(sizeof *b);
    *b = (struct mailbox){
        .ring = mem_new((size_t)room * sizeof *b->ring), .room = room, .wake = wake, .arg = arg};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->emptied, NULL);
    return b;
}

static void drop(struct mailbox *b)
{
    message_free(&b->ring[b->head]);
    b->head = (b->head + 1) % b->room;
    b->count--;
}

void mailbox_free(struct mailbox *b)
{
    if (!b)
        return;
    while (b->count)
        drop(b);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->emptied);
    free(b->ring);
    free(b);
}

bool mailbox_put(struct mailbox *b, struct message *m)
{
    struct timespec until = clock_deadline(100 * MILLI);
    pthread_mutex_lock(&b->lock);
    while (b->count == b->room &&
           pthread_cond_clockwait(&b->emptied, &b->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
        ;
    bool there = b->count < b->room;
    if (there)
        b->ring[(b->head + b->count++) % b->room] = *m;
    pthread_mutex_unlock(&b->lock);
    if (there && b->wake)
        b->wake(b->arg);
    return there;
}

struct message *mailbox_first(struct mailbox *b)
{
    pthread_mutex_lock(&b->lock);
    struct message *m = b->count ? &b->ring[b->head] : NULL;
    pthread_mutex_unlock(&b->lock);
    return m;
}

void mailbox_drop(struct mailbox *b)
{
    pthread_mutex_lock(&b->lock);
    if (b->count)
        drop(b);
    pthread_cond_signal(&b->emptied);
    pthread_mutex_unlock(&b->lock);
}

int mailbox_count(struct mailbox *b)
{
    pthread_mutex_lock(&b->lock);
    int n = b->count;
    pthread_mutex_unlock(&b->lock);
    return n;
}
