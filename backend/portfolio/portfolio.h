/* Portfolio: books, positions, exposures and P&L. Takes in postings, official marks and the business
 * date as work, in order; values what it holds by the newest quotes. Average cost: realised P&L comes
 * from closed quantity. */
#pragma once
#include "backend/platform/node.h"

extern const struct service_ops portfolio_ops;

/* Publishes positions and P&L whose figures have changed since the last call. */
void portfolio_pulse(struct node *n);
/* One posting into a position (average cost). False on overflow, with the position unchanged. */
bool position_post(struct position *p, const struct posting *q, dec price_scale);
