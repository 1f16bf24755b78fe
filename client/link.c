/* The websocket's thread: keeps one connection, subscribes, applies snapshots and deltas to the tables,
 * resumes where it was after a lost connection. */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "client/private.h"
#include "common/ticker.h"
#include "client/embed.h"

#define SILENCE     (4 * SECOND) /* heartbeats come every second: the link is dead */
#define WATCH_MS    100
#define MESSAGE_MAX (64 << 20)

struct link {
    struct client *c;
    struct lws *wsi;
    bool open, dial; /* dial: try now */
    int64_t next_try;
    int failures;
    struct buf in;
};

void client_signal(struct client *c)
{
    uint64_t one = 1;
    ssize_t n = write(c->event, &one, sizeof one); /* a full counter is readable already */
    (void)n;
}

void link_wake(struct client *c)
{
    if (c->context)
        lws_cancel_service(c->context);
}

/* ---- messages ---- */

static void remove_key(struct table *t, const char *key)
{
    table_each(t, void, row)
    {
        char text[100];
        record_key_text(t->record, row, text, sizeof text);
        if (!strcmp(text, key)) {
            table_remove(t, row);
            return;
        }
    }
}

/* False when something is missing between this message and the last: ask for a snapshot. */
static bool apply(struct stream *s, const json_t *m, const char *type)
{
    char why[120];
    int64_t seq = json_integer_value(json_object_get(m, "seq")),
            prev = json_integer_value(json_object_get(m, "prev"));
    bool snapshot = !strcmp(type, "snapshot");
    if (!snapshot && prev != s->seq)
        return seq <= s->seq;
    if (snapshot) {
        table_free(&s->rows);
        snprintf(s->log, sizeof s->log, "%s", json_string_value(json_object_get(m, "log")));
        s->answered = true;
    } else if (!strcmp(type, "heartbeat"))
        s->answered = true;
    const struct record *r = s->rows.record;
    void *row = mem_new(r->size);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(m, "rows"), i, item)
    {
        record_clear(r, row);
        if (record_read(r, item, row, false, why, sizeof why))
            table_put(&s->rows, row);
    }
    free(row);
    json_array_foreach(json_object_get(m, "removed"), i, item)
    {
        if (json_is_string(item))
            remove_key(&s->rows, json_string_value(item));
    }
    s->seq = seq;
    s->answered = true;
    return true;
}

static void message(struct link *l)
{
    struct client *c = l->c;
    json_error_t e;
    json_t *m = json_loadb(l->in.data, l->in.length, 0, &e);
    const char *name = json_string_value(json_object_get(m, "stream")),
               *type = json_string_value(json_object_get(m, "type"));
    const struct record *r = name ? record_plural(name) : NULL;
    pthread_mutex_lock(&c->lock);
    c->state.heard = clock_mono(&clock_system);
    c->state.bytes += l->in.length;
    if (r && type) {
        struct stream *s = &c->streams[record_index(r)];
        if (s->wanted && !apply(s, m, type)) {
            s->sent = false; /* asks again, for a snapshot */
            s->seq = -1;
            lws_callback_on_writable(l->wsi);
        }
        if (strcmp(type, "heartbeat") != 0 || !s->changes)
            s->changes++;
    } else if (type && !strcmp(type, "problem"))
        snprintf(c->state.problem, sizeof c->state.problem, "%s",
                 json_string_value(json_object_get(m, "detail")));
    pthread_mutex_unlock(&c->lock);
    json_decref(m);
    buf_clear(&l->in);
    client_signal(c);
}

/* ---- the connection ---- */

/* One subscription a WRITEABLE. */
static int subscribe_next(struct link *l)
{
    struct client *c = l->c;
    struct buf b = {0};
    char pad[LWS_PRE] = {0};
    bool more = false;
    buf_add(&b, pad, LWS_PRE);
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < RECORD_COUNT; i++) {
        struct stream *s = &c->streams[i];
        if (!s->wanted || s->sent)
            continue;
        if (b.length > LWS_PRE) {
            more = true;
            break;
        }
        s->sent = true;
        bool valued = record_of((enum record_id)i)->flags & RECORD_VALUED;
        buf_printf(&b, "{\"op\":\"subscribe\",\"stream\":\"%s\",\"max_hz\":%.3g,\"filter\":",
                   record_of((enum record_id)i)->plural, valued ? c->config.value_hz : c->config.max_hz);
        buf_json(&b, s->filter);
        if (s->seq >= 0 && *s->log)
            buf_printf(&b, ",\"from\":{\"log\":\"%s\",\"seq\":%lld}", s->log, (long long)s->seq);
        buf_char(&b, '}');
    }
    pthread_mutex_unlock(&c->lock);
    int n = 0;
    if (b.length > LWS_PRE)
        n = lws_write(l->wsi, (unsigned char *)b.data + LWS_PRE, b.length - LWS_PRE, LWS_WRITE_TEXT);
    buf_free(&b);
    if (more)
        lws_callback_on_writable(l->wsi);
    return n < 0 ? -1 : 0;
}

