/* The simulated or replayed market: quotes around a source's prices, a matching book an instrument, the
 * venue that trading sends orders to, and the closing of business dates. Loop's thread only. */
#pragma once
#include "backend/external/sim/source.h"
#include "backend/platform/node.h"
#include "backend/trading/trading.h"

/* The venue's own records: orders that rest there and reports. Journaled as facts of its own. */
extern const struct service_ops venue_sim_ops;

struct market;
/* `source` and `history` are borrowed; `ticks` is quotes a second. */
struct market *market_new(struct node *n, struct source *source, struct history *history, uint64_t seed,
                          double ticks);
void market_free(struct market *m);
struct venue *market_venue(struct market *m);
/* After recovery: lists what trades and rests what the venue had accepted. */
void market_start(struct market *m);
/* Closes business dates that are over, oldest first. Call before serving and in the loop. */
void market_catch_up(struct market *m);
/* Moves quotes to now and lets noise traders trade. */
void market_step(struct market *m);
/* Quotes every instrument once. */
void market_quote_all(struct market *m);
void market_pause(struct market *m, bool paused);
bool market_paused(const struct market *m);
void market_speed(struct market *m, double days_a_second);
double market_days_a_second(const struct market *m); /* 0: the clock's own */
/* Settlement rows of a closed date for every listed instrument and rate, for a DAY_ROLL. Returns how
 * many; *out is the caller's, rows too. */
int market_settlements(struct market *m, date d, struct mark ***out);
/* Closes `d`, the open business date. */
void market_roll(struct market *m, outcome_fn *done, void *arg);
