#include "backend/platform/node.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/data/audit_chain.h"
#include "backend/platform/delivery.h"
#include "backend/platform/journal.h"
#include "backend/platform/node_private.h"
#include "common/log.h"

#define BUSY_FACTS 20000

struct node *node_new(const struct node_config *config, char *why, size_t room)
{
    struct store *store = config->stop ? store_await(config->store, config->stop, why, room)
                                       : store_open(config->store, why, room);
    if (!store)
        return NULL;
    struct node *n = mem_new(sizeof *n);
    n->config = *config;
    n->store = store;
    n->journal = journal_new(store, config->threaded, config->wake, config->wake_arg);
    n->work = courier_new(config->seed);
    n->stream = courier_new(config->seed ? config->seed + 1 : 0);
    table_init(&n->once, RECORD(idempotency));
    n->head = n->durable = store_head(store);
    for (int i = 0; i < RECORD_COUNT; i++)
        n->owner[i] = n->elsewhere[i] = -1;
    for (int d = 0; d < 8; d++)
        n->pending.cursors[d] = n->confirmed[d] = INT64_MIN;
    return n;
}

void node_add(struct node *n, const struct service_ops *ops)
{
    struct service *s = &n->services[n->service_count];
    *s = (struct service){.ops = ops, .state = ops->create()};
    for (const int *r = ops->owns; *r >= 0; r++)
        if (n->owner[*r] < 0)
            n->owner[*r] = n->service_count;
    n->service_count++;
}

void node_serves(struct node *n)
{
    journal_keep_lease(n->journal);
}

void node_observe(struct node *n, struct node_observer observer)
{
    n->observers[n->observer_count++] = observer;
}

void node_free(struct node *n)
{
    if (!n)
        return;
    brokers_stop(n);
    follow_stop(n);
    journal_free(n->journal);
    n->store->ops->close(n->store);
    store_batch_free(&n->pending);
    courier_free(n->work);
    courier_free(n->stream);
    for (int i = 0; i < n->service_count; i++)
        n->services[i].ops->destroy(n->services[i].state);
    for (struct output *o = n->first; o;) {
        struct output *next = o->next;
        free(o->row);
        free(o);
        o = next;
    }
    table_free(&n->once);
    free(n->owed);
    free(n);
}

static bool pending(const struct node *n)
{
    if (n->pending.fact_count || n->pending.audit_count)
        return true;
    for (int d = 0; d < 8; d++)
        if (n->pending.cursors[d] != INT64_MIN)
            return true;
    return false;
}

/* ---- outputs: what waits for the disk ---- */

static struct output *output_add(struct node *n)
{
    struct output *o = mem_new(sizeof *o);
    o->seq = n->head;
    o->batch = n->batch + pending(n); /* what gathers now is the next batch */
    if (n->last)
        n->last->next = o;
    else
        n->first = o;
    n->last = o;
    return o;
}

static void output_run(struct node *n, struct output *o)
{
    if (o->done) {
        o->outcome.answer = o->row;
        o->done(o->arg, &o->outcome);
    } else if (o->fn)
        o->fn(o->arg);
    else
        delivery_publish(n, o->outcome.record, o->row);
    free(o->row);
    free(o);
}

static void outputs_release(struct node *n)
{
    while (n->first && n->first->batch <= n->committed) {
        struct output *o = n->first;
        n->first = o->next;
        if (!n->first)
            n->last = NULL;
        output_run(n, o);
    }
}

void node_after(struct node *n, void (*fn)(void *arg), void *arg)
{
    struct output *o = output_add(n);
    o->fn = fn;
    o->arg = arg;
}

void node_publish(struct node *n, enum record_id record, const void *row)
{
    struct output *o = output_add(n);
    o->outcome.record = record;
    o->row = mem_new(record_of(record)->size);
    memcpy(o->row, row, record_of(record)->size);
}

/* ---- commands ---- */

static struct service *service_for(struct node *n, const struct command *c)
{
    const char *name = command_info(c->kind)->service;
    if (!strcmp(name, "any"))
        name = c->target;
    size_t length = strcspn(name, "."); /* the id of a dead letter begins with its consumer */
    for (int i = 0; i < n->service_count; i++)
        if (strlen(n->services[i].ops->name) == length && !memcmp(n->services[i].ops->name, name, length))
            return &n->services[i];
    return NULL;
}

const struct table *node_table(struct node *n, enum record_id record)
{
    if (record == RECORD_idempotency)
        return &n->once;
    if (n->owner[record] < 0)
        return NULL;
    struct service *s = &n->services[n->owner[record]];
    return s->ops->table(s->state, record);
}

static uint32_t destinations_of(const struct store_fact *f)
{
    uint32_t bits = 0;
    static const struct {
        enum record_id record;
        enum destination to;
    } list[] = {
#define D(record, to) {RECORD_##record, DESTINATION_##to},
#include "backend/platform/destinations.def"
#undef D
    };
    if (f->record == RECORD_mark && ((const struct mark *)f->row)->kind != MARK_OFFICIAL)
        return 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].record == f->record)
            bits |= 1u << list[i].to;
    return bits;
}

