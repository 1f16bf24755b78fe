/* What main.c puts together: the process as a whole. assemble.c makes the node and its tiers, opening.c the
 * market and the opening desk. */
#pragma once
#include <signal.h>
#include "backend/compliance/compliance.h"
#include "backend/external/sim/desk.h"
#include "backend/gateway/gateway.h"
#include "backend/portfolio/portfolio.h"
#include "backend/risk/risk.h"
#include "backend/trading/trading.h"
#include "common/config.h"

struct desk_app {
    struct config *config;
    const char *service; /* the one that runs here; NULL: all */
    struct cache *cache;
    struct node *node;
    struct pool *pool;
    struct history *history;
    struct source *source;
    struct market *market; /* where trading runs */
    struct venue_link link;
    struct work *work;
    struct stream *stream;
    struct gateway *gateway;
    char dir[300], store[600], stamp[8];
    int lock;
    uint64_t seed;
    int64_t pulse;
};
extern struct desk_app app;
extern char why[400]; /* one line, where something failed */
extern volatile sig_atomic_t stopping;
void wake(void *arg);

bool runs(const char *service); /* whether this process runs it */
/* The node with its services, queue and stream, recovered. False with `why`. */
bool assemble(void);
/* The source of prices, the same in every process. */
bool opening_source(const char *market);
/* Opens what is not open yet of the services that run here, and catches up. */
bool opening_desk(void);
void opening_controls(struct gateway_config *g);