static void lost(struct link *l, const char *why)
{
    struct client *c = l->c;
    l->wsi = NULL;
    l->open = false;
    buf_clear(&l->in);
    l->failures++;
    int64_t wait = l->failures > 5 ? 2 * SECOND : l->failures * 100 * MILLI;
    l->next_try = clock_mono(&clock_system) + wait;
    pthread_mutex_lock(&c->lock);
    c->state.connected = false;
    snprintf(c->state.problem, sizeof c->state.problem, "%s", why && *why ? why : "the connection was lost");
    for (int i = 0; i < RECORD_COUNT; i++)
        c->streams[i].sent = false;
    pthread_mutex_unlock(&c->lock);
    client_signal(c);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct link *l = lws_context_user(lws_get_context(wsi));
    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
        unsigned char **p = in, *end = *p + len;
        char value[100];
        pthread_mutex_lock(&l->c->lock);
        int n = snprintf(value, sizeof value, "Bearer %s", l->c->token);
        pthread_mutex_unlock(&l->c->lock);
        return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (unsigned char *)value, n, p,
                                            end)
                   ? -1
                   : 0;
    }
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        l->open = true;
        pthread_mutex_lock(&l->c->lock);
        l->c->state.connected = true;
        l->c->state.heard = clock_mono(&clock_system);
        *l->c->state.problem = 0;
        l->c->state.reconnects += l->failures > 0;
        pthread_mutex_unlock(&l->c->lock);
        l->failures = 0;
        lws_callback_on_writable(wsi);
        client_signal(l->c);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (l->in.length + len > MESSAGE_MAX)
            return -1;
        buf_add(&l->in, in, len);
        if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi))
            message(l);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return subscribe_next(l);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        lost(l, in ? (const char *)in : "the backend does not answer");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        lost(l, "the connection was lost");
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        if (l->open && l->wsi)
            lws_callback_on_writable(l->wsi);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {{"quanta.v1", callback, 0, 65536, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};

/* After the backend was restarted its address and token are new. */
static bool find_again(struct client *c)
{
    struct endpoint e;
    char why[300] = "";
    if (!*c->data_dir || !embed_join(c->data_dir, c->quantad, c->config.market, &e, why, sizeof why))
        return *c->data_dir == 0;
    pthread_mutex_lock(&c->lock);
    snprintf(c->url, sizeof c->url, "%s", e.url);
    snprintf(c->token_file, sizeof c->token_file, "%s", e.token_file);
    bool known = client_address(c);
    pthread_mutex_unlock(&c->lock);
    return known && embed_token(c->token_file, c->desk_token, sizeof c->desk_token, why, sizeof why) &&
           rest_sign_in(c, c->user, why, sizeof why) == 201;
}

static void dial(struct link *l)
{
    struct client *c = l->c;
    struct lws_client_connect_info i = {0};
    if (l->failures > 1 && !find_again(c)) {
        lost(l, "the backend cannot be started");
        return;
    }
    i.context = c->context;
    i.address = c->host;
    i.port = c->port;
    i.path = "/v1/stream";
    i.host = *c->host == '+' ? "localhost" : c->host;
    i.protocol = protocols[0].name;
    i.local_protocol_name = protocols[0].name;
    i.pwsi = &l->wsi;
    if (!lws_client_connect_via_info(&i) && l->wsi == NULL && l->next_try <= clock_mono(&clock_system))
        lost(l, "the backend does not answer");
}

static void watch(struct link *l)
{
    struct client *c = l->c;
    int64_t now = clock_mono(&clock_system);
    pthread_mutex_lock(&c->lock);
    bool renew = c->renew, silent = l->open && now - c->state.heard > SILENCE;
    c->renew = false;
    pthread_mutex_unlock(&c->lock);
    if ((renew || silent) && l->wsi)
        lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    if (!l->wsi && now >= l->next_try)
        dial(l);
}

/* In the ticker's thread. */
static void tick(void *arg)
{
    lws_cancel_service(arg);
}

static void *work(void *arg)
{
    struct client *c = arg;
    struct link l = {.c = c};
    struct lws_context_creation_info info = {0};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.user = &l;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    lws_set_log_level(0, NULL);
    struct lws_context *context = lws_create_context(&info);
    pthread_mutex_lock(&c->lock);
    c->context = context;
    pthread_mutex_unlock(&c->lock);
    struct ticker *ticker = context ? ticker_start(WATCH_MS, tick, context) : NULL;
    while (ticker && !__atomic_load_n(&c->stopping, __ATOMIC_ACQUIRE)) {
        watch(&l);
        if (lws_service(context, 0) < 0)
            break;
    }
    ticker_stop(ticker);
    pthread_mutex_lock(&c->lock);
    c->context = NULL;
    pthread_mutex_unlock(&c->lock);
    if (context)
        lws_context_destroy(context);
    buf_free(&l.in);
    return NULL;
}

bool link_start(struct client *c)
{
    return pthread_create(&c->link, NULL, work, c) == 0;
}

void link_stop(struct client *c)
{
    pthread_mutex_lock(&c->lock);
    __atomic_store_n(&c->stopping, true, __ATOMIC_RELEASE);
    link_wake(c);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->link, NULL);
}
