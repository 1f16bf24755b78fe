/* The store on PostgreSQL: one writer, one pipelined transaction for what has gathered, an epoch that an
 * owner takes when it opens. A batch moves the shard's row from its epoch and last sequence, or fails whole:
 * an owner that was replaced finds no row. After a connection is cut the same row tells whether the batch was
 * committed; it is sent again only when it surely was not. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backend/data/audit_chain.h"
#include "backend/data/store.h"
#include "common/clock.h"
#include "common/log.h"

#define SCHEMA       1
#define OUTAGE       (15 * SECOND)     /* how long a batch waits for a server that is gone */
#define LEASE        "interval '2 s'"  /* by the server's clock; each batch renews it */
#define FIRST_LEASE  "interval '30 s'" /* until the owner has loaded and begins to renew */
#define MIGRATE_LOCK "4771201"         /* advisory lock: one migrates at a time */
#define PARAMETERS   64

struct postgres_store {
    struct store base;
    char address[600];
    PGconn *db;
    bool reader, prepared[RECORD_COUNT];
    bool warned; /* in this attempt */
    int64_t epoch;
    int64_t audit_sequence;
    char audit_previous[65];
    char error[400];
};

static struct postgres_store *self(struct store *s)
{
    return (struct postgres_store *)s;
}

static bool failed(struct postgres_store *s, const char *text)
{
    snprintf(s->error, sizeof s->error, "%.*s", (int)strcspn(text, "\n"), text);
    return false;
}

static bool run(struct postgres_store *s, const char *sql)
{
    PGresult *r = PQexec(s->db, sql);
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok;
}

