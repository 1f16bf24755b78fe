/* What the files of trading share; nobody else includes it. */
#pragma once
#include "backend/trading/trading.h"

#define RECENT 4096

/* Net lots and working lots of a book in one product, and of the firm (book ""). */
struct held {
    char key[40]; /* book/product */
    dec net, working_buy, working_sell;
};
struct trading {
    struct table instruments, orders, trades, deals, legs, marks, halts, sessions; /* owned */
    struct table books, limits;                                                    /* followed */
    struct held **held;
    int held_count, held_room;
    struct map held_index;
    int open_orders;
    int64_t deal_number;
    struct {
        uint64_t hash;
        int64_t time;
    } recent[RECENT]; /* by hash of user, book, instrument, side, quantity, price: the newest such order */
};

bool order_working(const struct order *o);
const struct held *held_find(const struct trading *t, const char *book, const char *product);
uint64_t order_likeness(const struct order *o);
const struct halt *trading_halt(const struct trading *t);

/* One row per check; refused ones first in order of the table. Returns the count. `old` is the order
 * that this one replaces, or NULL. */
int checks_run(const struct trading *t, const struct command *c, const struct order *o,
               const struct order *old, struct check *out, int room);
/* Severity of the alert that a refusal by this rule becomes; 0 for none. */
uint8_t check_severity(const char *rule);

void decide_order_new(const struct trading *t, const struct command *c, struct verdict *d);
void decide_order_replace(const struct trading *t, const struct command *c, struct verdict *d);
void decide_order_cancel(const struct trading *t, const struct command *c, struct verdict *d);
void decide_cancel_all(const struct trading *t, const struct command *c, struct verdict *d);
void decide_halt(const struct trading *t, const struct command *c, struct verdict *d);
void decide_execution(const struct trading *t, const struct command *c, struct verdict *d);
void decide_unknown(const struct trading *t, const struct command *c, struct verdict *d);
void decide_deal_new(const struct trading *t, const struct command *c, struct verdict *d);
void decide_deal_change(const struct trading *t, const struct command *c, struct verdict *d);
void decide_day_roll(const struct trading *t, const struct command *c, struct verdict *d);
void order_from_request(const struct trading *t, const struct command *c, struct order *o);
/* Cancels what works in `book` (all when ""). Returns how many. */
int cancel_working(const struct trading *t, const struct command *c, struct verdict *d, const char *book,
                   const char *reason);
