#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/gateway/private.h"
#include "common/log.h"
#include "common/ticker.h"

#define TICK_MS 50
#define SLOW_NS (5 * MILLI)

static const struct lws_protocols protocols[] = {
    {"http", http_callback, sizeof(struct http_pss), 4096, 0, NULL, 0},
    {"quanta.v1", stream_callback, sizeof(struct client), 4096, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void lws_log(int level, const char *line)
{
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    log_event(level & LLL_ERR ? LOG_ERROR : LOG_WARNING, text, NULL);
}

/* Clients find the backend by this file; it appears whole or not at all. */
static bool write_endpoint(struct gateway *g, char *why, size_t room)
{
    char path[420], part[440], text[900];
    const char *colon = strrchr(g->config.listen, ':');
    int n =
        snprintf(text, sizeof text, "{\"url\":\"http://%.*s:%d\",\"pid\":%d,\"token_file\":\"%s/token\"}\n",
                 (int)(colon - g->config.listen), g->config.listen, lws_get_vhost_listen_port(g->vhost),
                 (int)getpid(), g->config.data_dir);
    snprintf(path, sizeof path, "%s/endpoint.json", g->config.data_dir);
    snprintf(part, sizeof part, "%s.part", path);
    int fd = open(part, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    if (ok)
        ok = rename(part, path) == 0;
    if (!ok)
        snprintf(why, room, "%s: cannot be written", path);
    return ok;
}

/* Who comes from now on starts a backend of his own. */
static void forget_endpoint(const struct gateway *g)
{
    char path[420];
    snprintf(path, sizeof path, "%s/endpoint.json", g->config.data_dir);
    unlink(path);
}

static void tell_tier(struct gateway *g, const char *name, const char *kind, const char *state, int64_t time,
                      int64_t lag)
{
    struct tier t;
    record_clear(RECORD(tier), &t);
    snprintf(t.tier, sizeof t.tier, "%s", name);
    snprintf(t.kind, sizeof t.kind, "%s", kind);
    snprintf(t.state, sizeof t.state, "%s", state);
    t.time = time;
    t.lag = lag;
    node_publish(g->node, RECORD_tier, &t);
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
    tell_desk(g, now);
    tell_tier(g, "store", node_store(g->node)->ops->kind, node_disk_low(g->node) ? "disk full" : "ok", now,
              node_sequence(g->node) - node_durable(g->node));
    tell_tier(g, "stream", "local", "ok", now, 0);
    tell_tier(g, "queue", "local", "ok", now, 0);
    tell_tier(g, "cache", "local", "ok", now, 0);
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

static bool listen_on(struct gateway *g, char *why, size_t room)
{
    struct lws_context_creation_info info = {0};
    char host[128];
    const char *colon = strrchr(g->config.listen, ':');
    int port = colon ? atoi(colon + 1) : -1;
    if (!colon || port < 0 || port > 65535) {
        snprintf(why, room, "listen '%s': expected HOST:PORT", g->config.listen);
        return false;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - g->config.listen), g->config.listen);
    lws_set_log_level(LLL_ERR, lws_log);
    static const lws_retry_bo_t keepalive = {.secs_since_valid_ping = 10, .secs_since_valid_hangup = 30};
    info.port = port;
    info.iface = host;
    info.protocols = protocols;
    info.user = g;
    info.alpn = "http/1.1";
    info.max_http_header_data = 8192;
    info.retry_and_idle_policy = &keepalive;
    info.timeout_secs = 20;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    g->context = lws_create_context(&info);
    if (g->context)
        g->vhost = lws_create_vhost(g->context, &info);
    if (!g->vhost || lws_get_vhost_listen_port(g->vhost) <= 0)
        snprintf(why, room, "listen %s: the address cannot be bound; is the port in use?", g->config.listen);
    return g->vhost && lws_get_vhost_listen_port(g->vhost) > 0;
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
    if (!node_store(n)->ops->meta_get(node_store(n), "log", g->log, sizeof g->log)) {
        snprintf(g->log, sizeof g->log, "%s", g->boot);
        if (!node_store(n)->ops->meta_put(node_store(n), "log", g->log)) {
            snprintf(why, room, "the store cannot be written: %s", node_store(n)->ops->error(node_store(n)));
            free(g);
            return NULL;
        }
    }
    if (!feeds_start(&g->feeds, n, g->log, g->boot, why, room)) {
        gateway_free(g);
        return NULL;
    }
    return g;
}

void gateway_origin(struct gateway *g, const char *origin)
{
    g->origin = origin;
}

bool gateway_listen(struct gateway *g, char *why, size_t room)
{
    char url[160];
    if (!listen_on(g, why, room) || !desk_token_make(g, why, room) || !write_endpoint(g, why, room))
        return false;
    snprintf(url, sizeof url, "%s port %d", g->config.listen, lws_get_vhost_listen_port(g->vhost));
    log_event(LOG_INFO, "serving", "url.full", url, NULL);
    return true;
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
        streams_tick(g);
    }
    ticker_stop(ticker);
    forget_endpoint(g);
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
    if (g->vhost)
        forget_endpoint(g);
    if (g->context)
        lws_context_destroy(g->context);
    feeds_free(&g->feeds);
    sessions_free(g);
    free(g);
}
