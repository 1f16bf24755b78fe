#include <stdio.h>
#include <string.h>
#include "backend/trading/state.h"

/* Closes `target` (the open business date) with the settlements in `rows`; `source` is the next date. */
void decide_day_roll(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct halt *old = trading_halt(t);
    date closing, next;
    decision_object(d, "halt", "firm");
    if (!old || !date_parse(c->target, &closing) || closing != old->business_date ||
        !date_parse(c->source, &next)) {
        decision_refuse(d, 409, "%s is not the open business date", c->target);
        return;
    }
    for (int i = 0; i < c->row_count; i++) {
        const struct mark *m = c->rows[i];
        struct mark official = *m;
        official.kind = MARK_OFFICIAL;
        official.final = true;
        snprintf(official.id, sizeof official.id, "%.24s/official", m->instrument);
        const struct mark *before = table_find(&t->marks, official.id);
        official.version = before ? before->version + 1 : 1;
        decision_put(d, RECORD_mark, &official);
    }
    table_each(&t->orders, const struct order, o)
    {
        const struct instrument *i = table_find(&t->instruments, o->instrument);
        if (!order_working(o) || (o->time_in_force != TIF_DAY && i && i->last_trade > closing))
            continue;
        struct order gone = *o;
        gone.status = STATUS_EXPIRED;
        gone.remaining_quantity = 0;
        gone.in_doubt = false;
        gone.version++;
        gone.updated = c->now;
        snprintf(gone.reason, sizeof gone.reason, "expired at the close of %s", c->target);
        decision_put(d, RECORD_order, &gone);
    }
    table_each(&t->instruments, const struct instrument, i)
    {
        if (i->expired || i->kind != KIND_FUTURE || i->last_trade > closing)
            continue;
        struct instrument done = *i;
        done.expired = true;
        decision_put(d, RECORD_instrument, &done);
    }
    struct halt h = *old;
    h.business_date = next;
    h.time = c->now;
    snprintf(h.user, sizeof h.user, "%s", c->actor.user);
    decision_put(d, RECORD_halt, &h);
}
