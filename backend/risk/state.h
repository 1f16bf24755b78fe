/* What the files of risk share; nobody else includes it. */
#pragma once
#include "backend/risk/risk.h"
#include "backend/risk/var.h"

struct risk {
    struct table breaches;                                            /* owned */
    struct table positions, limits, books, pnl, working, instruments; /* followed */
    struct table vars;                                                /* newest results */
    struct table told;                                                /* limits as last published */
    struct history *history;
    struct pool *pool;
    date business_date; /* history before it is used */
    date closed;        /* newest official P&L of the firm */
    int running;        /* jobs of the current round */
    bool moved;         /* positions changed since the round began */
    bool settled;
    uint64_t inputs;  /* of the last round */
    int64_t computed; /* when the last round began, ns monotonic */
};

/* Starts a round of VaR when one is due. */
void risk_compute(struct node *n, struct risk *r);
