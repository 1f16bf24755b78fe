/* Historical value at risk, as CONTRACTS.md defines the default: scenario P&L of today's positions under
 * the changes between common business dates, sorted ascending; VaR is minus entry floor(n(1-c)) counted
 * from zero, expected shortfall minus the mean of the entries up to and including it. */
#pragma once
#include "backend/data/series.h"

#define VAR_WINDOW_MAX 500

struct var_position {
    char product[12];
    date month;        /* first day of delivery */
    double per_price;  /* currency per unit of price: quantity x price_scale, signed */
    double price;      /* live mark */
    double unrealised; /* in currency, moved by FX */
    char currency[4];
    bool relative; /* changes as the product says */
};
struct var_request_data {
    struct var_position *positions; /* owned by the caller */
    int count;
    double eurusd, gbpusd; /* live */
    dec confidence;
    int window;
    date as_of; /* history after this date is not used; DATE_NONE: all of it */
};
struct var_result {
    bool computed; /* false: no history, or fewer than 20 common dates */
    double var, expected_shortfall;
    int scenarios;
    date worst_date;
    char forced[65]; /* products moved absolutely because a price was not above zero */
};
/* Takes history_lock. An empty portfolio has a VaR of 0. */
void var_compute(struct history *h, const struct var_request_data *request, struct var_result *out);
