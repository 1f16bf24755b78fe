#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/data/postgres.h"
#include "common/log.h"

#define SCHEMA       1
#define FIRST_LEASE  "interval '30 s'" /* until the owner has loaded and begins to renew */
#define MIGRATE_LOCK "4771201"         /* advisory lock: one migrates at a time */

const char *pg_type(const struct field *f)
{
    static const char *const types[] = {"uuid",   "text",   "text", "numeric(20,6)",
                                        "bigint", "bigint", "date", "boolean"};
    return types[f->kind];
}

/* A record's table, and the columns that an older version did not have: fields are added, never changed. */
static bool migrate_record(struct postgres_store *s, const struct record *r)
{
    struct buf sql = {0};
    buf_printf(&sql, "CREATE TABLE IF NOT EXISTS \"%s\"(\"%s\" %s PRIMARY KEY)", r->name,
               r->fields[r->key].name, pg_type(&r->fields[r->key]));
    bool ok = pg_run(s, sql.data);
    buf_clear(&sql);
    buf_printf(&sql, "ALTER TABLE \"%s\" ", r->name);
    for (int i = 0; i < r->field_count; i++)
        buf_printf(&sql, "%sADD COLUMN IF NOT EXISTS \"%s\" %s", i ? "," : "", r->fields[i].name,
                   pg_type(&r->fields[i]));
    ok = ok && pg_run(s, sql.data);
    buf_free(&sql);
    return ok;
}

/* a define, so that the literal it ends is whole */
#define FACT_BODY "body text)"

bool pg_migrate(struct postgres_store *s)
{
    static const char *const base[] = {
        "CREATE TABLE IF NOT EXISTS meta(key text PRIMARY KEY,value text)",
        "CREATE TABLE IF NOT EXISTS shard(id integer PRIMARY KEY,epoch bigint NOT NULL,seq bigint NOT NULL)",
        "ALTER TABLE shard ADD COLUMN IF NOT EXISTS lapses timestamptz NOT NULL DEFAULT '-infinity'",
        "INSERT INTO shard VALUES(1,0,0) ON CONFLICT DO NOTHING",
        "CREATE TABLE IF NOT EXISTS fact(seq bigint PRIMARY KEY,time bigint,record text,removed "
        "boolean," FACT_BODY,
        "CREATE TABLE IF NOT EXISTS outbox(destination integer,seq bigint,PRIMARY KEY(destination,seq))",
        "CREATE TABLE IF NOT EXISTS cursor(destination integer PRIMARY KEY,seq bigint)",
    };
    char found[24], text[24], schema[60];
    snprintf(schema, sizeof schema, "CREATE SCHEMA IF NOT EXISTS \"%s\"", *s->schema ? s->schema : "public");
    bool ok = pg_run(s, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")") && pg_run(s, "BEGIN") &&
              (!*s->schema || pg_run(s, schema));
    for (size_t i = 0; ok && i < sizeof base / sizeof *base; i++)
        ok = pg_run(s, base[i]);
    if (ok && pg_one(s, "SELECT value FROM meta WHERE key='schema'", NULL, found, sizeof found) &&
        strtol(found, NULL, 10) > SCHEMA) {
        snprintf(s->error, sizeof s->error, "schema %s was written by a newer version (this one writes %d)",
                 found, SCHEMA);
        ok = false;
    }
    for (int i = 0; ok && i < RECORD_COUNT; i++)
        if (!(record_of((enum record_id)i)->flags & (RECORD_TRANSIENT | RECORD_CONFLATED)))
            ok = migrate_record(s, record_of((enum record_id)i));
    snprintf(text, sizeof text, "%d", SCHEMA);
    ok = ok && s->base.ops->meta_put(&s->base, "schema", text);
    ok = pg_run(s, ok ? "COMMIT" : "ROLLBACK") && ok;
    return pg_run(s, "SELECT pg_advisory_unlock(" MIGRATE_LOCK ")") && ok;
}

/* A new owner commits its epoch before it loads anything: the one before it can write no more. 1: taken, 0:
 * the lease of another one runs, -1: no answer. */
int pg_take(struct postgres_store *s, bool at_once)
{
    *s->error = 0;
    s->epoch = pg_number(s,
                         at_once ? "UPDATE shard SET epoch=epoch+1,lapses=clock_timestamp()+" FIRST_LEASE
                                   " WHERE id=1 RETURNING epoch"
                                 : "UPDATE shard SET epoch=epoch+1,lapses=clock_timestamp()+" FIRST_LEASE
                                   " WHERE id=1 AND lapses<clock_timestamp() RETURNING epoch",
                         0);
    return s->epoch > 0 ? 1 : *s->error ? -1 : 0;
}

/* The wait for the standby is left out: what a failover loses of it is a lease that lapses a little sooner.
 */
bool pg_renew(struct store *base)
{
    struct postgres_store *s = (struct postgres_store *)base;
    char sql[260], moved[8] = "";
    if (!s->db && !(s->db = pg_dial(s)))
        return true; /* not known: the next batch will tell */
    snprintf(sql, sizeof sql,
             "SET LOCAL synchronous_commit=local;UPDATE shard SET lapses=clock_timestamp()+" LEASE
             " WHERE id=1 AND epoch=%lld",
             (long long)s->epoch);
    PGresult *r = PQexec(s->db, sql);
    bool known = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (known)
        snprintf(moved, sizeof moved, "%s", PQcmdTuples(r));
    else
        pg_failed(s, PQerrorMessage(s->db));
    PQclear(r);
    if (known && !strcmp(moved, "0"))
        return pg_failed(s, "the owner's row has moved: another owner has taken over");
    if (!known && PQstatus(s->db) != CONNECTION_OK)
        pg_forget(s);
    return true;
}

/* Who waits for the lease gets it now. */
void pg_give_up(struct postgres_store *s)
{
    char sql[160];
    snprintf(
        sql, sizeof sql,
        "SET LOCAL synchronous_commit=local;UPDATE shard SET lapses='-infinity' WHERE id=1 AND epoch=%lld",
        (long long)s->epoch);
    if (!pg_run(s, sql))
        log_event(LOG_WARNING, "the lease was not given up; it will lapse", "error.message", s->error, NULL);
}
