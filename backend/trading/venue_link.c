#include <stdlib.h>
#include "backend/trading/state.h"

static void fact(void *arg, const struct store_fact *f)
{
    struct venue_link *l = arg;
    const struct order *o = f->row;
    if (f->record != RECORD_order || f->removed)
        return;
    if (o->status == STATUS_PENDING_NEW)
        l->venue->ops->submit(l->venue, o);
    else if (o->status == STATUS_PENDING_CANCEL)
        l->venue->ops->cancel(l->venue, o);
    else if (o->status == STATUS_PENDING_REPLACE)
        l->venue->ops->replace(l->venue, o);
}

void venue_link_start(struct venue_link *link)
{
    node_observe(link->node, (struct node_observer){.fact = fact, .arg = link});
}

void venue_link_recover(struct venue_link *link)
{
    struct trading *t = node_state(link->node, "trading");
    link->venue->ops->resend(link->venue, trading_venue_sequence(t));
    node_wait(link->node);
    int count = t->orders.count;
    for (int k = 0; k < count; k++) {
        struct order *o = t->orders.rows[k];
        if (!o || !o->in_doubt || !order_working(o))
            continue;
        struct order copy = *o;
        if (!link->venue->ops->knows(link->venue, &o->id)) {
            struct command c = {.kind = COMMAND_UNKNOWN_AT_VENUE,
                                .actor = actor_system,
                                .expires = TIME_NONE,
                                .version = INT64_MIN};
            uuid_format(&o->id, c.target);
            node_command(link->node, &c, NULL, NULL);
        } else if (o->status == STATUS_PENDING_CANCEL)
            link->venue->ops->cancel(link->venue, &copy);
        else if (o->status == STATUS_PENDING_REPLACE)
            link->venue->ops->replace(link->venue, &copy);
    }
}
