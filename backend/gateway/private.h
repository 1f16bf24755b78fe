/* What the files of the gateway share; nobody else includes it. */
#pragma once
#include <libwebsockets.h>
#include "backend/gateway/feed.h"
#include "backend/gateway/forward.h"
#include "backend/gateway/gateway.h"

#define BODY_MAX         65536
#define SESSION_PATIENCE SECOND
#define BODY_DEADLINE    5 /* seconds */
#define SUBSCRIPTIONS    32
#define LATENCIES        20

struct subscription {
    struct feed *feed; /* NULL: free */
    struct filter *filter;
    double max_hz;
    int64_t seq, ring;   /* last told: sequence, and index in the ring of a journaled feed */
    int64_t told, beat;  /* ns monotonic of the last message and of the last heartbeat */
    bool snapshot;       /* owed */
    unsigned char *held; /* conflated feeds: bit per row that the client has */
    int held_room;
};

/* A websocket client. */
struct client {
    struct gateway *g;
    struct lws *wsi;
    struct client *next;
    struct actor actor;
    char token[65];
    bool signed_in, closing;
    int64_t since;
    struct buf in, out; /* out: one message that waits for WRITEABLE, after LWS_PRE */
    struct subscription subs[SUBSCRIPTIONS];
    int turn;
    uint64_t bytes;
};

/* An HTTP request; it outlives its connection while a command runs. */
struct request {
    struct gateway *g;
    struct lws *wsi; /* NULL once the connection is gone */
    const char *method;
    char path[256], query[512], key[101], token[80];
    int64_t version; /* If-Match, INT64_MIN */
    struct actor actor;
    char id[97]; /* what stands for {id} */
    struct buf body, reply;
    size_t length; /* Content-Length */
    const struct route *route;
    bool answered, begun;
    struct request *next;
    int64_t
        patience; /* ns monotonic until which the token may still become known; 0: it was not waited for */
    bool peer;    /* another process of the desk has authenticated its user */
    int64_t started;
};
struct http_pss {
    struct request *request;
};

typedef void route_fn(struct request *r);
struct route {
    const char *method, *path, *action;
    route_fn *fn;
    int request, answer; /* enum record_id, -1 */
    int command, status; /* enum command_kind, -1; HTTP status when done */
    const char *help;
};
extern const struct route routes[];
extern const int route_count;

struct gateway {
    struct gateway_config config;
    struct node *node;
    struct pool *pool;
    struct feeds feeds;
    struct lws_context *context;
    struct lws_vhost *vhost, *peer_vhost;
    struct gateway_address address, peer;
    bool bound;
    struct forward *forward; /* NULL: every service runs here */
    struct request *unknown; /* whose token this process has not heard of yet */
    struct table sign_ins;   /* by digest of the token */
    struct client *clients;
    int client_count;
    char desk_token[65], boot[40], log[40];
    const char *origin;
    int stopping; /* set from a signal handler too */
    bool had_client;
    int64_t left;   /* ns monotonic when the last client left */
    bool due;       /* set by the ticker: a turn is due */
    int64_t second; /* last second that housekeeping ran */
    uint64_t requests, slow_turns, refused, stream_bytes, turns;
    int64_t started;
};

/* http.c */
int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
void reply_json(struct request *r, int status, const char *json, size_t n);
void reply_problem(struct request *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_outcome(struct request *r, int status, const struct outcome *o);
void reply_text(struct request *r, int status, const char *type, const char *text, size_t n);
/* Reads JSON from a stranger: depth at most 32, no duplicate keys. NULL with a line in `why`. */
json_t *json_from_stranger(const char *text, size_t n, char *why, size_t room);

/* listen.c */
void listen_forget(const struct gateway *g); /* endpoint.json and the socket go */

/* routes.c */
void route_request(struct request *r);
bool permitted(uint8_t role, const char *action);
void routes_unknown(struct gateway *g); /* again for those whose token was not known yet */
forward_fn reply_forwarded;

/* sessions.c */
bool desk_token_make(struct gateway *g, char *why, size_t room);
/* Who is signed in with the token; false when nobody is. */
bool session_find(struct gateway *g, const char *token, struct actor *out);
/* A new token and the row that will stand for it. False without randomness. */
bool session_make(struct gateway *g, const char *user, char token[65], struct sign_in *out);
void session_id(const char *token, char id[65]);
bool sessions_start(struct gateway *g, char *why, size_t room);
void sessions_free(struct gateway *g);
bool same_token(const char *a, const char *b); /* in constant time */

/* stream.c */
int stream_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
/* Asks for WRITEABLE where something is due. */
void streams_tick(struct gateway *g);

/* listing.c */
void list_rows(struct request *r, struct feed *f);
void audit_rows(struct request *r);
