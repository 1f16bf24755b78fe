#include "backend/platform/intake.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/queue/message.h"

static void inbox_id(const char *consumer, const char *source, char out[49])
{
    snprintf(out, 49, "%.24s/%.23s", consumer, source);
}

static void letter_id(const char *consumer, const char *source, int64_t seq, char out[65])
{
    snprintf(out, 65, "%.16s.%.16s.%lld", consumer, source, (long long)seq);
}

int64_t intake_last(const struct table *inboxes, const char *consumer, const char *source)
{
    char id[49];
    inbox_id(consumer, source, id);
    const struct inbox *seen = table_find(inboxes, id);
    return seen ? seen->sequence : -1;
}

/* The consumer's own letters: id begins with its name. */
static bool same_consumer(const struct dead_letter *a, const struct dead_letter *b)
{
    size_t n = strcspn(a->id, ".");
    return strcspn(b->id, ".") == n && !memcmp(a->id, b->id, n);
}

bool letter_exists(const struct table *letters, const char *consumer, const char *source, int64_t seq)
{
    char id[65];
    letter_id(consumer, source, seq, id);
    return table_find(letters, id) != NULL;
}

const struct dead_letter *letter_first(const struct table *letters, const struct dead_letter *l)
{
    const struct dead_letter *first = l;
    table_each(letters, const struct dead_letter, other) if (same_consumer(l, other) &&
                                                             !strcmp(l->key, other->key) &&
                                                             other->sequence < first->sequence) first = other;
    return first;
}

static bool key_waits(const struct intake *in, const char *key)
{
    table_each(in->letters, const struct dead_letter, l) if (!strcmp(l->key, key)) return true;
    return false;
}

static void set_aside(const struct intake *in, const void *state, const struct command *c, struct verdict *d,
                      const char *key, const char *reason)
{
    struct dead_letter l;
    struct message m = {
        .seq = c->sequence, .time = c->now, .record = c->record, .row = (void *)(uintptr_t)c->body};
    struct buf text = {0};
    record_clear(RECORD(dead_letter), &l);
    letter_id(in->consumer, c->source, c->sequence, l.id);
    snprintf(l.key, sizeof l.key, "%s", key);
    snprintf(l.reason, sizeof l.reason, "%s", reason);
    l.sequence = c->sequence;
    l.time = c->now;
    if (c->body) {
        snprintf(m.shard, sizeof m.shard, "%s", c->source);
        snprintf(l.record, sizeof l.record, "%s", record_of(c->record)->name);
        if (record_of(c->record)->scope >= 0)
            snprintf(l.book, sizeof l.book, "%s", record_scope(record_of(c->record), c->body));
        message_json(&m, &text);
    } else
        buf_text(&text, c->text ? c->text : "");
    snprintf(l.body, sizeof l.body, "%s", text.data ? text.data : "");
    buf_free(&text);
    decision_put(d, RECORD_dead_letter, &l);
    in->alarm(state, c, d, &l);
}

/* Tries; what is refused has done nothing. */
static bool done(const struct intake *in, const void *state, const struct command *c, struct verdict *d)
{
    int before = d->count;
    in->take(state, c, d);
    if (!d->status)
        return true;
    while (d->count > before)
        free(d->facts[--d->count].row);
    d->status = 0;
    return false;
}

static void intake(const struct intake *in, const void *state, const struct command *c, struct verdict *d)
{
    struct inbox next = {.sequence = c->sequence};
    char key[91] = "unreadable";
    d->unaudited = true; /* the source's command is in the audit trail */
    inbox_id(in->consumer, c->source, next.id);
    int64_t last = intake_last(in->inboxes, in->consumer, c->source);
    if (c->sequence <= last || letter_exists(in->letters, in->consumer, c->source, c->sequence))
        return;
    if (c->body)
        in->key(c->record, c->body, key, sizeof key);
    if (c->dead)
        set_aside(in, state, c, d, key, c->dead);
    else if (key_waits(in, key))
        set_aside(in, state, c, d, key, "waits behind another letter of its key");
    else if (!done(in, state, c, d)) {
        char reason[121];
        snprintf(reason, sizeof reason, "%s", d->problem);
        set_aside(in, state, c, d, key, reason);
    }
    *d->problem = 0;
    /* A dead letter may come before one that it followed: the sequence stays where there is no gap. */
    if (!c->dead || c->previous <= last)
        decision_put(d, RECORD_inbox, &next);
}

static void requeue(const struct intake *in, const void *state, const struct command *c, struct verdict *d)
{
    const struct dead_letter *l = table_find(in->letters, c->target);
    struct command again = *c;
    struct message m;
    decision_object(d, "dead_letter", c->target);
    if (!l) {
        decision_refuse(d, 404, "no dead letter %.64s", c->target);
        return;
    }
    if (letter_first(in->letters, l) != l) {
        decision_refuse(d, 409, "%.60s goes first: it has the same key", letter_first(in->letters, l)->id);
        return;
    }
    if (message_parse(l->body, strlen(l->body), &m) != MESSAGE_READ) {
        decision_refuse(d, 422, "cannot be read: %.90s", *m.why ? m.why : "a record of a newer version");
        message_free(&m);
        return;
    }
    again.record = m.record;
    again.body = m.row;
    again.sequence = l->sequence;
    again.source = m.shard;
    decision_remove(d, RECORD_dead_letter, l);
    if (!done(in, state, &again, d)) {
        d->status = 422; /* it stays where it is */
        free(d->facts[--d->count].row);
    }
    decision_object(d, "dead_letter", c->target);
    message_free(&m);
}

void intake_decide(const struct intake *in, const void *state, const struct command *c, struct verdict *d)
{
    if (c->kind == COMMAND_INTAKE)
        intake(in, state, c, d);
    else
        requeue(in, state, c, d);
}
