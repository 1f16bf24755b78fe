#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/gateway/private.h"
#include "common/log.h"
#include "common/ticker.h"

#define TICK_MS 50
#define SLOW_NS (5 * MILLI)

static void tell_tier(struct gateway *g, const char *name, const char *kind, const char *state, int64_t time,
                      int64_t lag)
{
    struct tier t;
    record_clear(RECORD(tier), &t);
    const char *shard = node_shard(g->node);
    if (!strcmp(shard, "firm") || !strncmp(name, "feed", 4))
        snprintf(t.tier, sizeof t.tier, "%s", name);
    else
        snprintf(t.tier, sizeof t.tier, "%s %s", shard, name);
    snprintf(t.kind, sizeof t.kind, "%s", kind);
    snprintf(t.state, sizeof t.state, "%s", state);
    t.time = time ? time : TIME_NONE; /* no sign of life yet */
    t.lag = lag;
    node_publish(g->node, RECORD_tier, &t);
}

/* A tier that is a broker elsewhere, or local. */
static void tell_broker(struct gateway *g, const char *name, const char *kind, int64_t now,
                        bool (*ask)(struct node *n, struct link_health *out))
{
    struct link_health h;
    if (ask(g->node, &h))
        tell_tier(g, name, kind, h.state, h.seen, h.lag);
    else
        tell_tier(g, name, "local", "ok", now, 0);
}

static void tell_feeds(struct gateway *g, int64_t now, bool paused)
{
    char names[8][13];
    int64_t newest[8];
    int n = 0;
    table_each(cache_quotes(node_cache(g->node)), const struct quote, q)
    {
        int i = 0;
        while (i < n && strcmp(names[i], q->venue) != 0)
            i++;
        if (i == n && n < 8) {
            snprintf(names[n], sizeof names[n], "%s", q->venue);
            newest[n++] = 0;
        }
        if (i < n && q->time > newest[i])
            newest[i] = q->time;
    }
    for (int i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "feed %s", names[i]);
        tell_tier(g, name, g->config.stamp,
                  paused                          ? "paused"
                  : now - newest[i] > QUOTE_STALE ? "stale"
                                                  : "ok",
                  newest[i], 0);
    }
}

static void tell_desk(struct gateway *g, int64_t now)
{
    struct desk d;
    const struct halt *h = table_find(node_table(g->node, RECORD_halt), "firm");
    record_clear(RECORD(desk), &d);
    snprintf(d.id, sizeof d.id, "firm");
    d.market = (uint8_t)enum_value(record_field(RECORD(desk), "market")->values, g->config.stamp);
    d.time = now;
    d.business_date = h ? h->business_date : DATE_NONE;
    d.halted = h && h->halted;
    d.paused = g->config.paused(g->config.arg);
    d.speed = g->config.speed(g->config.arg);
    if (d.speed == 0)
        d.speed = DEC_NONE;
    const struct mark *settle = table_find(node_table(g->node, RECORD_mark), "EURUSD/official");
    d.settle_date = settle ? settle->trading_date : DATE_NONE;
    const struct quote *fx = cache_quote(node_cache(g->node), "EURUSD");
    d.marks = fx && now - fx->time <= QUOTE_STALE ? MARKS_LIVE : MARKS_STALE;
    d.eurusd = fx ? fx->last : DEC_NONE;
    snprintf(d.origin, sizeof d.origin, "%s", g->origin ? g->origin : "");
    node_publish(g->node, RECORD_desk, &d);
}

static void each_second(struct gateway *g, int64_t mono)
{
    int64_t now = node_now(g->node);
    if (node_table(g->node, RECORD_halt))
        tell_desk(g, now);
    tell_tier(g, "store", node_store(g->node)->ops->kind, node_disk_low(g->node) ? "disk full" : "ok", now,
              node_sequence(g->node) - node_durable(g->node));
    tell_broker(g, "stream", "kafka", now, node_stream);
    tell_broker(g, "queue", "rabbitmq", now, node_queue);
    tell_tier(g, "cache", "local", "ok", now, 0);
    if (node_table(g->node, RECORD_halt))
        tell_feeds(g, now, g->config.paused(g->config.arg));
    if (g->config.linger && g->had_client && !g->client_count && mono - g->left > g->config.linger * SECOND) {
        log_event(LOG_INFO, "the last client left; stopping", NULL);
        g->stopping = 1;
    }
}

static void turn(struct gateway *g)
{
    int64_t start = clock_mono(&clock_system);
    g->config.turn(g->config.arg);
    pool_poll(g->pool);
    if (start - g->second >= SECOND) {
        g->second = start;
        each_second(g, start);
    }
    node_poll(g->node);
    streams_tick(g);
    g->turns++;
    if (clock_mono(&clock_system) - start > SLOW_NS)
        g->slow_turns++;
}

struct gateway *gateway_new(const struct gateway_config *config, struct node *n, struct pool *pool, char *why,
                            size_t room)
{
    struct gateway *g = mem_new(sizeof *g);
    g->config = *config;
    g->node = n;
    g->pool = pool;
    g->started = node_now(n);
    g->second = 0;
    struct uuid boot = uuid_v7(node_now(n));
    uuid_format(&boot, g->boot);
    if (!node_own_log(n, g->log, why, room)) {
        free(g);
        return NULL;
    }
    if (!feeds_start(&g->feeds, n, g->log, g->boot, why, room) || !sessions_start(g, why, room)) {
        gateway_free(g);
        return NULL;
    }
    node_follow_on(n);
    if (config->peer_listen && !(g->forward = forward_new(g, reply_forwarded, why, room))) {
        gateway_free(g);
        return NULL;
    }
    return g;
}

void gateway_origin(struct gateway *g, const char *origin)
{
    g->origin = origin;
}

/* In the ticker's thread. */
static void tick(void *arg)
{
    struct gateway *g = arg;
    __atomic_store_n(&g->due, true, __ATOMIC_RELEASE);
    lws_cancel_service(g->context);
}

void gateway_run(struct gateway *g)
{
    struct ticker *ticker = ticker_start(TICK_MS, tick, g);
    if (!ticker) {
        log_event(LOG_ERROR, "no thread for the timer; stopping", NULL);
        return;
    }
    turn(g);
    while (!__atomic_load_n(&g->stopping, __ATOMIC_RELAXED)) {
        if (lws_service(g->context, 0) < 0)
            break;
        if (__atomic_exchange_n(&g->due, false, __ATOMIC_ACQ_REL))
            turn(g);
        pool_poll(g->pool);
        node_poll(g->node);
        if (g->forward)
            forward_poll(g->forward);
        routes_unknown(g);
        streams_tick(g);
    }
    ticker_stop(ticker);
    listen_forget(g); /* who comes from now on starts a backend of his own */
}

void gateway_stop(struct gateway *g)
{
    __atomic_store_n(&g->stopping, 1, __ATOMIC_RELAXED);
}

void gateway_wake(struct gateway *g)
{
    if (g && g->context)
        lws_cancel_service(g->context);
}

void gateway_free(struct gateway *g)
{
    if (!g)
        return;
    listen_forget(g);
    forward_free(g->forward);
    if (g->context)
        lws_context_destroy(g->context);
    feeds_free(&g->feeds);
    sessions_free(g);
    free(g);
}
