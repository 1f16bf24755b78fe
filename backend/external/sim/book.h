/* The matching book of the simulated venue: price-time priority. "Book" alone elsewhere is a trading
 * book; this one never leaves backend/external/sim. */
#pragma once
#include "common/dec.h"
#include "common/uuid.h"

struct resting {
    struct uuid id; /* none for the venue's own market maker */
    int64_t number; /* priority within a price */
    dec price, quantity;
    bool client;
};
struct match_book {
    struct resting *side[2]; /* 0 bids (best first: highest), 1 offers (best first: lowest) */
    int count[2], room[2];
};
struct fill {
    struct resting maker; /* as it was; quantity is what was filled */
    bool maker_done;
};

void match_free(struct match_book *b);
/* Rests behind everything at its price. It must not cross: match first. */
void match_rest(struct match_book *b, int side, const struct resting *r);
/* Rests by its number again, in the place it had. */
void match_restore(struct match_book *b, int side, const struct resting *r);
/* Fills against the other side, best price first, oldest first, down to `limit` (DEC_NONE: any price).
 * Returns how many fills were written; *quantity is what is left. */
int match_take(struct match_book *b, int side, dec limit, dec *quantity, struct fill *fills, int room);
/* What could be filled at `limit` or better. */
dec match_available(const struct match_book *b, int side, dec limit);
/* Removes a client's order; false when it does not rest here. */
bool match_cancel(struct match_book *b, const struct uuid *id, struct resting *out);
void match_remove_own(struct match_book *b); /* the market maker's orders */
/* Best price and the quantity at it; DEC_NONE when the side is empty. */
void match_best(const struct match_book *b, int side, dec *price, dec *quantity);
