/* The opening desk of a simulated or replayed market: users, books, instruments, positions with
 * yesterday's official marks, deals, limits sized by their use, working orders. All invented, and
 * labelled so. Each step is commands like any other; nothing is written behind the services' backs. */
#pragma once
#include "backend/external/sim/market.h"

/* Each part on an empty store of its service, in this order; in one process or in several. */
void desk_users(struct node *n);                        /* compliance */
void desk_books(struct node *n, struct source *source); /* portfolio: books and P&L before today */
/* Trading: instruments, what is held, deals and the first close. Call before market_start, once books are
 * known; history must be filled. */
void desk_open(struct node *n, struct market *m, struct source *source);
/* Limits from what is used now, where risk runs. Call once quotes, P&L and VaR are there. */
void desk_limits(struct node *n, void (*put)(void *arg, const struct limit *l), void *arg);
void desk_import_limit(void *node, const struct limit *l); /* a `put` where compliance runs too */
void desk_orders(struct node *n);                          /* trading: three working orders */
