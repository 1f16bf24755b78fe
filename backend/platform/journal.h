/* The journal's thread: one writer that commits a batch at a time. */
#pragma once
#include "backend/data/store.h"

struct journal;
/* Without a thread, journal_submit commits at once and journal_take answers right after. */
struct journal *journal_new(struct store *store, bool threaded, void (*wake)(void *arg), void *arg);
void journal_free(struct journal *j);
/* From now on the store's lease is kept while nothing is written (with a thread alone). Its loss is a result:
 * STORE_NOT_OWNER of an empty batch. */
void journal_keep_lease(struct journal *j);
/* Takes the batch over; only when journal_idle. */
void journal_submit(struct journal *j, struct store_batch batch);
bool journal_idle(struct journal *j);
/* A finished batch and its result; false when there is none yet. The caller frees the batch. */
bool journal_take(struct journal *j, struct store_batch *batch, enum store_result *result);
