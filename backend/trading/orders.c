#include <stdio.h>
#include <string.h>
#include "backend/trading/state.h"

void order_from_request(const struct trading *t, const struct command *c, struct order *o)
{
    const struct order_request *q = c->body;
    const struct halt *h = trading_halt(t);
    record_clear(RECORD(order), o);
    o->id = q->id;
    snprintf(o->book, sizeof o->book, "%s", q->book);
    snprintf(o->instrument, sizeof o->instrument, "%s", q->instrument);
    o->side = q->side;
    o->type = q->type ? q->type : TYPE_LIMIT;
    o->quantity = q->quantity;
    o->price = q->price;
    o->stop_price = q->stop_price;
    o->display_quantity = q->display_quantity;
    o->time_in_force = q->time_in_force ? q->time_in_force : TIF_DAY;
    o->expires_at = q->expires_at;
    snprintf(o->account, sizeof o->account, "%s", q->account);
    snprintf(o->user, sizeof o->user, "%s", c->actor.user);
    snprintf(o->session, sizeof o->session, "%s", c->actor.session);
    o->status = STATUS_PENDING_NEW;
    o->filled_quantity = 0;
    o->fill_cost = 0;
    o->remaining_quantity = q->quantity;
    o->capacity = CAPACITY_PRINCIPAL;
    o->version = 1;
    o->created = o->updated = c->now;
    o->trading_date = h ? h->business_date : DATE_NONE;
    const struct instrument *i = table_find(&t->instruments, o->instrument);
    if (i)
        snprintf(o->venue, sizeof o->venue, "%s", i->venue);
    enum live_mark how = cache_mark(c->cache, o->instrument, c->now, &o->reference);
    if (how == LIVE_NONE)
        o->reference = DEC_NONE;
}

static void note(const struct order *o, const struct command *c, struct verdict *d, const struct check *k)
{
    struct notice n;
    uint8_t severity = check_severity(k->rule);
    char id[UUID_TEXT];
    if (!severity)
        return;
    record_clear(RECORD(notice), &n);
    n.id = decision_id(d, c);
    snprintf(n.book, sizeof n.book, "%s", o->book);
    snprintf(n.rule, sizeof n.rule, "%s", k->rule);
    n.severity = severity;
    snprintf(n.subject, sizeof n.subject, "order %s %s", o->instrument, uuid_format(&o->id, id));
    n.value = k->after;
    n.limit = k->limit;
    snprintf(n.user, sizeof n.user, "%s", c->actor.user);
    n.time = c->now;
    decision_put(d, RECORD_notice, &n);
}

static const struct check *first_refused(const struct check *list, int n)
{
    for (int i = 0; i < n; i++)
        if (list[i].refused)
            return &list[i];
    return NULL;
}

static void refusal(const struct check *k, struct verdict *d)
{
    decision_refuse(d, 422, "%.24s: %.90s", k->rule, k->detail);
    snprintf(d->rule, sizeof d->rule, "%s", k->rule);
    d->limit = k->limit;
    d->value = k->after;
}

/* The same id again: the same order is answered as it stands, another one is refused. */
static bool seen_before(const struct trading *t, const struct order *o, struct verdict *d)
{
    const struct order *old = table_get(&t->orders, &o->id, sizeof o->id);
    if (!old)
        return false;
    if (strcmp(old->user, o->user) != 0 || order_likeness(old) != order_likeness(o))
        decision_refuse(d, 409, "this id belongs to another order");
    else if (old->status == STATUS_REJECTED)
        decision_refuse(d, 422, "%s", old->reason);
    return true;
}

void decide_order_new(const struct trading *t, const struct command *c, struct verdict *d)
{
    struct order o;
    struct check checks[CHECKS_MAX];
    char id[UUID_TEXT];
    order_from_request(t, c, &o);
    decision_object(d, "order", uuid_format(&o.id, id));
    if (uuid_none(&o.id)) {
        decision_refuse(d, 400, "id: expected a UUID made by the client, or an Idempotency-Key");
        return;
    }
    if (!actor_scope(&c->actor, o.book)) {
        decision_refuse(d, 403, "%s may not trade in book %s", c->actor.user, o.book);
        return;
    }
    if (seen_before(t, &o, d))
        return;
    const struct check *k = first_refused(checks, checks_run(t, c, &o, NULL, checks, CHECKS_MAX));
    if (k) {
        o.status = STATUS_REJECTED;
        o.remaining_quantity = 0;
        refusal(k, d);
        snprintf(o.reason, sizeof o.reason, "%s", d->problem);
        note(&o, c, d, k);
    } else
        o.in_doubt = true;
    decision_put(d, RECORD_order, &o);
}

