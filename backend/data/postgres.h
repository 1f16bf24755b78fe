/* What the files of the PostgreSQL store share; nobody else includes it. */
#pragma once
#include <libpq-fe.h>
#include "backend/data/audit_chain.h"
#include "backend/data/store.h"
#include "common/clock.h"

#define LEASE "interval '2 s'" /* by the server's clock; each batch renews it */

struct postgres_store {
    struct store base;
    char address[600], schema[24]; /* schema: of this shard; "" for the database's own */
    PGconn *db;
    bool reader, prepared[RECORD_COUNT];
    bool warned; /* in this attempt */
    int64_t epoch;
    struct audit_head audit;
    char error[400];
};

/* postgres_link.c: a connection and single statements on it. */
PGconn *pg_dial(struct postgres_store *s); /* NULL: s->error says why */
void pg_forget(struct postgres_store *s);
bool pg_failed(struct postgres_store *s, const char *text); /* keeps the first line; false */
bool pg_run(struct postgres_store *s, const char *sql);
/* The first column of the first row; false when there is no row. */
bool pg_one(struct postgres_store *s, const char *sql, const char *parameter, char *out, size_t room);
int64_t pg_number(struct postgres_store *s, const char *sql, int64_t missing);

/* postgres_owner.c: the schema, and whose the shard is. */
const char *pg_type(const struct field *f);
bool pg_migrate(struct postgres_store *s);
/* 1: taken, 0: the lease of another one runs, -1: no answer. */
int pg_take(struct postgres_store *s, bool at_once);
bool pg_renew(struct store *base);
void pg_give_up(struct postgres_store *s);
