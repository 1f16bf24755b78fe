/* The opening desk of a simulated or replayed market: users, books, instruments, positions with
 * yesterday's official marks, deals, limits sized by their use, working orders. All invented, and
 * labelled so. Each step is commands like any other; nothing is written behind the services' backs. */
#pragma once
#include "backend/external/sim/market.h"

/* Users, books, instruments, what is held, and the first close. Call on an empty store before
 * market_start; history must be filled. */
void desk_open(struct node *n, struct market *m, struct source *source);
/* Limits from what is used now, and three working orders. Call once quotes, P&L and VaR are there. */
void desk_limits(struct node *n);
