/* A venue as trading sees it. Calls return at once; what the venue says comes back as execution
 * reports, numbered without a hole, each given to the node as an EXECUTION command. */
#pragma once
#include "common/records/records.h"

struct venue;
struct venue_ops {
    void (*submit)(struct venue *v, const struct order *o);
    void (*replace)(struct venue *v, const struct order *o); /* to replace_quantity and replace_price */
    void (*cancel)(struct venue *v, const struct order *o);
    /* Sends every report after `sequence` again. */
    void (*resend)(struct venue *v, int64_t sequence);
    /* Whether the venue has ever accepted or refused the order. */
    bool (*knows)(struct venue *v, const struct uuid *order);
};
struct venue {
    const struct venue_ops *ops;
};

struct node;
/* Sends durable pending orders to the venue from now on. The link is owned by the caller. */
struct venue_link {
    struct node *node;
    struct venue *venue;
};
void venue_link_start(struct venue_link *link);
/* After a restart: missed reports first, then each order still in doubt is asked for; one that the venue
 * does not know is closed, none is sent again. */
void venue_link_recover(struct venue_link *link);
