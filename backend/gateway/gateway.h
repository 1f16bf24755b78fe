/* The gateway: HTTP and websocket on one libwebsockets loop, sessions, permissions, routes, streams. It
 * owns the loop; main gives it the node, the market's controls and what to do each turn. */
#pragma once
#include "backend/platform/node.h"
#include "backend/platform/pool.h"

struct gateway_config {
    const char *listen;     /* HOST:PORT, port 0 picks a free one; or unix:PATH */
    const char *data_dir;   /* endpoint.json and the desk's token go here */
    const char *store;      /* address, for reader threads */
    const char *token_file; /* of the desk's token, shared by its processes; NULL: one of its own */
    const char *stamp;      /* sim, replay or live */
    int linger;             /* seconds after the last client left at which it ends; 0: never */
    bool demo_users;        /* the desk token may sign in as any user */
    /* What the market is asked: NULL when done, else why not. */
    const char *(*market)(void *arg, const char *action, dec speed);
    void (*day_roll)(void *arg, outcome_fn *done, void *done_arg);
    void (*turn)(void *arg); /* 20 times a second: market, valuation */
    bool (*paused)(void *arg);
    dec (*speed)(void *arg);
    void *arg;
    /* Where other processes of the desk reach this one, by mutual TLS; NULL: there are none. */
    const char *peer_listen, *peer_cert, *peer_key, *peer_ca;
};
struct gateway;
struct gateway_address {
    bool local;     /* a socket in the file system, its owner's alone */
    char host[108]; /* host, or the socket's path (as long as sockaddr_un takes) */
    int port;
};
/* HOST:PORT or unix:PATH. False with one line in `why`. */
bool gateway_address(const char *text, struct gateway_address *out, char *why, size_t room);
/* Date and source of the first curve, for people. Borrowed. */
void gateway_origin(struct gateway *g, const char *origin);
/* Follows the node's rows from now on; serves nothing yet. NULL with one line in `why`. The node's wake
 * must call gateway_wake. */
struct gateway *gateway_new(const struct gateway_config *config, struct node *n, struct pool *pool, char *why,
                            size_t room);
/* Listens and writes endpoint.json. */
bool gateway_listen(struct gateway *g, char *why, size_t room);
/* Serves until gateway_stop, SIGTERM or the linger is over. */
void gateway_run(struct gateway *g);
void gateway_stop(struct gateway *g); /* async-signal-safe */
void gateway_wake(struct gateway *g); /* from any thread */
/* Gives compliance a limit of the opening desk, from the process that runs risk. */
void gateway_put_limit(struct gateway *g, const struct limit *l);
void gateway_free(struct gateway *g);
/* OpenAPI 3.1 from the tables of routes and records. */
void gateway_openapi(struct buf *out);
