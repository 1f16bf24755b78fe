/* Websocket subprotocol quanta.v1: snapshot, then deltas that name the one before, a heartbeat every
 * second. One message a client waits at a time; the rest waits in the feeds, so memory is bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/gateway/private.h"

#define SIGN_IN_SECONDS 5
#define ROWS_A_MESSAGE  2000

static struct subscription *find(struct client *c, const struct feed *f)
{
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        if (c->subs[i].feed == f)
            return &c->subs[i];
    return NULL;
}

static void drop(struct subscription *s)
{
    filter_free(s->filter);
    free(s->held);
    *s = (struct subscription){0};
}

static bool passes(const struct client *c, const struct subscription *s, const void *row)
{
    return row && feed_visible(&c->g->feeds, s->feed, &c->actor, row) &&
           (!s->filter || filter_match(s->filter, row));
}

/* ---- what a client has (conflated feeds) ---- */

static bool holds(const struct subscription *s, int row)
{
    return row / 8 < s->held_room && s->held[row / 8] & (1u << (row % 8));
}

static void hold(struct subscription *s, int row, bool on)
{
    if (row / 8 >= s->held_room) {
        int room = row / 8 + 64;
        s->held = mem_grow(s->held, (size_t)room);
        memset(s->held + s->held_room, 0, (size_t)(room - s->held_room));
        s->held_room = room;
    }
    if (on)
        s->held[row / 8] |= (unsigned char)(1u << (row % 8));
    else
        s->held[row / 8] &= (unsigned char)~(1u << (row % 8));
}

/* ---- messages ---- */

static void start(struct client *c, struct subscription *s, const char *type, int64_t seq)
{
    char pad[LWS_PRE] = {0};
    buf_clear(&c->out);
    buf_add(&c->out, pad, LWS_PRE);
    buf_printf(&c->out,
               "{\"stream\":\"%s\",\"log\":\"%s\",\"seq\":%lld,\"prev\":%lld,\"type\":\"%s\",\"rows\":[",
               s->feed->record->plural, s->feed->log, (long long)seq, (long long)s->seq, type);
}

static void finish(struct client *c, struct subscription *s, int64_t seq, const char *removed)
{
    char when[TIME_TEXT];
    int64_t now = node_now(c->g->node);
    buf_printf(&c->out, "],\"removed\":[%s],\"time\":\"%s\"}", removed, time_format(now, when));
    s->seq = seq;
    s->told = s->beat = clock_mono(&clock_system);
}

static void add_row(struct client *c, const char *json, int *count)
{
    if ((*count)++)
        buf_char(&c->out, ',');
    buf_text(&c->out, json);
}

static void snapshot(struct client *c, struct subscription *s)
{
    struct feed *f = s->feed;
    int count = 0;
    s->seq = 0;
    start(c, s, "snapshot", f->seq);
    for (int i = 0; i < f->rows.count; i++) {
        bool shown = passes(c, s, f->rows.rows[i]);
        if (f->conflated)
            hold(s, i, shown);
        if (shown)
            add_row(c, feed_json(f, i), &count);
    }
    finish(c, s, f->seq, "");
    s->ring = f->ring_count;
    s->snapshot = false;
}

static void add_key(struct buf *b, const char *key)
{
    if (b->length)
        buf_char(b, ',');
    buf_json(b, key);
}

/* Every change since the last message, in order. False when there was nothing to say. */
static bool delta_journaled(struct client *c, struct subscription *s)
{
    struct feed *f = s->feed;
    struct buf gone = {0}, json = {0};
    int count = 0;
    if (f->ring_count - s->ring > FEED_RING) {
        s->snapshot = true;
        snapshot(c, s);
        return true;
    }
    int64_t seq = s->seq;
    start(c, s, "delta", f->seq);
    size_t head = c->out.length;
    for (; s->ring < f->ring_count && count < ROWS_A_MESSAGE; s->ring++) {
        const struct change *k = &f->ring[s->ring % FEED_RING];
        char key[100];
        seq = k->seq;
        if (passes(c, s, k->after)) {
            buf_clear(&json);
            record_json(f->record, k->after, &json);
            add_row(c, json.data, &count);
        } else if (passes(c, s, k->before)) {
            record_key_text(f->record, k->before, key, sizeof key);
            add_key(&gone, key);
            count++;
        }
    }
    if (count && seq != f->seq) { /* cut at ROWS_A_MESSAGE: the head names what this message reaches */
        struct buf rows = {0};
        buf_add(&rows, c->out.data + head, c->out.length - head);
        start(c, s, "delta", seq);
        buf_add(&c->out, rows.data ? rows.data : "", rows.length);
        buf_free(&rows);
    }
    if (count)
        finish(c, s, seq, gone.data ? gone.data : "");
    buf_free(&gone);
    buf_free(&json);
    return count > 0;
}

