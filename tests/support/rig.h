/* A whole desk inside the test: services, simulated market, a clock that the test moves, no threads. */
#pragma once
#include "backend/compliance/compliance.h"
#include "backend/external/sim/desk.h"
#include "backend/portfolio/portfolio.h"
#include "backend/risk/risk.h"
#include "backend/trading/trading.h"
#include "tests/support/support.h"

struct rig {
    struct clock clock;
    struct cache *cache;
    struct node *node;
    struct pool *pool;
    struct history *history;
    struct source *source;
    struct market *market;
    struct venue_link link;
    char store[300];
    struct outcome last; /* of the last command; last.answer is not kept */
    struct order order;  /* the last answer when it was an order */
};
struct rig_config {
    const char *address; /* of any store, as store_open takes it */
    const char *store;   /* path of the database; NULL: a new one */
    uint64_t faults;     /* seed of the stream's and queue's delays; 0: none */
    const char *replay;  /* folder; NULL: simulated */
    bool closed;         /* only the node and its services: no desk, no recovery */
};
/* Monday 2026-11-23 14:00 UTC; the desk opens on it. */
void rig_open(struct rig *r, const struct rig_config *config);
void rig_close(struct rig *r);
/* Moves the clock and lets everything happen that is due. */
void rig_run(struct rig *r, double seconds);
/* A command of `user` (a role by the same name), carried out to its end. Returns 0 or the status. */
int rig_command(struct rig *r, const char *user, struct command *c);
/* An order at a price ("" for a market order); its id is in r->order. */
int rig_order(struct rig *r, const char *user, const char *book, uint8_t side, const char *lots,
              const char *instrument, const char *price);
const struct order *rig_find(struct rig *r, const struct uuid *id);
/* Newest mid of an instrument moved by `ticks`, on the tick, as text. */
const char *rig_price(struct rig *r, const char *instrument, int ticks);
/* The front month of the product plus `nearby`. */
const char *rig_contract(struct rig *r, const char *product, int nearby);
const struct position *rig_position(struct rig *r, const char *book, const char *instrument);

/* A rig for each test, named `name`: use open_rig and close_rig as its set-up and tear-down. */
#define RIG_FIXTURE(name)                                                                                    \
    static struct rig name;                                                                                  \
    static int open_rig(void **state)                                                                        \
    {                                                                                                        \
        (void)state;                                                                                         \
        rig_open(&name, &(struct rig_config){0});                                                            \
        return 0;                                                                                            \
    }                                                                                                        \
    static int close_rig(void **state)                                                                       \
    {                                                                                                        \
        (void)state;                                                                                         \
        rig_close(&name);                                                                                    \
        return 0;                                                                                            \
    }                                                                                                        \
    struct rig

/* The real futures history of shared/data up to a date, replayed; the source is the caller's to close. */
struct history *recorded_history(date through, struct source **source);
