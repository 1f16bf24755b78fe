/* Price history: daily settlements by nearby delivery month, one series a product or rate, in memory.
 * Readers in other threads hold history_lock; the loop's thread alone appends. */
#pragma once
#include "common/date.h"
#include "common/dec.h"

struct series {
    char product[12];
    int depth; /* nearby delivery months; 1 for a rate */
    int days, room;
    date *dates; /* ascending */
    date *front; /* first day of the delivery month of nearby 0; the date itself for a rate */
    dec *prices; /* days x depth, DEC_NONE where there is none */
};
struct history;
struct history *history_new(void);
void history_free(struct history *h);
/* Appends a day after all others; `prices` has `depth` entries. */
void history_append(struct history *h, const char *product, int depth, date day, date front,
                    const dec *prices);
/* NULL when there is none. */
const struct series *history_series(const struct history *h, const char *product);
int history_settlements(const struct history *h); /* prices that are there, over all series */
void history_lock(struct history *h);
void history_unlock(struct history *h);
/* Index of the last day on or before d, -1 when all are later. */
int series_day(const struct series *s, date d);
/* Whole months from the front month on day i to `month`. */
int series_nearby(const struct series *s, int i, date month);
/* Price on day i for the delivery month; DEC_NONE when it was not listed. */
dec series_price(const struct series *s, int i, date month);
