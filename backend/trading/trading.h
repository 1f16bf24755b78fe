/* Trading: instruments, orders, deals, pre-trade checks, marks, the halt and the day roll. Owns what it
 * makes facts of; follows books and limits. To add a check, write a function and a line in checks.c. */
#pragma once
#include "backend/platform/node.h"
#include "backend/trading/venue.h"

extern const struct service_ops trading_ops;

#define CHECKS_MAX 40
/* Every check on an order, with use before and after, as `POST /v1/trading/precheck` answers. With the id
 * of a working order it checks a replace of that one. Returns how many rows were written. */
int trading_precheck(const void *state, const struct command *c, struct check out[CHECKS_MAX]);
/* Business date that is open; DATE_NONE before the first import. */
date trading_business_date(const void *state);
bool trading_halted(const void *state);
/* Last execution report applied. */
int64_t trading_venue_sequence(const void *state);
/* Whether what it follows has come: orders need a book, and checks their limits. */
bool trading_knows_books(const void *state);
bool trading_knows_limits(const void *state);