static const struct order *target_order(const struct trading *t, const struct command *c, struct verdict *d)
{
    struct uuid id;
    const struct order *o = uuid_parse(c->target, &id) ? table_get(&t->orders, &id, sizeof id) : NULL;
    decision_object(d, "order", c->target);
    if (!o || !actor_scope(&c->actor, o->book)) {
        decision_refuse(d, 404, "no order %s", c->target);
        return NULL;
    }
    if (!order_working(o)) {
        decision_refuse(d, 409, "the order is %s", field_enum_text(RECORD(order), "status", o->status));
        return NULL;
    }
    return o;
}

void decide_order_replace(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct replace_request *q = c->body;
    const struct order *old = target_order(t, c, d);
    struct check checks[CHECKS_MAX];
    if (!old)
        return;
    if (c->version != INT64_MIN && c->version != old->version) {
        decision_refuse(d, 412, "the order has changed: version is %lld", (long long)old->version);
        return;
    }
    if (old->status != STATUS_NEW && old->status != STATUS_PARTIALLY_FILLED) {
        decision_refuse(d, 409, "the order is %s; a replace needs it to be working",
                        field_enum_text(RECORD(order), "status", old->status));
        return;
    }
    struct order o = *old;
    o.quantity = q->quantity != DEC_NONE ? q->quantity : old->quantity;
    o.price = q->price != DEC_NONE ? q->price : old->price;
    if (o.quantity <= old->filled_quantity) {
        decision_refuse(d, 422, "quantity: expected more than what is filled already");
        return;
    }
    const struct check *k = first_refused(checks, checks_run(t, c, &o, old, checks, CHECKS_MAX));
    if (k) {
        refusal(k, d);
        note(&o, c, d, k);
        return;
    }
    struct order next = *old;
    next.replace_quantity = o.quantity;
    next.replace_price = o.price;
    next.status = STATUS_PENDING_REPLACE;
    next.in_doubt = true;
    next.version++;
    next.updated = c->now;
    decision_put(d, RECORD_order, &next);
}

static void cancel_one(const struct order *o, const struct command *c, struct verdict *d, const char *reason)
{
    struct order next = *o;
    next.status = STATUS_PENDING_CANCEL;
    next.in_doubt = true;
    next.version++;
    next.updated = c->now;
    snprintf(next.reason, sizeof next.reason, "%s", reason);
    decision_put(d, RECORD_order, &next);
}

void decide_order_cancel(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct order *o = target_order(t, c, d);
    if (o && o->status != STATUS_PENDING_CANCEL)
        cancel_one(o, c, d, "cancelled by its owner");
}

int cancel_working(const struct trading *t, const struct command *c, struct verdict *d, const char *book,
                   const char *reason)
{
    int n = 0;
    table_each(&t->orders, const struct order,
               o) if (order_working(o) && o->status != STATUS_PENDING_CANCEL &&
                      (!*book || !strcmp(book, o->book)) && actor_scope(&c->actor, o->book))
    {
        cancel_one(o, c, d, reason);
        n++;
    }
    return n;
}

void decide_cancel_all(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct halt_request *q = c->body;
    int n = cancel_working(t, c, d, q ? q->book : "", "cancelled with all others");
    decision_object(d, "book", q && *q->book ? q->book : "FIRM");
    snprintf(d->reason, sizeof d->reason, "%d cancelled", n);
}

void decide_halt(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct halt_request *q = c->body;
    const struct halt *old = trading_halt(t);
    struct halt h;
    struct notice n;
    decision_object(d, "halt", "firm");
    if (!old) {
        decision_refuse(d, 409, "the desk is not open yet");
        return;
    }
    h = *old;
    h.halted = q->halted;
    snprintf(h.user, sizeof h.user, "%s", c->actor.user);
    snprintf(h.reason, sizeof h.reason, "%s", q->reason);
    h.time = c->now;
    decision_put(d, RECORD_halt, &h);
    if (q->halted) {
        struct command all = *c;
        snprintf(all.actor.books, sizeof all.actor.books, "*");
        cancel_working(t, &all, d, "", "trading was halted");
    }
    record_clear(RECORD(notice), &n);
    n.id = decision_id(d, c);
    snprintf(n.book, sizeof n.book, "FIRM");
    snprintf(n.rule, sizeof n.rule, "%s", q->halted ? "halt" : "halt-lifted");
    n.severity = q->halted ? SEVERITY_HIGH : SEVERITY_WARN;
    snprintf(n.subject, sizeof n.subject, "%.60s", *q->reason ? q->reason : "no reason given");
    snprintf(n.user, sizeof n.user, "%s", c->actor.user);
    n.time = c->now;
    decision_put(d, RECORD_notice, &n);
}
