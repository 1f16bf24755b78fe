/* A node: the services of this process, one order of events, and the journal that gates what leaves.
 *
 * node_command decides and applies at once and gathers the facts; the journal thread commits what has
 * gathered in one transaction; then observers see the facts in order, rows travel to the services that
 * follow them, and answers leave. Nothing leaves before its sequence is durable. All calls are for the
 * loop's thread. A failed commit ends the process (exit 1): state is recovered, never unwound. */
#pragma once
#include "backend/platform/service.h"
#include "backend/queue/stream.h"
#include "backend/queue/work.h"

struct node;
struct node_config {
    const char *store; /* address for store_open */
    const struct clock *clock;
    struct cache *cache;      /* borrowed */
    const volatile int *stop; /* not NULL: waits for the lease of the store until this is set */
    bool threaded;            /* false: commits run inside node_poll, for tests */
    uint64_t seed;            /* of the local stream's and queue's faults; 0: none */
    bool remote_work;         /* node_connect will bring the queue that work travels by */
    const char *shard;        /* whose sequence it is, for others; NULL: firm */
    void (*wake)(void *arg);  /* called from the journal's thread when node_poll has work */
    void *wake_arg;
};
/* What a command came to, once durable. `answer` is the row it acted on, as it was right after (NULL
 * when there is none); borrowed. */
struct outcome {
    int status; /* 0: done, else an HTTP status */
    char problem[121], rule[25], reason[121];
    dec limit, value;
    enum record_id record;
    const void *answer;
    char object[97];
};
typedef void outcome_fn(void *arg, const struct outcome *outcome);
struct node_observer {
    /* A durable fact; `old` rows are the observer's own affair. */
    void (*fact)(void *arg, const struct store_fact *fact);
    /* A row that follows the market, never journaled. */
    void (*published)(void *arg, enum record_id record, const void *row);
    void *arg;
};

/* NULL with one line in `why`. */
struct node *node_new(const struct node_config *config, char *why, size_t room);
void node_add(struct node *n, const struct service_ops *ops);
void node_observe(struct node *n, struct node_observer observer);
/* Loads every service's rows and what their outboxes still owe. */
bool node_recover(struct node *n, char *why, size_t room);
/* The journal's name, made once a store. False with `why` when the store cannot keep it. */
bool node_own_log(struct node *n, char log[40], char *why, size_t room);
/* A service that another process runs: its rows come by node_follow. Call before node_recover. */
void node_add_absent(struct node *n, const struct service_ops *ops);
/* Tells others what happens here and follows the shards of absent services in `stores` (an address that ends
 * in #SHARD for each): a view of each store, then its events. Waits for processes that have not made their
 * store yet, until *stop. Call after node_recover. False with `why`. */
bool node_follow(struct node *n, struct stream *stream, const char *stores, const volatile int *stop,
                 char *why, size_t room);
/* The views have been read by all who load from them (node_load): events are applied from now on. */
void node_follow_on(struct node *n);
/* Rows of a record from every store that owns some. False when one cannot be read. */
bool node_load(struct node *n, enum record_id record, store_row_fn *fn, void *arg);
/* The shard that makes a record's rows when that is another process; NULL when it is this one. */
const char *node_elsewhere(const struct node *n, enum record_id record);
/* That shard's log, and its sequence when its rows were loaded. */
const char *node_log(const struct node *n, enum record_id record, int64_t *head);
/* A value that another shard keeps beside its rows. False when it has none. */
bool node_meta(struct node *n, const char *shard, const char *key, char *out, size_t room);
/* Address of the store that holds a record's facts, for readers. */
const char *node_facts_at(const struct node *n, enum record_id record);
/* How the stream stands; false when it is local. */
bool node_stream(struct node *n, struct link_health *out);
/* Work travels by this queue from now on, both ways; borrowed. Call after node_recover. False with `why`. */
bool node_connect(struct node *n, struct work *work, char *why, size_t room);
/* Whether the consumers that run here have done all work that this node has made. */
bool node_worked(struct node *n);
/* How the queue stands, its outboxes included: lag is what is not yet there plus what has come and waits.
 * False when work is local. */
bool node_queue(struct node *n, struct link_health *out);
/* All is loaded and the loop runs: the store's lease is kept from now on. */
void node_serves(struct node *n);
void node_free(struct node *n); /* waits for the journal first */

/* Decides, applies, and calls done (may be NULL) when durable; done may be called before it returns in
 * threadless mode only from node_poll, never inside. */
void node_command(struct node *n, struct command *c, outcome_fn *done, void *arg);
/* Calls fn once all that has happened so far is durable. */
void node_after(struct node *n, void (*fn)(void *arg), void *arg);
/* A row that follows the market: to observers and to the services that mirror it, once durable. */
void node_publish(struct node *n, enum record_id record, const void *row);
/* Lets the journal's results out, delivers events, hands over the next batch. Call each turn. */
void node_poll(struct node *n);
/* Polls until nothing is pending anywhere. For tests and for an orderly end. */
void node_wait(struct node *n);
bool node_idle(const struct node *n);
/* Too much waits for the disk: answer 503. */
bool node_busy(const struct node *n);
/* The disk was full and the reserve is used: only cancel and halt. */
bool node_disk_low(const struct node *n);

const char *node_shard(const struct node *n); /* firm, or the name of the one service that runs here */
void *node_state(struct node *n, const char *service);
/* Table of an owned record in its service, NULL when this node does not run it. */
const struct table *node_table(struct node *n, enum record_id record);
void node_value(struct node *n, enum record_id record, void *row);
struct store *node_store(struct node *n);
struct cache *node_cache(struct node *n);
int64_t node_now(const struct node *n);
int64_t node_sequence(const struct node *n); /* of the last fact decided */
int64_t node_durable(const struct node *n);
int64_t node_commits(const struct node *n); /* transactions so far */
/* A request carried out before under this key, NULL when none. */
const struct idempotency *node_once(struct node *n, const char *key);
/* SHA-256 over every owned row: equal states have equal digests. */
void node_digest(struct node *n, char out[65]);
/* The rows of each service that a fresh process would have by applying the whole journal. */
bool node_replay(struct node *n, char *why, size_t room);
