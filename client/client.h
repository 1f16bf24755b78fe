/* A backend as seen from outside: sign-in, REST, one websocket, and the tables that panes read. The
 * websocket and REST run in threads of their own; everything here is called from one thread (the
 * screen's). Rows are read between client_lock and client_unlock. */
#pragma once
#include "common/table.h"

struct client;
struct client_config {
    const char *url;        /* NULL: start or join the embedded backend under data_dir */
    const char *token_file; /* NULL: the one that endpoint.json names */
    const char *data_dir;   /* embedded backend's directory */
    const char *quantad;    /* its program */
    const char *market;     /* its --market; NULL: the default */
    const char *user;
    double max_hz;   /* of quotes and other conflated streams */
    double value_hz; /* of rows with columns that follow the market; 0: max_hz */
};
/* Signs in. NULL with one line in `why`. */
struct client *client_open(const struct client_config *config, char *why, size_t room);
void client_close(struct client *c);

/* Streams a record from now on, by `filter` ("" for all). */
void client_subscribe(struct client *c, enum record_id record, const char *filter);
/* Waits until every subscribed stream has answered; false after `seconds`. */
bool client_wait(struct client *c, double seconds);
/* Readable when something changed; client_poll takes it and runs what is done. */
int client_fd(struct client *c);
void client_poll(struct client *c);

void client_lock(struct client *c);
void client_unlock(struct client *c);
struct table *client_table(struct client *c, enum record_id record);
/* Counts changes of a table: equal numbers, equal rows. */
uint64_t client_changes(struct client *c, enum record_id record);

struct link_state {
    bool connected;
    int64_t heard;     /* ns monotonic of the last message */
    double latency_ms; /* of the last REST answer; 0: none yet */
    char user[33], role[24], books[121];
    char problem[160]; /* why it is not connected */
    uint64_t reconnects, bytes;
};
void client_state(struct client *c, struct link_state *out);

/* What came of a request: `status` 0 when there was no answer, then `body` says why. */
typedef void client_done_fn(void *arg, int status, const char *body);
/* done is called from client_poll, or with status 0 from client_close. `key`: Idempotency-Key; `version`:
 * If-Match, INT64_MIN for none. */
void client_request(struct client *c, const char *method, const char *path, const char *body, const char *key,
                    int64_t version, client_done_fn *done, void *arg);
/* The same, waiting. Returns the status; *body is the caller's to free. */
int client_call(struct client *c, const char *method, const char *path, const char *body, int64_t version,
                char **answer);
/* Signs in as another user: new token, new streams. False with one line in `why`. */
bool client_user(struct client *c, const char *user, char *why, size_t room);
/* "detail" of a problem, or the body. */
void client_problem(const char *body, char *out, size_t room);
