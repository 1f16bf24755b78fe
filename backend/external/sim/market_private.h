/* What market.c and venue.c share; nobody else includes it. */
#pragma once
#include "backend/external/sim/book.h"
#include "backend/external/sim/market.h"

struct listing {
    char name[25], product[13], venue[13];
    const struct product *kind; /* NULL for a rate */
    date month;
    dec tick, last, settle, volume;
    int nearby;
    bool listed;
    struct match_book book;
};
struct market {
    struct venue base;
    struct node *node;
    struct source *source;
    struct history *history;
    struct listing **listings;
    int count, room;
    int *order; /* which listing is quoted next: near months more often */
    int order_count, turn;
    uint64_t random;
    double ticks, due, progress;
    int64_t stepped; /* time of the last step */
    int64_t number;  /* of resting orders */
    int64_t report;  /* last execution report */
    bool paused;
};
struct outcome_facts { /* body of a VENUE_OUTCOME */
    struct decided_fact *facts;
    int count, room;
};

double market_draw(struct market *m); /* uniform in [0, 1) */
struct listing *market_listing(struct market *m, const char *name);
/* Execution report of a fill or of a change of state, into the outcome. `quantity` 0: no fill. */
void venue_report(struct market *m, struct outcome_facts *o, const struct venue_execution *e);
/* Client orders that were makers in these fills. */
void venue_makers(struct market *m, struct listing *l, int side, const struct fill *fills, int n,
                  struct outcome_facts *o);
void venue_commit(struct market *m, struct outcome_facts *o);
/* Expires what may not stand after the close of `d`. */
void venue_close(struct market *m, date d);
/* Rests again what the journal says was accepted. */
void venue_load(struct market *m);
extern const struct venue_ops venue_sim;
