#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/gateway/private.h"
#include "common/text.h"

json_t *json_from_stranger(const char *text, size_t n, char *why, size_t room)
{
    int depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
    }
    json_error_t e;
    if (deepest > 32) {
        snprintf(why, room, "JSON deeper than 32 levels");
        return NULL;
    }
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        snprintf(why, room, "JSON: %.80s at line %d, column %d", e.text, e.line, e.column);
    return j;
}

/* ---- replies: headers and body leave in one write ---- */

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 428:
        return "Precondition Required";
    case 504:
        return "Gateway Timeout";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void request_free(struct request *r)
{
    buf_free(&r->body);
    buf_free(&r->reply);
    free(r);
}

void reply_text(struct request *r, int status, const char *type, const char *text, size_t n)
{
    r->answered = true;
    if (!r->wsi) { /* the connection is gone; what was done stands */
        request_free(r);
        return;
    }
    buf_clear(&r->reply);
    char pad[LWS_PRE] = {0};
    buf_add(&r->reply, pad, LWS_PRE);
    buf_printf(&r->reply,
               "HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\ncache-control: no-store\r\n"
               "x-content-type-options: nosniff\r\n%s%s\r\n",
               status, phrase(status), type, n, status == 503 ? "retry-after: 1\r\n" : "",
               status == 408 || status == 413 || status == 400 ? "connection: close\r\n" : "");
    buf_add(&r->reply, text, n);
    lws_callback_on_writable(r->wsi);
}

void reply_json(struct request *r, int status, const char *json, size_t n)
{
    reply_text(r, status, "application/json", json, n);
}

static void problem(struct request *r, int status, const char *detail, const struct outcome *o)
{
    struct buf b = {0};
    char text[DEC_TEXT];
    buf_printf(&b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", phrase(status),
               status);
    buf_json(&b, detail);
    if (o && *o->rule) {
        buf_text(&b, ",\"rule\":");
        buf_json(&b, o->rule);
        buf_text(&b, ",\"limit\":");
        dec_format(o->limit, text);
        if (o->limit == DEC_NONE)
            buf_text(&b, "null");
        else
            buf_json(&b, text);
        buf_text(&b, ",\"value\":");
        dec_format(o->value, text);
        if (o->value == DEC_NONE)
            buf_text(&b, "null");
        else
            buf_json(&b, text);
    }
    if (o && *o->object) {
        buf_text(&b, ",\"instance\":");
        buf_json(&b, o->object);
    }
    buf_char(&b, '}');
    r->g->refused++;
    reply_text(r, status, "application/problem+json", b.data, b.length);
    buf_free(&b);
}

void reply_problem(struct request *r, int status, const char *format, ...)
{
    char detail[300], clean[300];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    text_clean(detail, clean, sizeof clean);
    problem(r, status, clean, NULL);
}

void reply_outcome(struct request *r, int status, const struct outcome *o)
{
    if (o->status) {
        problem(r, o->status, o->problem, o);
        return;
    }
    struct buf b = {0};
    if (o->answer) {
        const struct record *record = record_of(o->record);
        void *row = mem_new(record->size);
        memcpy(row, o->answer, record->size);
        node_value(r->g->node, o->record, row);
        record_json(record, row, &b);
        free(row);
    } else {
        buf_text(&b, "{\"detail\":");
        buf_json(&b, o->reason);
        buf_char(&b, '}');
    }
    reply_json(r, status, b.data, b.length);
    buf_free(&b);
}

void reply_forwarded(struct request *r, int status, const char *type, const char *body, size_t n)
{
    if (status > 0)
        reply_text(r, status, type, body, n);
    else if (status == 0)
        reply_problem(r, 503, "the service that owns this cannot be reached: nothing was done, try again");
    else
        reply_problem(r, 504, "the service that owns this did not answer: whether it was done is not known");
}

/* ---- requests ---- */

static bool header(struct lws *wsi, enum lws_token_indexes token, char *out, int room)
{
    *out = 0;
    return lws_hdr_total_length(wsi, token) > 0 && lws_hdr_copy(wsi, out, room, token) >= 0;
}