/* The first column of the first row; false when there is no row. */
static bool one(struct postgres_store *s, const char *sql, const char *parameter, char *out, size_t room)
{
    PGresult *r = PQexecParams(s->db, sql, parameter ? 1 : 0, NULL, &parameter, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
    if (!ok)
        failed(s, PQerrorMessage(s->db));
    bool found = ok && PQntuples(r) > 0 && !PQgetisnull(r, 0, 0);
    if (found)
        snprintf(out, room, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return found;
}

static int64_t one_number(struct postgres_store *s, const char *sql, int64_t missing)
{
    char text[32];
    return one(s, sql, NULL, text, sizeof text) ? strtoll(text, NULL, 10) : missing;
}

/* ---- connecting ---- */

static bool has_option(const PQconninfoOption *list, const char *name)
{
    for (const PQconninfoOption *o = list; o->keyword; o++)
        if (!strcmp(o->keyword, name) && o->val)
            return true;
    return false;
}

/* A warning beside an answer: a commit that stopped waiting for its standby says so in this way alone, and
 * calls itself done. */
static void on_notice(void *arg, const PGresult *r)
{
    struct postgres_store *s = arg;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED),
               *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (!severity || strcmp(severity, "WARNING") != 0)
        return;
    s->warned = true;
    failed(s, text ? text : "a warning");
    log_event(LOG_WARNING, "the store warns", "error.message", s->error, NULL);
}

/* The address as it is, and what it does not say: the writer among several hosts, short timeouts, settings of
 * the session. */
static PGconn *dial(struct postgres_store *s)
{
    const char *names[14], *values[14];
    char *why = NULL;
    int n = 0;
    PQconninfoOption *given = PQconninfoParse(s->address, &why);
    if (!given) {
        failed(s, why ? why : "the address cannot be read");
        PQfreemem(why);
        return NULL;
    }
    const char *const wanted[][2] = {
        {"dbname", s->address}, /* expanded below */
        {"target_session_attrs", s->reader ? NULL : "read-write"},
        {"connect_timeout", "3"},
        {"tcp_user_timeout", "4000"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"application_name", "quantad"},
        {"options", "-c statement_timeout=10s -c idle_in_transaction_session_timeout=2s -c "
                    "default_transaction_isolation=read\\ committed "
                    "-c client_min_messages=warning -c datestyle=ISO -c extra_float_digits=3"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (wanted[i][1] && (i == 0 || !has_option(given, wanted[i][0]))) {
            names[n] = wanted[i][0];
            values[n++] = wanted[i][1];
        }
    names[n] = values[n] = NULL;
    PQconninfoFree(given);
    PGconn *db = PQconnectdbParams(names, values, 1);
    if (PQstatus(db) == CONNECTION_OK) {
        PQsetNoticeReceiver(db, on_notice, s);
        return db;
    }
    failed(s, PQerrorMessage(db));
    PQfinish(db);
    return NULL;
}

static void forget_connection(struct postgres_store *s)
{
    PQfinish(s->db);
    s->db = NULL;
    memset(s->prepared, 0, sizeof s->prepared);
}

/* ---- the schema ---- */

static const char *sql_type(const struct field *f)
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
               r->fields[r->key].name, sql_type(&r->fields[r->key]));
    bool ok = run(s, sql.data);
    buf_clear(&sql);
    buf_printf(&sql, "ALTER TABLE \"%s\" ", r->name);
    for (int i = 0; i < r->field_count; i++)
        buf_printf(&sql, "%sADD COLUMN IF NOT EXISTS \"%s\" %s", i ? "," : "", r->fields[i].name,
                   sql_type(&r->fields[i]));
    ok = ok && run(s, sql.data);
    buf_free(&sql);
    return ok;
}

/* a define, so that the literal it ends is whole */
#define FACT_BODY "body text)"

static bool migrate(struct postgres_store *s)
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
    char found[24], text[24];
    bool ok = run(s, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")") && run(s, "BEGIN");
    for (size_t i = 0; ok && i < sizeof base / sizeof *base; i++)
        ok = run(s, base[i]);
    if (ok && one(s, "SELECT value FROM meta WHERE key='schema'", NULL, found, sizeof found) &&
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
    ok = run(s, ok ? "COMMIT" : "ROLLBACK") && ok;
    return run(s, "SELECT pg_advisory_unlock(" MIGRATE_LOCK ")") && ok;
}

/* A new owner commits its epoch before it loads anything: the one before it can write no more. 1: taken, 0:
 * the lease of another one runs, -1: no answer. */
static int take_ownership(struct postgres_store *s, bool at_once)
{
    *s->error = 0;
    s->epoch = one_number(s,
                          at_once ? "UPDATE shard SET epoch=epoch+1,lapses=clock_timestamp()+" FIRST_LEASE
                                    " WHERE id=1 RETURNING epoch"
                                  : "UPDATE shard SET epoch=epoch+1,lapses=clock_timestamp()+" FIRST_LEASE
                                    " WHERE id=1 AND lapses<clock_timestamp() RETURNING epoch",
                          0);
    return s->epoch > 0 ? 1 : *s->error ? -1 : 0;
}

static bool read_audit_head(struct postgres_store *s)
{
    memcpy(s->audit_previous, AUDIT_ZERO, sizeof s->audit_previous);
    s->audit_sequence = one_number(s, "SELECT max(sequence) FROM audit", 0);
    return !s->audit_sequence || one(s, "SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1", NULL,
                                     s->audit_previous, sizeof s->audit_previous);
}

/* ---- a batch ---- */

static bool queue(struct postgres_store *s, const char *name, const char *const *values, int count)
{
    return PQsendQueryPrepared(s->db, name, count, values, NULL, NULL, 0) == 1 ||
           failed(s, PQerrorMessage(s->db));
}

static bool prepare_one(struct postgres_store *s, const char *name, const char *sql)
{
    PGresult *r = PQprepare(s->db, name, sql, 0, NULL);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok;
}

static bool prepare_record(struct postgres_store *s, enum record_id id)
{
    const struct record *r = record_of(id);
    struct buf sql = {0};
    char name[64];
    const char *key = r->fields[r->key].name;
    if (s->prepared[id])
        return true;
    buf_printf(&sql, "INSERT INTO \"%s\"(", r->name);
    record_sql_columns(r, &sql);
    buf_text(&sql, ") VALUES(");
    for (int i = 0; i < r->field_count; i++)
        buf_printf(&sql, "%s$%d::%s", i ? "," : "", i + 1, sql_type(&r->fields[i]));
    buf_printf(&sql, ") ON CONFLICT(\"%s\") DO UPDATE SET ", key);
    for (int i = 0, n = 0; i < r->field_count; i++)
        if (i != r->key)
            buf_printf(&sql, "%s\"%s\"=excluded.\"%s\"", n++ ? "," : "", r->fields[i].name,
                       r->fields[i].name);
    snprintf(name, sizeof name, "put-%s", r->name);
    bool ok = prepare_one(s, name, sql.data);
    buf_clear(&sql);
    buf_printf(&sql, "DELETE FROM \"%s\" WHERE \"%s\"=$1::%s", r->name, key, sql_type(&r->fields[r->key]));
    snprintf(name, sizeof name, "drop-%s", r->name);
    ok = ok && prepare_one(s, name, sql.data);
    buf_free(&sql);
    return s->prepared[id] = ok;
}

/* No such row divides by zero (SQLSTATE 22012), and the rest of the pipeline is not carried out. */
#define OWNER_MOVES                                                                                          \
    "WITH moved AS (UPDATE shard SET seq=$1::bigint,lapses=clock_timestamp()+" LEASE                         \
    " WHERE id=1 AND epoch=$2::bigint AND seq=$3::bigint "                                                   \
    "RETURNING 1) SELECT 1/count(*) FROM moved"
#define CURSOR_MOVES                                                                                         \
    "INSERT INTO cursor(destination,seq) VALUES($1::integer,$2::bigint) ON CONFLICT(destination) DO "        \
    "UPDATE SET seq=excluded.seq"

static bool prepare_all(struct postgres_store *s)
{
    static const char *const list[][2] = {
        {"begin", "BEGIN"},
        {"patient", "SET LOCAL statement_timeout=0"}, /* a commit waits for its standby as long as it takes */
        {"commit", "COMMIT"},
        {"owner", OWNER_MOVES},
        {"fact",
         "INSERT INTO fact(seq,time,record,removed,body) VALUES($1::bigint,$2::bigint,$3,$4::boolean,$5)"},
        {"outbox", "INSERT INTO outbox(destination,seq) VALUES($1::integer,$2::bigint)"},
        {"cursor", CURSOR_MOVES},
        {"done", "DELETE FROM outbox WHERE destination=$1::integer AND seq<=$2::bigint"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!prepare_one(s, list[i][0], list[i][1]))
            return false;
    return true;
}

static bool queue_row(struct postgres_store *s, enum record_id id, const void *row, bool removed)
{
    const struct record *r = record_of(id);
    const char *values[PARAMETERS];
    char text[PARAMETERS][320], name[64];
    int n = 0;
    for (int i = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (removed && i != r->key)
            continue;
        if (f->kind != FIELD_BOOL && field_is_none(f, row))
            values[n++] = NULL;
        else if (f->kind == FIELD_TIME) { /* nanoseconds: a timestamp keeps microseconds alone */
            int64_t t;
            memcpy(&t, (const char *)row + f->offset, sizeof t);
            snprintf(text[n], sizeof text[n], "%lld", (long long)t);
            values[n] = text[n];
            n++;
        } else {
            field_text(f, row, text[n], sizeof text[n]);
            values[n] = text[n];
            n++;
        }
    }
    snprintf(name, sizeof name, "%s-%s", removed ? "drop" : "put", r->name);
    return queue(s, name, values, n);
}

static char *number(int64_t v, char out[24])
{
    snprintf(out, 24, "%lld", (long long)v);
    return out;
}

static bool queue_pair(struct postgres_store *s, const char *name, int64_t a, int64_t b)
{
    char text[2][24];
    const char *values[] = {number(a, text[0]), number(b, text[1])};
    return queue(s, name, values, 2);
}

static bool queue_fact(struct postgres_store *s, const struct store_fact *f, struct buf *json)
{
    char text[2][24];
    buf_clear(json);
    record_json(record_of(f->record), f->row, json);
    const char *values[] = {number(f->seq, text[0]), number(f->time, text[1]), record_of(f->record)->name,
                            f->removed ? "true" : "false", json->data};
    if (!queue(s, "fact", values, 5) || !queue_row(s, f->record, f->row, f->removed))
        return false;
    for (int d = 0; d < 8; d++)
        if (f->destinations & (1u << d) && !queue_pair(s, "outbox", d, f->seq))
            return false;
    return true;
}

/* Links the batch's audit records to the chain. */
static void link_audits(const struct postgres_store *s, struct store_batch *b)
{
    int64_t sequence = s->audit_sequence;
    const char *previous = s->audit_previous;
    for (int i = 0; i < b->audit_count; i++) {
        struct audit *a = &b->audits[i];
        a->sequence = ++sequence;
        a->version = 1;
        memcpy(a->previous, previous, sizeof a->previous);
        audit_hash(a, a->hash);
        previous = a->hash;
    }
}

static bool queue_batch(struct postgres_store *s, const struct store_batch *b)
{
    char text[3][24];
    const char *owner[] = {number(b->last, text[0]), number(s->epoch, text[1]), number(b->previous, text[2])};
    struct buf json = {0};
    bool ok = queue(s, "begin", NULL, 0) && queue(s, "owner", owner, 3);
    for (int i = 0; ok && i < b->fact_count; i++)
        ok = queue_fact(s, &b->facts[i], &json);
    for (int i = 0; ok && i < b->audit_count; i++)
        ok = queue_row(s, RECORD_audit, &b->audits[i], false);
    for (int d = 0; ok && d < 8; d++)
        if (b->cursors[d] != INT64_MIN)
            ok = queue_pair(s, "cursor", d, b->cursors[d]) && queue_pair(s, "done", d, b->cursors[d]);
    buf_free(&json);
    return ok && queue(s, "patient", NULL, 0) && queue(s, "commit", NULL, 0) &&
           (PQpipelineSync(s->db) == 1 || failed(s, PQerrorMessage(s->db)));
}

enum attempt { COMMITTED, REFUSED, MOVED, FULL, CUT };

/* Reads the results of the pipeline up to its sync. */
static enum attempt collect(struct postgres_store *s)
{
    enum attempt out = CUT;
    bool error = false, ended = false;
    for (;;) {
        PGresult *r = PQgetResult(s->db);
        if (!r) {
            if (ended || PQstatus(s->db) != CONNECTION_OK)
                return CUT; /* nothing is owed any more and the sync never came: the server went in between */
            ended = true;   /* one statement's results end; the next call moves to the next statement */
            continue;
        }
        ended = false;
        ExecStatusType status = PQresultStatus(r);
        const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            return error ? out : s->warned ? CUT : COMMITTED;
        }
        if (status == PGRES_FATAL_ERROR && !error) {
            error = true;
            failed(s, PQresultErrorMessage(r));
            /* 53100: disk full. 57P0x and 08xxx: the server goes, and the outcome is asked for. */
            out = !state                                                  ? CUT
                  : !strcmp(state, "22012")                               ? MOVED
                  : !strcmp(state, "53100")                               ? FULL
                  : !strncmp(state, "57P", 3) || !strncmp(state, "08", 2) ? CUT
                                                                          : REFUSED;
        }
        PQclear(r);
        if (PQstatus(s->db) != CONNECTION_OK)
            return CUT;
    }
}

/* Statements are prepared before the pipeline begins: a batch may hold records that this connection has not
 * seen yet. */
static bool prepare_batch(struct postgres_store *s, const struct store_batch *b)
{
    bool ok = !b->audit_count || prepare_record(s, RECORD_audit);
    for (int i = 0; ok && i < b->fact_count; i++)
        ok = prepare_record(s, b->facts[i].record);
    return ok;
}

static enum attempt attempt(struct postgres_store *s, const struct store_batch *b)
{
    s->warned = false;
    if (!prepare_batch(s, b) || PQenterPipelineMode(s->db) != 1)
        return PQstatus(s->db) == CONNECTION_OK ? REFUSED : CUT;
    enum attempt out = queue_batch(s, b) ? collect(s) : CUT;
    if (out != CUT && PQexitPipelineMode(s->db) != 1)
        out = CUT;
    if (out != COMMITTED && out != CUT && PQtransactionStatus(s->db) != PQTRANS_IDLE && !run(s, "ROLLBACK"))
        out = CUT;
    return out;
}

/* Where the owner's row stands. The row is written, not read: that waits for a transaction of ours that still
 * runs there, and its commit is not answered before the standby has all that came before it. */
static bool ask_row(struct postgres_store *s, int64_t *epoch, int64_t *seq)
{
    s->warned = false;
    if (!run(s, "BEGIN"))
        return false;
    PGresult *r = PQexec(s->db, "UPDATE shard SET seq=seq WHERE id=1 RETURNING epoch,seq");
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;
    if (ok) {
        *epoch = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
        *seq = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
    } else
        failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok && run(s, "SET LOCAL statement_timeout=0") && run(s, "COMMIT") && !s->warned;
}

/* Connects again and asks the owner's row what became of the batch. CUT: not committed, send it again. */
static enum attempt ask_outcome(struct postgres_store *s, const struct store_batch *b)
{
    int64_t until = clock_mono(&clock_system) + OUTAGE, epoch = 0, seq = 0;
    for (;;) {
        struct timespec pause = {0, 50 * MILLI};
        forget_connection(s);
        s->warned = false;
        s->db = dial(s);
        if (s->db && prepare_all(s) && ask_row(s, &epoch, &seq))
            return epoch != s->epoch                          ? MOVED
                   : seq == b->last && b->last != b->previous ? COMMITTED
                   : seq == b->previous                       ? CUT
                                                              : MOVED;
        if (s->warned) /* it is there and waits for its standby: so do we */
            until = clock_mono(&clock_system) + OUTAGE;
        if (clock_mono(&clock_system) > until)
            return REFUSED;
        nanosleep(&pause, NULL);
    }
}

static enum store_result commit(struct store *base, struct store_batch *b)
{
    struct postgres_store *s = self(base);
    enum attempt a;
    link_audits(s, b);
    /* MOVED after a cut: the attempt before, whose connection was cut, may have got there after all. */
    for (bool cut = false; (a = attempt(s, b)) == CUT || (a == MOVED && cut); cut = true) {
        log_event(LOG_WARNING, "the store's connection was cut; asking what became of the batch",
                  "error.message", s->error, NULL);
        a = ask_outcome(s, b);
        if (a != CUT)
            break;
    }
    if (a == COMMITTED) {
        if (b->audit_count) {
            s->audit_sequence = b->audits[b->audit_count - 1].sequence;
            memcpy(s->audit_previous, b->audits[b->audit_count - 1].hash, sizeof s->audit_previous);
        }
        return STORE_OK;
    }
    if (a == MOVED)
        failed(s, "the owner's row has moved: another owner has taken over");
    return a == MOVED ? STORE_NOT_OWNER : a == FULL ? STORE_FULL : STORE_FAILED;
}

/* ---- reading ---- */

static bool read_value(const struct field *f, const char *text, void *row)
{
    char why[160];
    if (f->kind == FIELD_TIME) {
        int64_t t = strtoll(text, NULL, 10);
        memcpy((char *)row + f->offset, &t, sizeof t);
        return true;
    }
    if (f->kind == FIELD_BOOL)
        text = *text == 't' ? "true" : "false";
    return field_set(f, row, text, why, sizeof why);
}

/* Every row of a query, one at a time. */
static bool each(struct postgres_store *s, const char *sql, const char *const *values, int count,
                 bool (*take)(void *arg, PGresult *r), void *arg)
{
    if (PQsendQueryParams(s->db, sql, count, NULL, values, NULL, NULL, 0) != 1 ||
        PQsetSingleRowMode(s->db) != 1)
        return failed(s, PQerrorMessage(s->db));
    bool ok = true;
    for (PGresult *r; (r = PQgetResult(s->db)); PQclear(r)) {
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_SINGLE_TUPLE && ok)
            ok = take(arg, r);
        else if (status == PGRES_FATAL_ERROR)
            ok = failed(s, PQresultErrorMessage(r));
    }
    return ok;
}