static void fact_add(struct node *n, int service, enum record_id record, bool removed, void *row, int64_t now)
{
    struct store_batch *b = &n->pending;
    if (b->fact_count == b->fact_room) {
        b->fact_room = b->fact_room ? b->fact_room * 2 : 64;
        b->facts = mem_grow(b->facts, (size_t)b->fact_room * sizeof *b->facts);
    }
    struct store_fact *f = &b->facts[b->fact_count++];
    *f = (struct store_fact){.seq = ++n->head, .time = now, .record = record, .removed = removed, .row = row};
    f->destinations = destinations_of(f);
    if (service >= 0)
        n->services[service].ops->apply(n->services[service].state, record, removed, row);
    else if (removed)
        table_remove(&n->once, row);
    else
        table_put(&n->once, row);
}

static struct audit *audit_add(struct store_batch *b)
{
    if (b->audit_count == b->audit_room) {
        b->audit_room = b->audit_room ? b->audit_room * 2 : 16;
        b->audits = mem_grow(b->audits, (size_t)b->audit_room * sizeof *b->audits);
    }
    struct audit *a = &b->audits[b->audit_count++];
    record_clear(RECORD(audit), a);
    return a;
}

/* The row that a decision acted on: by its record and key. */
static const void *object_row(struct node *n, const struct verdict *d)
{
    const struct record *r = record_named(d->record);
    const struct table *t = r ? node_table(n, record_index(r)) : NULL;
    if (!t)
        return NULL;
    if (r->fields[r->key].kind == FIELD_UUID) {
        struct uuid id;
        return uuid_parse(d->object, &id) ? table_get(t, &id, sizeof id) : NULL;
    }
    return table_find(t, d->object);
}

static void audit_command(struct node *n, const struct command *c, const struct verdict *d,
                          const char *before)
{
    struct audit *a = audit_add(&n->pending);
    const struct command_info *info = command_info(c->kind);
    a->time = c->now;
    a->mono = c->mono;
    snprintf(a->actor, sizeof a->actor, "%s", c->actor.user);
    snprintf(a->session, sizeof a->session, "%s", c->actor.session);
    snprintf(a->source, sizeof a->source, "%s", info->service);
    for (size_t i = 0; info->name[i] && i + 1 < sizeof a->action; i++)
        a->action[i] = info->name[i] == '_' ? '.' : (char)(info->name[i] | 0x20);
    snprintf(a->object, sizeof a->object, "%.24s/%.70s", d->record, d->object);
    memcpy(a->before, before, sizeof a->before);
    const void *row = object_row(n, d);
    if (row)
        audit_row_hash(record_named(d->record), row, a->after);
    snprintf(a->reason, sizeof a->reason, "%s", *d->problem ? d->problem : d->reason);
}

static void remember(struct node *n, const struct command *c, const struct verdict *d)
{
    struct idempotency *once = mem_new(sizeof *once);
    record_clear(RECORD(idempotency), once);
    snprintf(once->id, sizeof once->id, "%s", c->once.key);
    snprintf(once->digest, sizeof once->digest, "%s", c->once.digest);
    once->status = d->status ? d->status : c->once.status;
    snprintf(once->record, sizeof once->record, "%s", d->record);
    snprintf(once->object, sizeof once->object, "%s", d->object);
    once->time = c->now;
    fact_add(n, -1, RECORD_idempotency, false, once, c->now);
}

static void answer(struct node *n, const struct verdict *d, outcome_fn *done, void *arg)
{
    struct output *o = output_add(n);
    const struct record *r = record_named(d->record);
    o->done = done;
    o->arg = arg;
    o->outcome = (struct outcome){.status = d->status, .limit = d->limit, .value = d->value};
    snprintf(o->outcome.problem, sizeof o->outcome.problem, "%s", d->problem);
    snprintf(o->outcome.rule, sizeof o->outcome.rule, "%s", d->rule);
    snprintf(o->outcome.reason, sizeof o->outcome.reason, "%s", d->reason);
    snprintf(o->outcome.object, sizeof o->outcome.object, "%s", d->object);
    const void *row = object_row(n, d);
    if (row) {
        o->outcome.record = record_index(r);
        o->row = mem_new(r->size);
        memcpy(o->row, row, r->size);
    }
}

static void no_outcome(void *arg, const struct outcome *o)
{
    (void)arg;
    (void)o;
}

void node_command(struct node *n, struct command *c, outcome_fn *done, void *arg)
{
    struct verdict d = {.limit = DEC_NONE, .value = DEC_NONE};
    struct service *s = service_for(n, c);
    char before[65] = "";
    c->now = clock_utc(n->config.clock);
    c->mono = clock_mono(n->config.clock);
    c->cache = n->config.cache;
    c->next = n->head + 1;
    d.now = c->now;
    if (!s)
        decision_refuse(&d, 503, "the %s service does not run here", command_info(c->kind)->service);
    else if (c->expires != TIME_NONE && c->now >= c->expires)
        decision_refuse(&d, 422, "the command expired before it was carried out");
    else
        s->ops->decide(s->state, c, &d);
    if (!d.unaudited) {
        const void *row = object_row(n, &d);
        if (row)
            audit_row_hash(record_named(d.record), row, before);
    }
    for (int i = 0; i < d.count; i++) {
        fact_add(n, (int)(s - n->services), d.facts[i].record, d.facts[i].removed, d.facts[i].row, c->now);
        d.facts[i].row = NULL; /* the batch owns it now */
    }
    if (*c->once.key && (!d.status || d.count))
        remember(n, c, &d);
    if (!d.unaudited)
        audit_command(n, c, &d, before);
    if (done || !d.unaudited)
        answer(n, &d, done ? done : no_outcome, arg);
    decision_free(&d);
    journal_next(n);
}

