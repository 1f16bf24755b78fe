#include <stdio.h>
#include <string.h>
#include "backend/trading/state.h"

static void put_trade(const struct order *o, const struct venue_execution *e, const struct instrument *i,
                      const struct command *c, struct verdict *d)
{
    struct trade t;
    struct posting p;
    char text[UUID_TEXT];
    record_clear(RECORD(trade), &t);
    t.id = decision_id(d, c);
    t.order = o->id;
    snprintf(t.book, sizeof t.book, "%s", o->book);
    snprintf(t.instrument, sizeof t.instrument, "%s", o->instrument);
    t.side = o->side;
    t.quantity = e->quantity;
    t.price = e->price;
    t.time = e->time;
    t.aggressor = e->aggressor;
    snprintf(t.user, sizeof t.user, "%s", o->user);
    snprintf(t.venue, sizeof t.venue, "%s", o->venue);
    snprintf(t.venue_trade_id, sizeof t.venue_trade_id, "E%lld", (long long)e->sequence);
    t.trading_date = e->trading_date;
    decision_put(d, RECORD_trade, &t);

    record_clear(RECORD(posting), &p);
    p.id = decision_id(d, c);
    snprintf(p.source, sizeof p.source, "%s", uuid_format(&t.id, text));
    snprintf(p.book, sizeof p.book, "%s", o->book);
    snprintf(p.instrument, sizeof p.instrument, "%s", o->instrument);
    snprintf(p.product, sizeof p.product, "%s", i->product);
    p.profile = i->profile;
    p.delivery_start = i->delivery_start;
    p.delivery_end = i->delivery_end;
    p.lots = o->side == SIDE_BUY ? e->quantity : -e->quantity;
    if (!dec_mul(p.lots, i->lot_quantity, &p.quantity))
        p.quantity = DEC_NONE; /* beyond what the checks on quantity let through */
    snprintf(p.unit, sizeof p.unit, "%s", i->unit);
    p.price = e->price;
    snprintf(p.currency, sizeof p.currency, "%s", i->currency);
    p.settlement = SETTLEMENT_FINANCIAL;
    p.fees = 0;
    p.time = e->time;
    decision_put(d, RECORD_posting, &p);
}

static bool fill(struct order *o, const struct venue_execution *e)
{
    dec cost;
    if (e->quantity == DEC_NONE || e->quantity <= 0)
        return false;
    o->filled_quantity += e->quantity;
    if (dec_mul(e->quantity, e->price, &cost))
        o->fill_cost += cost;
    if (!dec_div(o->fill_cost, o->filled_quantity, &o->average_price))
        o->average_price = e->price;
    return true;
}

/* A report on a working order moves it; one on a finished order (expired by the day roll, say) only
 * counts a fill. */
static void move(struct order *o, const struct venue_execution *e)
{
    if (e->order_quantity != DEC_NONE)
        o->quantity = e->order_quantity;
    if (e->order_price != DEC_NONE)
        o->price = e->order_price;
    bool waiting = o->status == STATUS_PENDING_CANCEL || o->status == STATUS_PENDING_REPLACE;
    bool answered = e->order_quantity != DEC_NONE || !waiting || e->status == STATUS_CANCELLED ||
                    e->status == STATUS_FILLED || e->status == STATUS_EXPIRED ||
                    e->status == STATUS_REJECTED || *e->reason;
    if (answered) {
        o->status = e->status;
        o->replace_quantity = o->replace_price = DEC_NONE;
        o->in_doubt = false;
    }
    o->remaining_quantity = order_working(o) ? o->quantity - o->filled_quantity : 0;
    if (*e->reason)
        snprintf(o->reason, sizeof o->reason, "%s", e->reason);
    if (e->number && !*o->venue_order_id)
        snprintf(o->venue_order_id, sizeof o->venue_order_id, "V%lld", (long long)e->number);
}

void decide_execution(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct venue_execution *e = c->body;
    const struct order *old = table_get(&t->orders, &e->order, sizeof e->order);
    int64_t last = trading_venue_sequence(t);
    struct venue_session s = {.sequence = e->sequence};
    char id[UUID_TEXT];
    if (e->sequence <= last) { /* told before */
        d->unaudited = true;
        return;
    }
    if (e->sequence != last + 1) {
        decision_refuse(d, 409, "report %lld came after %lld: ask again", (long long)e->sequence,
                        (long long)last);
        d->unaudited = true;
        return;
    }
    snprintf(s.id, sizeof s.id, "venue");
    decision_put(d, RECORD_venue_session, &s);
    decision_object(d, "order", uuid_format(&e->order, id));
    if (!old) { /* another desk's order on this session: counted, nothing else */
        snprintf(d->reason, sizeof d->reason, "unknown order in report %lld", (long long)e->sequence);
        return;
    }
    struct order o = *old;
    const struct instrument *i = table_find(&t->instruments, o.instrument);
    if (fill(&o, e) && i)
        put_trade(&o, e, i, c, d);
    if (order_working(old))
        move(&o, e);
    o.version++;
    o.updated = c->now;
    decision_put(d, RECORD_order, &o);
}

void decide_unknown(const struct trading *t, const struct command *c, struct verdict *d)
{
    struct uuid id;
    const struct order *old = uuid_parse(c->target, &id) ? table_get(&t->orders, &id, sizeof id) : NULL;
    decision_object(d, "order", c->target);
    if (!old || !order_working(old)) {
        decision_refuse(d, 409, "not in doubt");
        return;
    }
    struct order o = *old;
    o.status = STATUS_CANCELLED;
    o.remaining_quantity = 0;
    o.in_doubt = false;
    o.version++;
    o.updated = c->now;
    snprintf(o.reason, sizeof o.reason, "not known at the venue after a restart; not sent again");
    decision_put(d, RECORD_order, &o);
}
