/* The cache: what may be lost. Newest quotes by instrument. `local` is a map in this process; Redis
 * stands behind the same interface for pods. */
#pragma once
#include "common/table.h"

struct cache;
struct cache *cache_local(void);
void cache_free(struct cache *c);
void cache_put(struct cache *c, const struct quote *q);
/* NULL when nothing was ever quoted. Borrowed until the next put. */
const struct quote *cache_quote(const struct cache *c, const char *instrument);
const struct table *cache_quotes(const struct cache *c);

/* Live = mid when both sides are fresh, else last, else settle; `how` says which. */
enum live_mark { LIVE_NONE, LIVE_MID, LIVE_LAST, LIVE_SETTLE };
enum live_mark cache_mark(const struct cache *c, const char *instrument, int64_t now, dec *price);
/* Age at which a quote is stale. */
#define QUOTE_STALE (5 * SECOND)

/* An amount in the firm's base currency, by the live EURUSD and GBPUSD; false when a rate is missing. */
#define BASE_CURRENCY "EUR"
bool cache_to_base(const struct cache *c, const char *currency, int64_t now, dec amount, dec *out);