struct loading {
    struct postgres_store *store;
    const struct record *record;
    void *row;
    store_row_fn *fn;
    void *arg;
};

static bool load_row(void *arg, PGresult *r)
{
    struct loading *l = arg;
    record_clear(l->record, l->row);
    for (int i = 0; i < l->record->field_count; i++)
        if (!PQgetisnull(r, 0, i) && !read_value(&l->record->fields[i], PQgetvalue(r, 0, i), l->row)) {
            snprintf(l->store->error, sizeof l->store->error, "%s.%s cannot be read", l->record->name,
                     l->record->fields[i].name);
            return false;
        }
    l->fn(l->arg, l->row);
    return true;
}

static bool load(struct store *base, enum record_id id, store_row_fn *fn, void *arg)
{
    const struct record *r = record_of(id);
    struct loading l = {self(base), r, mem_new(r->size), fn, arg};
    struct buf sql = {0};
    buf_text(&sql, "SELECT ");
    record_sql_columns(r, &sql);
    buf_printf(&sql, " FROM \"%s\" ORDER BY \"%s\"%s", r->name, r->fields[r->key].name,
               r->fields[r->key].kind == FIELD_TEXT ? " COLLATE \"C\"" : "");
    bool ok = each(self(base), sql.data, NULL, 0, load_row, &l);
    buf_free(&sql);
    free(l.row);
    return ok;
}

