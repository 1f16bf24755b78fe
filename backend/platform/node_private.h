/* What node.c and delivery.c share; nobody else includes it. */
#pragma once
#include "backend/platform/journal.h"
#include "backend/platform/node.h"
#include "backend/platform/relay.h"
#include "backend/queue/courier.h"

/* By its number a destination is known to the store: the events' cursor is behind those of work. */
enum destination { DESTINATION_PORTFOLIO, DESTINATION_COMPLIANCE, DESTINATION_COUNT, CURSOR_EVENTS = 7 };

/* Another process whose rows this one follows. */
struct shard {
    const struct service_ops *ops;
    char store[600], log[40];
    struct store *view; /* while rows are loaded */
    int64_t head, seen; /* when they were loaded, and now */
};

struct service {
    const struct service_ops *ops;
    void *state;
    int64_t seen[8]; /* last sequence of each source that was applied to its mirrors */
};
struct output {
    struct output *next;
    int64_t seq, batch;
    outcome_fn *done;
    void (*fn)(void *arg);
    void *arg, *row;
    struct outcome outcome;
};
struct owed { /* work that a consumer has not confirmed */
    int destination;
    int64_t seq;
};
struct node {
    struct node_config config;
    struct store *store;
    struct journal *journal;
    struct courier *work, *stream;
    struct service services[8];
    int service_count;
    int owner[RECORD_COUNT]; /* index of the service, -1 */
    struct node_observer observers[4];
    int observer_count;
    struct table once;
    struct store_batch pending;
    bool in_flight, disk_low;
    int64_t head, durable, submitted;
    int64_t batch, committed, commits; /* batches handed over, and those whose results are out */
    struct output *first, *last;
    struct owed *owed;
    int owed_count, owed_room;
    int64_t confirmed[8];
    uint32_t resending;
    struct work *work_queue; /* NULL: the courier carries work */
    struct relay *relays[DESTINATION_COUNT];
    struct publisher *publishers[DESTINATION_COUNT];
    struct stream *events; /* NULL: everybody who follows is in this process */
    struct relay *event_relay;
    struct shard shards[8];
    int shard_count;
    int elsewhere[RECORD_COUNT]; /* index of the shard that makes its rows, -1 */
    bool following;
    int64_t cursors_told;                /* ns monotonic */
    int64_t last_out[DESTINATION_COUNT]; /* newest durable fact that is work for it */
};

extern const char *const destination_names[DESTINATION_COUNT];
/* brokers.c: what goes to brokers and comes from them. */
void brokers_durable(struct node *n);
void brokers_run(struct node *n);
void brokers_stop(struct node *n);
void follow_run(struct node *n);
void follow_stop(struct node *n);

void journal_next(struct node *n);
void journal_hand_over(struct node *n);