/* The newest of each row that changed since the last message. */
static bool delta_conflated(struct client *c, struct subscription *s)
{
    struct feed *f = s->feed;
    struct buf gone = {0};
    int count = 0;
    if (f->gone_count > FEED_GONE && f->gone[f->gone_count % FEED_GONE].seq > s->seq) {
        s->snapshot = true;
        snapshot(c, s);
        return true;
    }
    start(c, s, "delta", f->seq);
    for (int i = 0; i < f->rows.count; i++) {
        if (!f->rows.rows[i] || f->changed[i] <= s->seq)
            continue;
        bool shown = passes(c, s, f->rows.rows[i]);
        if (shown)
            add_row(c, feed_json(f, i), &count);
        else if (holds(s, i)) {
            char key[100];
            record_key_text(f->record, f->rows.rows[i], key, sizeof key);
            add_key(&gone, key);
            count++;
        }
        hold(s, i, shown);
    }
    for (int64_t i = f->gone_count > FEED_GONE ? f->gone_count - FEED_GONE : 0; i < f->gone_count; i++)
        if (f->gone[i % FEED_GONE].seq > s->seq) {
            add_key(&gone, f->gone[i % FEED_GONE].key);
            count++;
        }
    if (count)
        finish(c, s, f->seq, gone.data ? gone.data : "");
    buf_free(&gone);
    return count > 0;
}

static bool due(const struct subscription *s, int64_t now)
{
    if (!s->feed)
        return false;
    if (s->snapshot)
        return true;
    bool news = s->feed->conflated ? s->feed->seq > s->seq : s->ring < s->feed->ring_count;
    double gap = s->feed->conflated && s->max_hz > 0 ? 1e9 / s->max_hz : 0;
    if (news && (double)(now - s->told) >= gap)
        return true;
    return now - s->beat >= SECOND;
}

/* Fills c->out with the next message. False when nothing is due. */
static bool next_message(struct client *c)
{
    int64_t now = clock_mono(&clock_system);
    for (int k = 0; k < SUBSCRIPTIONS; k++) {
        struct subscription *s = &c->subs[(c->turn + k) % SUBSCRIPTIONS];
        if (!due(s, now))
            continue;
        c->turn = (c->turn + k + 1) % SUBSCRIPTIONS;
        if (s->snapshot) {
            snapshot(c, s);
            return true;
        }
        bool news = s->feed->conflated ? s->feed->seq > s->seq : s->ring < s->feed->ring_count;
        if (news && (s->feed->conflated ? delta_conflated(c, s) : delta_journaled(c, s)))
            return true;
        s->told = now;
        if (now - s->beat >= SECOND) {
            start(c, s, "heartbeat", s->seq);
            finish(c, s, s->seq, "");
            return true;
        }
    }
    return false;
}

void streams_tick(struct gateway *g)
{
    int64_t now = clock_mono(&clock_system);
    for (struct client *c = g->clients; c; c = c->next) {
        bool any = c->closing;
        for (int i = 0; i < SUBSCRIPTIONS && !any; i++)
            any = due(&c->subs[i], now);
        if (!c->signed_in && now - c->since > SIGN_IN_SECONDS * SECOND)
            any = c->closing = true;
        if (any && !lws_partial_buffered(c->wsi))
            lws_callback_on_writable(c->wsi);
    }
}

/* ---- what a client asks ---- */

static void say(struct client *c, const char *problem)
{
    char pad[LWS_PRE] = {0};
    buf_clear(&c->out);
    buf_add(&c->out, pad, LWS_PRE);
    buf_text(&c->out, "{\"type\":\"problem\",\"detail\":");
    buf_json(&c->out, problem);
    buf_char(&c->out, '}');
    lws_callback_on_writable(c->wsi);
}

/* A client that has every change up to (log, seq) goes on from there; any other gets a snapshot. */
static void resume(struct subscription *s, const json_t *from)
{
    const struct feed *f = s->feed;
    const json_t *entry = json_is_array(from) ? json_array_get(from, 0) : from;
    const char *log = json_string_value(json_object_get(entry, "log"));
    const json_t *seq = json_object_get(entry, "seq");
    s->snapshot = true;
    if (f->conflated || !log || strcmp(log, f->log) != 0 || !json_is_integer(seq))
        return;
    int64_t at = json_integer_value(seq);
    if (at < f->base || at > f->seq)
        return;
    s->snapshot = false;
    s->seq = at;
    s->ring = f->ring_count;
    while (s->ring > 0 && f->ring_count - s->ring < FEED_RING && f->ring[(s->ring - 1) % FEED_RING].seq > at)
        s->ring--;
}