struct fact_reading {
    struct postgres_store *store;
    store_fact_fn *fn;
    void *arg;
};

static bool fact_row(void *arg, PGresult *p)
{
    struct fact_reading *l = arg;
    const struct record *r = record_named(PQgetvalue(p, 0, 2));
    if (!r)
        return true; /* written by a newer version: not ours to apply */
    void *row = mem_new(r->size);
    struct store_fact f = {.seq = strtoll(PQgetvalue(p, 0, 0), NULL, 10),
                           .time = strtoll(PQgetvalue(p, 0, 1), NULL, 10),
                           .record = record_index(r),
                           .removed = *PQgetvalue(p, 0, 3) == 't',
                           .row = row};
    bool ok = record_parse(r, PQgetvalue(p, 0, 4), (size_t)PQgetlength(p, 0, 4), row);
    if (ok)
        l->fn(l->arg, &f);
    else
        snprintf(l->store->error, sizeof l->store->error, "fact %lld cannot be read", (long long)f.seq);
    free(row);
    return ok;
}

static bool facts(struct store *base, int64_t after, int64_t through, int outbox, store_fact_fn *fn,
                  void *arg)
{
    struct fact_reading l = {self(base), fn, arg};
    char text[3][24];
    const char *values[] = {number(after, text[0]), number(through, text[1]), number(outbox, text[2])};
    const char *sql =
        outbox < 0
            ? "SELECT seq,time,record,removed,body FROM fact WHERE seq>$1::bigint AND seq<=$2::bigint ORDER "
              "BY seq"
            : "SELECT f.seq,f.time,f.record,f.removed,f.body FROM outbox o JOIN fact f ON f.seq=o.seq WHERE "
              "o.destination=$3::integer AND o.seq>$1::bigint AND o.seq<=$2::bigint ORDER BY o.seq";
    return each(self(base), sql, values, outbox < 0 ? 2 : 3, fact_row, &l);
}

