/* The simulated venue. It matches in memory at once and commits orders and reports as facts of its own;
 * a report leaves for trading when it is durable, so what the desk was told survives a crash here too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/external/sim/market_private.h"

#define FILLS 256

/* ---- its records ---- */

struct venue_state {
    struct table orders, executions;
    int64_t oldest, acknowledged; /* reports kept from; last that trading has applied */
};
static const int owns[] = {RECORD_venue_order, RECORD_venue_execution, -1};
static const int mirrors[] = {RECORD_venue_session, -1};

static void *create(void)
{
    struct venue_state *s = mem_new(sizeof *s);
    table_init(&s->orders, RECORD(venue_order));
    table_init(&s->executions, RECORD(venue_execution));
    return s;
}

static void destroy(void *state)
{
    struct venue_state *s = state;
    table_free(&s->orders);
    table_free(&s->executions);
    free(s);
}

static struct table *table(void *state, enum record_id record)
{
    struct venue_state *s = state;
    return record == RECORD_venue_order       ? &s->orders
           : record == RECORD_venue_execution ? &s->executions
                                              : NULL;
}

static void apply(void *state, enum record_id record, bool removed, const void *row)
{
    struct venue_state *s = state;
    struct table *t = table(state, record);
    if (record == RECORD_venue_session)
        s->acknowledged = ((const struct venue_session *)row)->sequence;
    if (!t)
        return;
    if (removed)
        table_remove(t, row);
    else
        table_put(t, row);
    if (record == RECORD_venue_execution && (removed || !s->oldest)) {
        int64_t n = ((const struct venue_execution *)row)->sequence;
        s->oldest = removed ? n + 1 : n;
    }
}

/* Reports that trading applied long ago are let go. */
static void trim(const struct venue_state *s, struct verdict *d)
{
    for (int64_t n = s->oldest; n < s->oldest + 4 && n && n < s->acknowledged - 1000; n++) {
        const struct venue_execution *e = table_get(&s->executions, &n, sizeof n);
        if (e)
            decision_remove(d, RECORD_venue_execution, e);
    }
}

static void decide(const void *state, const struct command *c, struct verdict *d)
{
    const struct outcome_facts *o = c->body;
    if (c->kind != COMMAND_VENUE_OUTCOME) {
        decision_refuse(d, 404, "the venue does not know this command");
        return;
    }
    d->unaudited = true; /* another firm's books, in truth */
    for (int i = 0; i < o->count; i++)
        if (o->facts[i].removed)
            decision_remove(d, o->facts[i].record, o->facts[i].row);
        else
            decision_put(d, o->facts[i].record, o->facts[i].row);
    trim(state, d);
}

const struct service_ops venue_sim_ops = {"sim", owns, mirrors, create, destroy, decide, apply, table, NULL};

/* ---- outcomes ---- */

static void add(struct outcome_facts *o, enum record_id record, bool removed, const void *row)
{
    if (o->count == o->room) {
        o->room = o->room ? o->room * 2 : 8;
        o->facts = mem_grow(o->facts, (size_t)o->room * sizeof *o->facts);
    }
    struct decided_fact *f = &o->facts[o->count++];
    *f = (struct decided_fact){record, removed, mem_new(record_of(record)->size)};
    memcpy(f->row, row, record_of(record)->size);
}

void venue_report(struct market *m, struct outcome_facts *o, const struct venue_execution *e)
{
    struct venue_execution copy = *e;
    copy.sequence = ++m->report;
    copy.trading_date = trading_business_date(node_state(m->node, "trading"));
    copy.time = node_now(m->node);
    add(o, RECORD_venue_execution, false, &copy);
}

void venue_commit(struct market *m, struct outcome_facts *o)
{
    if (o->count) {
        struct command c = {.kind = COMMAND_VENUE_OUTCOME,
                            .actor = actor_system,
                            .expires = TIME_NONE,
                            .version = INT64_MIN,
                            .body = o};
        node_command(m->node, &c, NULL, NULL);
    }
    for (int i = 0; i < o->count; i++)
        free(o->facts[i].row);
    free(o->facts);
    *o = (struct outcome_facts){0};
}

static struct venue_execution blank(const struct uuid *id, uint8_t status)
{
    struct venue_execution e;
    record_clear(RECORD(venue_execution), &e);
    e.order = *id;
    e.status = status;
    return e;
}

static struct venue_order *known(struct market *m, const struct uuid *id)
{
    struct venue_state *s = node_state(m->node, "sim");
    return table_get(&s->orders, id, sizeof *id);
}

/* The venue's row of a resting order after `left` remains; the newest of it in this outcome counts. */
static void keep_row(struct outcome_facts *o, const struct venue_order *row, dec left)
{
    struct venue_order next = *row;
    next.remaining = left;
    next.status = left ? STATUS_PARTIALLY_FILLED : STATUS_FILLED;
    add(o, RECORD_venue_order, left == 0, &next);
}