static const char *method_of(struct lws *wsi, char *path, int room)
{
    static const struct {
        enum lws_token_indexes token;
        const char *name;
    } methods[] = {{WSI_TOKEN_GET_URI, "GET"},
                   {WSI_TOKEN_POST_URI, "POST"},
                   {WSI_TOKEN_PATCH_URI, "PATCH"},
                   {WSI_TOKEN_PUT_URI, "PUT"},
                   {WSI_TOKEN_DELETE_URI, "DELETE"}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (header(wsi, methods[i].token, path, room))
            return methods[i].name;
    return NULL;
}

/* Headers that would let a request be read in two ways. NULL when there is none. */
static const char *ambiguous(struct lws *wsi, const char *length)
{
    char text[64];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return "Transfer-Encoding is not accepted; send Content-Length";
    if (!header(wsi, WSI_TOKEN_HOST, text, sizeof text) && lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
        return "Host is missing";
    for (const char *p = length; *p; p++)
        if (!isdigit((unsigned char)*p))
            return "Content-Length: expected digits, once";
    if (lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 1) > 0)
        return "Content-Length: expected digits, once";
    return NULL;
}

/* Whom another process of the desk speaks for; it was let in by its certificate. */
static void read_actor(struct request *r)
{
    char text[500];
    struct sign_in in;
    int n = lws_hdr_custom_copy(r->wsi, text, sizeof text, "x-quanta-actor:", 15);
    r->peer = n > 0 && record_parse(RECORD(sign_in), text, (size_t)n, &in);
    if (!r->peer)
        return;
    r->actor.role = in.role;
    snprintf(r->actor.user, sizeof r->actor.user, "%s", in.user);
    snprintf(r->actor.session, sizeof r->actor.session, "%s", in.session);
    snprintf(r->actor.books, sizeof r->actor.books, "%s", in.books);
}

static void read_headers(struct request *r)
{
    char text[120];
    if (r->g->peer_vhost && lws_get_vhost(r->wsi) == r->g->peer_vhost)
        read_actor(r);
    int n = lws_hdr_custom_copy(r->wsi, text, sizeof text, "idempotency-key:", 16);
    if (n > 0)
        snprintf(r->key, sizeof r->key, "%.99s", text);
    if (header(r->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, text, sizeof text) && !strncmp(text, "Bearer ", 7))
        snprintf(r->token, sizeof r->token, "%.79s", text + 7);
    r->version = INT64_MIN;
    if (header(r->wsi, WSI_TOKEN_HTTP_IF_MATCH, text, sizeof text)) {
        const char *p = *text == '"' ? text + 1 : text;
        char *end;
        r->version = strtoll(p, &end, 10);
        if (end == p)
            r->version = -1; /* matches nothing */
    }
    for (int i = 0; lws_hdr_copy_fragment(r->wsi, text, sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        size_t used = strlen(r->query);
        snprintf(r->query + used, sizeof r->query - used, "%s%s", i ? "&" : "", text);
    }
}

static int begin(struct gateway *g, struct lws *wsi, struct http_pss *pss)
{
    char length[24] = "";
    struct request *r = pss->request = mem_new(sizeof *r);
    r->g = g;
    r->wsi = wsi;
    r->started = node_now(g->node);
    r->method = method_of(wsi, r->path, sizeof r->path);
    g->requests++;
    bool has_length = header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof length);
    const char *why = ambiguous(wsi, length);
    read_headers(r);
    r->length = has_length ? strtoul(length, NULL, 10) : 0;
    if (why)
        reply_problem(r, 400, "%s", why);
    else if (!r->method)
        reply_problem(r, 405, "expected GET, POST, PATCH, PUT or DELETE");
    else if (r->length > BODY_MAX)
        reply_problem(r, 413, "the body is over %d bytes", BODY_MAX);
    else if (!strcmp(r->method, "GET") && r->length)
        reply_problem(r, 400, "a GET has no body");
    else if (!has_length &&
             (!strcmp(r->method, "POST") || !strcmp(r->method, "PUT") || !strcmp(r->method, "PATCH")))
        reply_problem(r, 411, "Content-Length is missing");
    else if (!r->length) {
        r->begun = true;
        route_request(r);
    } else
        lws_set_timer_usecs(wsi, BODY_DEADLINE * LWS_USEC_PER_SEC);
    return 0;
}

static int write_reply(struct lws *wsi, struct http_pss *pss)
{
    struct request *r = pss->request;
    if (!r || !r->answered || r->reply.length <= LWS_PRE)
        return 0;
    bool last = strstr(r->reply.data + LWS_PRE, "\r\nconnection: close\r\n") != NULL;
    int n = lws_write(wsi, (unsigned char *)r->reply.data + LWS_PRE, r->reply.length - LWS_PRE,
                      LWS_WRITE_HTTP_HEADERS);
    pss->request = NULL;
    request_free(r);
    if (n < 0 || last)
        return -1;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* The connection ends: the request goes with it, or lives on until its command is done. */
static void gone(struct http_pss *pss)
{
    struct request *r = pss->request;
    if (!r)
        return;
    pss->request = NULL;
    r->wsi = NULL;
    if (r->answered || !r->begun)
        request_free(r);
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct http_pss *pss = user;
    struct gateway *g = lws_context_user(lws_get_context(wsi));
    struct request *r = pss ? pss->request : NULL;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return in && !strcasecmp(in, "websocket") ? 0 : -1;
    case LWS_CALLBACK_HTTP:
        return begin(g, wsi, pss);
    case LWS_CALLBACK_HTTP_BODY:
        if (!r || r->answered)
            return r ? 0 : -1;
        if (r->body.length + len > BODY_MAX)
            return -1;
        buf_add(&r->body, in, len);
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        lws_set_timer_usecs(wsi, LWS_SET_TIMER_USEC_CANCEL);
        if (r && !r->answered && !r->begun) { /* told for an empty body too, which begin() has routed */
            r->begun = true;
            route_request(r);
        }
        return 0;
    case LWS_CALLBACK_TIMER:
        if (r && !r->begun && !r->answered)
            reply_problem(r, 408, "the body took longer than %d s", BODY_DEADLINE);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_reply(wsi, pss);
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        return 0;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (pss)
            gone(pss);
        return 0;
    default:
        return 0;
    }
}