static bool meta_get(struct store *base, const char *key, char *out, size_t room)
{
    return one(self(base), "SELECT value FROM meta WHERE key=$1", key, out, room);
}

static bool meta_put(struct store *base, const char *key, const char *value)
{
    const char *values[] = {key, value};
    struct postgres_store *s = self(base);
    PGresult *r = PQexecParams(
        s->db, "INSERT INTO meta VALUES($1,$2) ON CONFLICT(key) DO UPDATE SET value=excluded.value", 2, NULL,
        values, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok;
}

static int64_t head(struct store *base)
{
    return one_number(self(base), "SELECT seq FROM shard WHERE id=1", 0);
}

static int64_t cursor(struct store *base, int destination)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT seq FROM cursor WHERE destination=%d", destination);
    return one_number(self(base), sql, INT64_MIN);
}

/* The disk is the server's: there is nothing here to give up. */
static bool free_reserve(struct store *base)
{
    (void)base;
    return false;
}

static const char *error(struct store *base)
{
    return self(base)->error;
}

/* The wait for the standby is left out: what a failover loses of it is a lease that lapses a little sooner.
 */
static bool renew(struct store *base)
{
    struct postgres_store *s = self(base);
    char sql[260], moved[8] = "";
    if (!s->db && !(s->db = dial(s)))
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
        failed(s, PQerrorMessage(s->db));
    PQclear(r);
    if (known && !strcmp(moved, "0"))
        return failed(s, "the owner's row has moved: another owner has taken over");
    if (!known && PQstatus(s->db) != CONNECTION_OK)
        forget_connection(s);
    return true;
}

