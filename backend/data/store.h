/* The store: a journal of facts, the current row of every record, the audit chain and the outbox, all
 * written in one transaction a batch. One writer. The current rows are the snapshot that recovery
 * loads; the facts behind them replay to the same state. */
#pragma once
#include "common/records/records.h"

struct store_fact {
    int64_t seq, time;
    enum record_id record;
    bool removed;
    uint32_t destinations; /* bits of enum destination: one outbox row each */
    void *row;             /* owned by the batch */
};

struct store_batch {
    int64_t previous, last; /* the owner's row must stand at `previous`, and then stands at `last` */
    struct store_fact *facts;
    int fact_count, fact_room;
    struct audit *audits; /* sequence, previous and hash are filled in by the commit */
    int audit_count, audit_room;
    int64_t cursors[8]; /* by destination: everything up to here was confirmed; INT64_MIN: unchanged */
};

enum store_result {
    STORE_OK,
    STORE_NOT_OWNER, /* the owner's row was not where it should be: step down */
    STORE_FULL,      /* no space: free the reserve and submit the same batch again */
    STORE_FAILED,    /* nothing is known to be written: stop and recover, never retry */
};

typedef void store_row_fn(void *arg, const void *row);
typedef void store_fact_fn(void *arg, const struct store_fact *fact);

struct store;
struct store_ops {
    const char *kind;
    enum store_result (*commit)(struct store *s, struct store_batch *batch);
    /* Rows of one record in key order. False when the store cannot be read. */
    bool (*load)(struct store *s, enum record_id record, store_row_fn *fn, void *arg);
    /* Facts with seq in (after, through], in order; through of INT64_MAX is all. `outbox` (a
     * destination, or -1 for all) keeps to those still owed to that destination. */
    bool (*facts)(struct store *s, int64_t after, int64_t through, int outbox, store_fact_fn *fn, void *arg);
    bool (*meta_get)(struct store *s, const char *key, char *out, size_t room);
    bool (*meta_put)(struct store *s, const char *key, const char *value);
    /* The first column of the first row of a query that both engines read; `missing` when there is none. */
    int64_t (*number)(struct store *s, const char *sql, int64_t missing);
    /* Begins, or ends, a view that does not move: everything that is read in between is of one instant. */
    bool (*snapshot)(struct store *s, bool begin);
    bool (*free_reserve)(struct store *s);
    /* Keeps the lease of the shard for 2 s more; false when another owner has taken over. NULL: the engine
     * has one owner by its nature. */
    bool (*renew)(struct store *s);
    const char *(*error)(struct store *s);
    void (*close)(struct store *s);
};
struct store {
    const struct store_ops *ops;
};

/* `address` is sqlite:PATH, with ?vfs=NAME&synchronous=OFF|FULL for tests, or postgresql://... as libpq takes
 * it, several hosts included, with #SHARD behind it for the schema of one of several shards. NULL with one
 * line in `why`. */
struct store *store_open(const char *address, char *why, size_t room);
int64_t store_head(struct store *s);                    /* last committed sequence */
int64_t store_cursor(struct store *s, int destination); /* INT64_MIN when none */
/* store_open takes the shard over at once. This one waits, as a warm standby, until the lease of its owner
 * has lapsed or was given up; NULL with `why` once *stop is set. */
struct store *store_await(const char *address, const volatile int *stop, char *why, size_t room);
void store_batch_free(struct store_batch *b);
/* A second, read-only connection for reader threads: same interface, commit fails. */
struct store *store_reader(const char *address, char *why, size_t room);

/* The engines themselves, for store.c and for programs that need one alone. */
struct store *store_sqlite(const char *address, bool reader, char *why, size_t room);
struct store *store_postgres(const char *address, bool reader, char *why, size_t room);
struct store *store_postgres_await(const char *address, const volatile int *stop, char *why, size_t room);
