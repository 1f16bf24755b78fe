#include "backend/data/cache.h"
#include <stdlib.h>
#include <string.h>

struct cache {
    struct table quotes;
};

struct cache *cache_local(void)
{
    struct cache *c = mem_new(sizeof *c);
    table_init(&c->quotes, RECORD(quote));
    return c;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    table_free(&c->quotes);
    free(c);
}

void cache_put(struct cache *c, const struct quote *q)
{
    table_put(&c->quotes, q);
}

const struct quote *cache_quote(const struct cache *c, const char *instrument)
{
    return c ? table_find(&c->quotes, instrument) : NULL;
}

const struct table *cache_quotes(const struct cache *c)
{
    return &c->quotes;
}

enum live_mark cache_mark(const struct cache *c, const char *instrument, int64_t now, dec *price)
{
    const struct quote *q = cache_quote(c, instrument);
    *price = DEC_NONE;
    if (!q)
        return LIVE_NONE;
    if (q->bid != DEC_NONE && q->ask != DEC_NONE && now - q->time <= QUOTE_STALE) {
        *price = q->bid + (q->ask - q->bid) / 2;
        return LIVE_MID;
    }
    *price = q->last != DEC_NONE ? q->last : q->settle;
    return q->last != DEC_NONE ? LIVE_LAST : q->settle != DEC_NONE ? LIVE_SETTLE : LIVE_NONE;
}

bool cache_to_base(const struct cache *c, const char *currency, int64_t now, dec amount, dec *out)
{
    dec eurusd, gbpusd;
    if (amount == DEC_NONE)
        return false;
    if (!strcmp(currency, BASE_CURRENCY)) {
        *out = amount;
        return true;
    }
    if (!cache_mark(c, "EURUSD", now, &eurusd))
        return false;
    if (!strcmp(currency, "USD"))
        return dec_div(amount, eurusd, out);
    return !strcmp(currency, "GBP") && cache_mark(c, "GBPUSD", now, &gbpusd) &&
           dec_muldiv(amount, gbpusd, eurusd, out);
}