/* Who waits for the lease gets it now. */
static void give_up_lease(struct postgres_store *s)
{
    char sql[160];
    snprintf(
        sql, sizeof sql,
        "SET LOCAL synchronous_commit=local;UPDATE shard SET lapses='-infinity' WHERE id=1 AND epoch=%lld",
        (long long)s->epoch);
    if (!run(s, sql))
        log_event(LOG_WARNING, "the lease was not given up; it will lapse", "error.message", s->error, NULL);
}

static void close_store(struct store *base)
{
    struct postgres_store *s = self(base);
    if (s->db && s->epoch > 0)
        give_up_lease(s);
    PQfinish(s->db);
    free(base);
}

static const struct store_ops ops = {"postgresql", commit, load,         facts, meta_get, meta_put,
                                     head,         cursor, free_reserve, renew, error,    close_store};

static struct postgres_store *new_store(const char *address, bool reader)
{
    struct postgres_store *s = mem_new(sizeof *s);
    s->base.ops = &ops;
    s->reader = reader;
    snprintf(s->address, sizeof s->address, "%s", address);
    s->db = dial(s);
    return s;
}

static struct store *opened(struct postgres_store *s, bool ok, char *why, size_t room)
{
    if (ok)
        return &s->base;
    snprintf(why, room, "postgresql: %.250s", s->error); /* never the address: it may hold a password */
    close_store(&s->base);
    return NULL;
}

struct store *store_postgres(const char *address, bool reader, char *why, size_t room)
{
    struct postgres_store *s = new_store(address, reader);
    bool ok = s->db != NULL;
    if (ok && !reader)
        ok = migrate(s) && take_ownership(s, true) > 0 && prepare_all(s) && read_audit_head(s);
    return opened(s, ok, why, room);
}

struct store *store_postgres_await(const char *address, const volatile int *stop, char *why, size_t room)
{
    struct postgres_store *s = new_store(address, false);
    bool ok = s->db && migrate(s), told = false;
    for (int taken = 0; ok && (taken = take_ownership(s, false)) < 1;) {
        struct timespec pause = {0, 100 * MILLI};
        if (!told)
            log_event(LOG_INFO, "standing by: another process owns the shard", NULL);
        told = true;
        nanosleep(&pause, NULL);
        if (taken < 0) { /* the standby outlives a failover of the server too */
            forget_connection(s);
            s->db = dial(s);
        }
        ok = !*stop || failed(s, "stopped while it stood by");
    }
    ok = ok && prepare_all(s) && read_audit_head(s);
    return opened(s, ok, why, room);
}