void venue_makers(struct market *m, struct listing *l, int side, const struct fill *fills, int n,
                  struct outcome_facts *o)
{
    (void)side;
    for (int i = 0; i < n; i++) {
        const struct resting *r = &fills[i].maker;
        l->last = r->price;
        l->volume += r->quantity;
        struct venue_order *row = r->client ? known(m, &r->id) : NULL;
        if (!row)
            continue;
        dec left = row->remaining;
        for (int k = 0; k < o->count; k++) /* filled twice within one outcome */
            if (o->facts[k].record == RECORD_venue_order &&
                uuid_same(&((struct venue_order *)o->facts[k].row)->id, &r->id))
                left = ((struct venue_order *)o->facts[k].row)->remaining;
        left -= r->quantity;
        keep_row(o, row, left);
        struct venue_execution e = blank(&r->id, left ? STATUS_PARTIALLY_FILLED : STATUS_FILLED);
        e.number = row->number;
        e.quantity = r->quantity;
        e.price = r->price;
        venue_report(m, o, &e);
    }
}

/* ---- what trading asks ---- */

static void refuse(struct market *m, struct outcome_facts *o, const struct uuid *id, uint8_t status,
                   const char *reason)
{
    struct venue_execution e = blank(id, status);
    snprintf(e.reason, sizeof e.reason, "%s", reason);
    venue_report(m, o, &e);
}

/* Takes what it can; returns what is left. */
static dec take(struct market *m, struct listing *l, int side, const struct uuid *id, int64_t number,
                dec price, dec quantity, struct outcome_facts *o)
{
    struct fill fills[FILLS];
    dec left = quantity;
    int n = match_take(&l->book, side, price, &left, fills, FILLS);
    dec total = quantity;
    for (int i = 0; i < n; i++) {
        struct venue_execution e = blank(id, STATUS_PARTIALLY_FILLED);
        total -= fills[i].maker.quantity;
        e.status = total ? STATUS_PARTIALLY_FILLED : STATUS_FILLED;
        e.number = number;
        e.quantity = fills[i].maker.quantity;
        e.price = fills[i].maker.price;
        e.aggressor = true;
        venue_report(m, o, &e);
    }
    venue_makers(m, l, side, fills, n, o);
    return left;
}

static void rest(struct market *m, struct listing *l, int side, const struct venue_order *row,
                 struct outcome_facts *o)
{
    struct resting r = {.id = row->id,
                        .number = row->number,
                        .price = row->price,
                        .quantity = row->remaining,
                        .client = true};
    (void)m;
    match_rest(&l->book, side, &r);
    add(o, RECORD_venue_order, false, row);
}

static void submit(struct venue *v, const struct order *q)
{
    struct market *m = (struct market *)v;
    struct outcome_facts o = {0};
    struct listing *l = market_listing(m, q->instrument);
    int side = q->side == SIDE_BUY ? 0 : 1;
    if (!l || !l->listed) {
        refuse(m, &o, &q->id, STATUS_REJECTED, "not listed at this venue");
    } else if (q->time_in_force == TIF_FOK && match_available(&l->book, side, q->price) < q->quantity) {
        refuse(m, &o, &q->id, STATUS_CANCELLED, "fill or kill: not enough on the other side");
    } else {
        struct venue_order row;
        record_clear(RECORD(venue_order), &row);
        row.id = q->id;
        row.number = ++m->number;
        snprintf(row.instrument, sizeof row.instrument, "%s", q->instrument);
        row.side = q->side;
        row.price = q->price;
        row.time_in_force = q->time_in_force;
        row.status = STATUS_NEW;
        snprintf(row.account, sizeof row.account, "%s", q->account);
        struct venue_execution e = blank(&q->id, STATUS_NEW);
        e.number = row.number;
        venue_report(m, &o, &e);
        row.remaining = take(m, l, side, &q->id, row.number, q->price, q->quantity, &o);
        bool stands = q->type == TYPE_LIMIT && q->time_in_force != TIF_IOC && q->time_in_force != TIF_FOK;
        if (row.remaining && stands)
            rest(m, l, side, &row, &o);
        else if (row.remaining)
            refuse(m, &o, &q->id, STATUS_CANCELLED, "nothing more to fill it with");
    }
    venue_commit(m, &o);
}

static void cancel(struct venue *v, const struct order *q)
{
    struct market *m = (struct market *)v;
    struct outcome_facts o = {0};
    struct listing *l = market_listing(m, q->instrument);
    struct venue_order *row = known(m, &q->id);
    struct resting gone;
    if (l && row && match_cancel(&l->book, &q->id, &gone)) {
        add(&o, RECORD_venue_order, true, row);
        refuse(m, &o, &q->id, STATUS_CANCELLED, *q->reason ? q->reason : "cancelled");
        venue_commit(m, &o);
    } /* else it is filled or gone already, and a report says so */
}

