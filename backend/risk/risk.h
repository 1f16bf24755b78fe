/* Risk: value at risk, what-if, use of limits and their levels. Follows positions, limits, P&L and
 * working orders; computes in the pool; a limit that crosses a level becomes a notice to compliance. */
#pragma once
#include "backend/data/series.h"
#include "backend/platform/node.h"
#include "backend/platform/pool.h"

extern const struct service_ops risk_ops;

/* Gives the service what it computes with; both are borrowed. Call once, after node_add. */
void risk_start(struct node *n, struct history *history, struct pool *pool);
/* Publishes use of limits and, at most once a second, recomputes VaR per book and for the firm. */
void risk_pulse(struct node *n);
/* True once VaR of the newest positions has been published. */
bool risk_settled(const struct node *n);

/* The open business date, and the newest that the firm's official P&L was told for; DATE_NONE when not known.
 */
date risk_date(const struct node *n);
date risk_closed(const struct node *n);
bool risk_has_limits(const struct node *n);

typedef void risk_var_fn(void *arg, const struct var_answer *answer, const char *problem);
/* One VaR with parameters; problem is NULL when it was computed. Answered from the loop. */
void risk_var(struct node *n, const struct var_request *request, risk_var_fn *done, void *arg);
typedef void risk_whatif_fn(void *arg, const struct whatif_answer *answer, const char *problem);
/* VaR of the book and the firm with the order filled at its price. */
void risk_whatif(struct node *n, const struct order_request *request, risk_whatif_fn *done, void *arg);