static void subscribe(struct client *c, json_t *m)
{
    char why[200];
    const char *name = json_string_value(json_object_get(m, "stream"));
    const char *filter = json_string_value(json_object_get(m, "filter"));
    struct feed *f = name ? feeds_plural(&c->g->feeds, name) : NULL;
    if (!f) {
        say(c, "stream: expected the plural of a record, such as orders");
        return;
    }
    struct filter *compiled = NULL;
    if (filter && *filter && !(compiled = filter_new(f->record, filter, why, sizeof why))) {
        say(c, why);
        return;
    }
    struct subscription *s = find(c, f);
    if (s)
        drop(s);
    s = find(c, NULL);
    if (!s) {
        filter_free(compiled);
        say(c, "too many streams on one connection");
        return;
    }
    *s = (struct subscription){
        .feed = f, .filter = compiled, .max_hz = json_number_value(json_object_get(m, "max_hz"))};
    if (s->max_hz <= 0 || s->max_hz > 20)
        s->max_hz = 10;
    resume(s, json_object_get(m, "from"));
    s->beat = clock_mono(&clock_system);
    lws_callback_on_writable(c->wsi);
}

static bool sign_in(struct client *c, const char *token)
{
    if (!token || !session_find(c->g, token, &c->actor))
        return false;
    snprintf(c->token, sizeof c->token, "%s", token);
    c->signed_in = true;
    return true;
}

/* False when the connection must end. */
static bool message(struct client *c)
{
    char why[200];
    json_t *m = json_from_stranger(c->in.data, c->in.length, why, sizeof why);
    const char *op = json_string_value(json_object_get(m, "op"));
    bool keep = true;
    buf_clear(&c->in);
    if (!m)
        say(c, why);
    else if (op && !strcmp(op, "authenticate"))
        keep = sign_in(c, json_string_value(json_object_get(m, "token")));
    else if (!c->signed_in || !session_find(c->g, c->token, &c->actor))
        keep = false;
    else if (op && !strcmp(op, "subscribe"))
        subscribe(c, m);
    else if (op && !strcmp(op, "unsubscribe")) {
        const char *name = json_string_value(json_object_get(m, "stream"));
        struct feed *f = name ? feeds_plural(&c->g->feeds, name) : NULL;
        struct subscription *s = f ? find(c, f) : NULL;
        if (s)
            drop(s);
    } else
        say(c, "op: expected subscribe, unsubscribe or authenticate");
    json_decref(m);
    return keep;
}

/* ---- connections ---- */

static bool foreign_origin(struct lws *wsi)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) >
           0; /* the workstation sends none; browsers are not served */
}

static void established(struct gateway *g, struct lws *wsi, struct client *c)
{
    char text[120] = "";
    *c = (struct client){.g = g, .wsi = wsi, .next = g->clients, .since = clock_mono(&clock_system)};
    g->clients = c;
    g->client_count++;
    g->had_client = true;
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
        !strncmp(text, "Bearer ", 7))
        sign_in(c, text + 7);
}

static void closed(struct gateway *g, struct client *gone)
{
    for (struct client **at = &g->clients; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            g->client_count--;
            break;
        }
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        drop(&gone->subs[i]);
    buf_free(&gone->in);
    buf_free(&gone->out);
    g->left = clock_mono(&clock_system);
}

static int writeable(struct client *c)
{
    if (c->closing) {
        lws_close_reason(c->wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, (unsigned char *)"signed out", 10);
        return -1;
    }
    if (c->out.length <= LWS_PRE && !next_message(c))
        return 0;
    size_t n = c->out.length - LWS_PRE;
    if (lws_write(c->wsi, (unsigned char *)c->out.data + LWS_PRE, n, LWS_WRITE_TEXT) < 0)
        return -1;
    c->bytes += n;
    c->g->stream_bytes += n;
    buf_clear(&c->out);
    int64_t now = clock_mono(&clock_system);
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        if (due(&c->subs[i], now)) {
            lws_callback_on_writable(c->wsi);
            break;
        }
    return 0;
}

int stream_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct client *c = user;
    struct gateway *g = lws_context_user(lws_get_context(wsi));
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return in && !strcasecmp(in, "websocket") ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: {
        char path[64] = "";
        lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
        return strcmp(path, "/v1/stream") != 0 || foreign_origin(wsi) ? -1 : 0;
    }
    case LWS_CALLBACK_ESTABLISHED:
        established(g, wsi, c);
        return 0;
    case LWS_CALLBACK_CLOSED:
        closed(g, c);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (c->in.length + len > BODY_MAX) {
            lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
            return -1;
        }
        buf_add(&c->in, in, len);
        if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
            return 0;
        return message(c) ? 0 : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writeable(c);
    default:
        return 0;
    }
}