static void replace(struct venue *v, const struct order *q)
{
    struct market *m = (struct market *)v;
    struct outcome_facts o = {0};
    struct listing *l = market_listing(m, q->instrument);
    struct venue_order *row = known(m, &q->id);
    struct resting old;
    if (!l || !row || !match_cancel(&l->book, &q->id, &old))
        return; /* filled or gone already */
    int side = q->side == SIDE_BUY ? 0 : 1;
    struct venue_order next = *row;
    dec filled = q->quantity - row->remaining, left = q->replace_quantity - filled;
    bool keeps =
        q->replace_price == old.price && left <= old.quantity; /* less at the same price keeps its place */
    struct venue_execution e = blank(&q->id, filled > 0 ? STATUS_PARTIALLY_FILLED : STATUS_NEW);
    e.order_quantity = q->replace_quantity;
    e.order_price = q->replace_price;
    e.number = row->number;
    if (left <= 0) {
        add(&o, RECORD_venue_order, true, row);
        e.status = STATUS_FILLED;
        venue_report(m, &o, &e);
        venue_commit(m, &o);
        return;
    }
    venue_report(m, &o, &e);
    next.number = keeps ? row->number : ++m->number;
    next.price = q->replace_price;
    next.remaining = keeps ? left : take(m, l, side, &q->id, row->number, q->replace_price, left, &o);
    if (keeps) {
        struct resting r = {
            .id = q->id, .number = old.number, .price = old.price, .quantity = left, .client = true};
        match_restore(&l->book, side, &r);
        add(&o, RECORD_venue_order, false, &next);
    } else if (next.remaining)
        rest(m, l, side, &next, &o);
    else
        add(&o, RECORD_venue_order, true, row);
    venue_commit(m, &o);
}

static void send(struct market *m, const struct venue_execution *e)
{
    struct command c = {.kind = COMMAND_EXECUTION,
                        .actor = actor_system,
                        .expires = TIME_NONE,
                        .version = INT64_MIN,
                        .body = e};
    snprintf(c.actor.user, sizeof c.actor.user, "venue");
    node_command(m->node, &c, NULL, NULL);
}

static int by_sequence(const void *a, const void *b)
{
    const struct venue_execution *x = *(const struct venue_execution *const *)a,
                                 *y = *(const struct venue_execution *const *)b;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static void resend(struct venue *v, int64_t sequence)
{
    struct market *m = (struct market *)v;
    struct venue_state *s = node_state(m->node, "sim");
    const struct venue_execution **list = mem_new((size_t)(s->executions.count + 1) * sizeof *list);
    int n = 0;
    table_each(&s->executions, const struct venue_execution, e) if (e->sequence > sequence) list[n++] = e;
    qsort(list, (size_t)n, sizeof *list, by_sequence);
    for (int i = 0; i < n; i++)
        send(m, list[i]);
    free(list);
}

static bool knows(struct venue *v, const struct uuid *id)
{
    struct market *m = (struct market *)v;
    struct venue_state *s = node_state(m->node, "sim");
    if (known(m, id))
        return true;
    table_each(&s->executions, const struct venue_execution, e) if (uuid_same(&e->order, id)) return true;
    return false;
}

const struct venue_ops venue_sim = {submit, replace, cancel, resend, knows};

/* A report is durable: now trading may hear of it. */
static void fact(void *arg, const struct store_fact *f)
{
    if (f->record == RECORD_venue_execution && !f->removed)
        send(arg, f->row);
}

void venue_load(struct market *m)
{
    struct venue_state *s = node_state(m->node, "sim");
    table_each(&s->executions, const struct venue_execution, e) if (e->sequence > m->report) m->report =
        e->sequence;
    if (trading_venue_sequence(node_state(m->node, "trading")) > m->report)
        m->report = trading_venue_sequence(node_state(m->node, "trading"));
    int n = 0;
    const struct venue_order **list = mem_new((size_t)(s->orders.count + 1) * sizeof *list);
    table_each(&s->orders, const struct venue_order, o)
    {
        list[n++] = o;
        if (o->number > m->number)
            m->number = o->number;
    }
    for (int i = 1; i < n; i++) /* by number, so that each rests behind its elders */
        for (int k = i; k > 0 && list[k - 1]->number > list[k]->number; k--) {
            const struct venue_order *swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
    for (int i = 0; i < n; i++) {
        struct listing *l = market_listing(m, list[i]->instrument);
        struct resting r = {.id = list[i]->id,
                            .number = list[i]->number,
                            .price = list[i]->price,
                            .quantity = list[i]->remaining,
                            .client = true};
        if (l)
            match_rest(&l->book, list[i]->side == SIDE_BUY ? 0 : 1, &r);
    }
    free(list);
    node_observe(m->node, (struct node_observer){.fact = fact, .arg = m});
}

void venue_close(struct market *m, date d)
{
    struct venue_state *s = node_state(m->node, "sim");
    struct outcome_facts o = {0};
    table_each(&s->orders, const struct venue_order, row)
    {
        struct listing *l = market_listing(m, row->instrument);
        struct resting gone;
        bool last_day = l && l->kind && product_last_trade(l->kind, l->month) <= d;
        if (row->time_in_force != TIF_DAY && !last_day)
            continue;
        if (l)
            match_cancel(&l->book, &row->id, &gone);
        add(&o, RECORD_venue_order, true, row);
        refuse(m, &o, &row->id, STATUS_EXPIRED,
               last_day ? "expired with the contract" : "expired at the close");
    }
    venue_commit(m, &o);
}