/* ---- the journal's turn ---- */

void journal_next(struct node *n)
{
    if (!n->config.threaded || n->in_flight || !pending(n))
        return;
    journal_hand_over(n);
}

void journal_hand_over(struct node *n)
{
    struct store_batch b = n->pending;
    b.previous = n->submitted ? n->submitted : n->durable;
    b.last = n->head;
    n->submitted = n->head;
    n->in_flight = true;
    n->pending = (struct store_batch){0};
    for (int d = 0; d < 8; d++)
        n->pending.cursors[d] = INT64_MIN;
    n->batch++;
    journal_submit(n->journal, b);
}

static void fail(struct node *n)
{
    log_event(LOG_ERROR, "the journal cannot be written; stopping so that nothing unrecorded is told",
              "error.message", n->store->ops->error(n->store), NULL);
    _exit(1);
}

static void finished(struct node *n, struct store_batch *b, enum store_result result)
{
    if (result == STORE_FULL && n->store->ops->free_reserve(n->store)) {
        log_event(LOG_ERROR, "the disk is full; the reserve was freed and orders are refused", NULL);
        n->disk_low = true;
        journal_submit(n->journal, *b);
        return;
    }
    if (result != STORE_OK)
        fail(n);
    n->in_flight = false;
    n->durable = b->last;
    n->committed++;
    n->commits++;
    for (int i = 0; i < b->fact_count; i++)
        delivery_fact(n, &b->facts[i]);
    brokers_durable(n);
    store_batch_free(b);
}

void node_poll(struct node *n)
{
    struct store_batch b;
    enum store_result result;
    if (!n->config.threaded && !n->in_flight && pending(n))
        journal_hand_over(n);
    while (journal_take(n->journal, &b, &result))
        finished(n, &b, result);
    outputs_release(n);
    delivery_run(n, false);
    brokers_run(n);
    follow_run(n);
    journal_next(n);
}

bool node_idle(const struct node *n)
{
    return !pending(n) && !n->in_flight && !n->first && !courier_waiting(n->work) &&
           !courier_waiting(n->stream);
}

void node_wait(struct node *n)
{
    while (!node_idle(n)) {
        node_poll(n);
        delivery_run(n, true);
    }
}

bool node_busy(const struct node *n)
{
    return n->pending.fact_count > BUSY_FACTS;
}

bool node_disk_low(const struct node *n)
{
    return n->disk_low;
}

/* ---- looking in ---- */

void *node_state(struct node *n, const char *service)
{
    for (int i = 0; i < n->service_count; i++)
        if (!strcmp(n->services[i].ops->name, service))
            return n->services[i].state;
    return NULL;
}

void node_value(struct node *n, enum record_id record, void *row)
{
    for (int i = 0; i < n->service_count; i++)
        if (n->services[i].ops->value)
            n->services[i].ops->value(n->services[i].state, n->config.cache, record, row);
}

struct store *node_store(struct node *n)
{
    return n->store;
}

struct cache *node_cache(struct node *n)
{
    return n->config.cache;
}

int64_t node_now(const struct node *n)
{
    return clock_utc(n->config.clock);
}

int64_t node_sequence(const struct node *n)
{
    return n->head;
}

int64_t node_durable(const struct node *n)
{
    return n->durable;
}

int64_t node_commits(const struct node *n)
{
    return n->commits;
}

const struct idempotency *node_once(struct node *n, const char *key)
{
    return table_find(&n->once, key);
}

static int by_key(const void *a, const void *b)
{
    const struct buf *x = a, *y = b;
    return strcmp(x->data, y->data);
}

void node_digest(struct node *n, char out[65])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char bytes[32];
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (int r = 0; r < RECORD_COUNT; r++) {
        const struct table *t = n->owner[r] >= 0 ? node_table(n, (enum record_id)r) : NULL;
        if (!t || !t->count)
            continue;
        struct buf *rows = mem_new((size_t)t->count * sizeof *rows);
        int count = 0;
        table_each(t, const void, row) record_json(record_of((enum record_id)r), row, &rows[count++]);
        qsort(rows, (size_t)count, sizeof *rows, by_key);
        for (int i = 0; i < count; i++) {
            EVP_DigestUpdate(hash, rows[i].data, rows[i].length);
            buf_free(&rows[i]);
        }
        free(rows);
    }
    EVP_DigestFinal_ex(hash, bytes, NULL);
    EVP_MD_CTX_free(hash);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
