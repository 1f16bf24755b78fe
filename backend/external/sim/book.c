#include "backend/external/sim/book.h"
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"

void match_free(struct match_book *b)
{
    free(b->side[0]);
    free(b->side[1]);
    *b = (struct match_book){0};
}

/* Whether price a is better than b for that side. */
static bool better(int side, dec a, dec b)
{
    return side == 0 ? a > b : a < b;
}

/* Whether r goes before x: a better price, or an older number at the same price. */
static bool before(int side, const struct resting *r, const struct resting *x, bool by_number)
{
    return better(side, r->price, x->price) || (by_number && r->price == x->price && r->number < x->number);
}

static void insert(struct match_book *b, int side, const struct resting *r, bool by_number)
{
    if (b->count[side] == b->room[side]) {
        b->room[side] = b->room[side] ? b->room[side] * 2 : 16;
        b->side[side] = mem_grow(b->side[side], (size_t)b->room[side] * sizeof *b->side[side]);
    }
    int low = 0, high = b->count[side]; /* first that is worse */
    while (low < high) {
        int mid = (low + high) / 2;
        if (before(side, r, &b->side[side][mid], by_number))
            high = mid;
        else
            low = mid + 1;
    }
    memmove(&b->side[side][low + 1], &b->side[side][low],
            (size_t)(b->count[side] - low) * sizeof *b->side[side]);
    b->side[side][low] = *r;
    b->count[side]++;
}

void match_rest(struct match_book *b, int side, const struct resting *r)
{
    insert(b, side, r, false);
}

void match_restore(struct match_book *b, int side, const struct resting *r)
{
    insert(b, side, r, true);
}

static void drop(struct match_book *b, int side, int at)
{
    b->count[side]--;
    memmove(&b->side[side][at], &b->side[side][at + 1],
            (size_t)(b->count[side] - at) * sizeof *b->side[side]);
}

int match_take(struct match_book *b, int side, dec limit, dec *quantity, struct fill *fills, int room)
{
    int other = 1 - side, n = 0;
    while (*quantity > 0 && b->count[other] && n < room) {
        struct resting *best = &b->side[other][0];
        if (limit != DEC_NONE && better(other, best->price, limit) == false && best->price != limit)
            break;
        dec q = best->quantity < *quantity ? best->quantity : *quantity;
        fills[n] = (struct fill){*best, q == best->quantity};
        fills[n++].maker.quantity = q;
        *quantity -= q;
        best->quantity -= q;
        if (!best->quantity)
            drop(b, other, 0);
    }
    return n;
}

dec match_available(const struct match_book *b, int side, dec limit)
{
    int other = 1 - side;
    dec sum = 0;
    for (int i = 0; i < b->count[other]; i++) {
        const struct resting *r = &b->side[other][i];
        if (limit != DEC_NONE && r->price != limit && !better(other, r->price, limit))
            break;
        sum += r->quantity;
    }
    return sum;
}

bool match_cancel(struct match_book *b, const struct uuid *id, struct resting *out)
{
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < b->count[side]; i++)
            if (b->side[side][i].client && uuid_same(&b->side[side][i].id, id)) {
                *out = b->side[side][i];
                drop(b, side, i);
                return true;
            }
    return false;
}

void match_remove_own(struct match_book *b)
{
    for (int side = 0; side < 2; side++) {
        int kept = 0;
        for (int i = 0; i < b->count[side]; i++)
            if (b->side[side][i].client)
                b->side[side][kept++] = b->side[side][i];
        b->count[side] = kept;
    }
}

void match_best(const struct match_book *b, int side, dec *price, dec *quantity)
{
    *price = DEC_NONE;
    *quantity = DEC_NONE;
    if (!b->count[side])
        return;
    *price = b->side[side][0].price;
    *quantity = 0;
    for (int i = 0; i < b->count[side] && b->side[side][i].price == *price; i++)
        *quantity += b->side[side][i].quantity;
}
