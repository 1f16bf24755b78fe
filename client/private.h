/* What the files of client share; nobody else includes it. */
#pragma once
#include <pthread.h>
#include "client/client.h"

struct stream {
    bool wanted, sent, answered;
    char filter[200];
    char log[40];
    int64_t seq; /* last applied, -1: none */
    struct table rows;
    uint64_t changes;
};
struct call {
    struct call *next;
    char method[8], path[300], key[80];
    int64_t version;
    char *body;
    client_done_fn *done;
    void *arg;
    int status;
    char *answer;
};
struct client {
    struct client_config config;
    char url[128], token_file[400], desk_token[80], token[80], data_dir[400], quantad[400], user[33];
    char host[110]; /* as libwebsockets takes it: a socket's path has a + before it, and port 0 */
    int port, event;
    pthread_mutex_t lock;
    struct stream streams[RECORD_COUNT];
    struct link_state state;
    /* websocket thread */
    pthread_t link;
    bool stopping, renew; /* renew: drop the connection and sign in anew */
    struct lws_context *context;
    /* REST threads: questions, which may take long, never stand before a command. */
    struct lane {
        struct client *client;
        pthread_t thread;
        pthread_cond_t more;
        struct call *waiting, *waiting_last;
    } lanes[2]; /* commands, questions */
    struct call *done, *done_last;
};

/* client.c: c->url into host and port; false when it is neither http://HOST:PORT nor unix:PATH. */
bool client_address(struct client *c);
/* rest.c */
bool rest_start(struct client *c);
void rest_stop(struct client *c);
/* POST /v1/session with the desk's token. 201 when it is done, 0 when nobody answers. */
int rest_sign_in(struct client *c, const char *user, char *why, size_t room);
/* link.c */
bool link_start(struct client *c);
void link_stop(struct client *c);
void link_wake(struct client *c);
void client_signal(struct client *c);
