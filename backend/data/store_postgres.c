/* The store on PostgreSQL: one writer, one pipelined transaction for what has gathered, an epoch that an
 * owner takes when it opens. A batch moves the shard's row from its epoch and last sequence, or fails whole:
 * an owner that was replaced finds no row. After a connection is cut the same row tells whether the batch was
 * committed; it is sent again only when it surely was not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backend/data/audit_chain.h"
#include "backend/data/postgres.h"
#include "common/log.h"

#define OUTAGE     (15 * SECOND) /* how long a batch waits for a server that is gone */
#define PARAMETERS 64

static struct postgres_store *self(struct store *s)
{
    return (struct postgres_store *)s;
}

static bool read_audit_head(struct postgres_store *s)
{
    memcpy(s->audit.hash, AUDIT_ZERO, sizeof s->audit.hash);
    s->audit.sequence = pg_number(s, "SELECT max(sequence) FROM audit", 0);
    return !s->audit.sequence || pg_one(s, "SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1", NULL,
                                        s->audit.hash, sizeof s->audit.hash);
}

/* ---- a batch ---- */

static bool queue(struct postgres_store *s, const char *name, const char *const *values, int count)
{
    return PQsendQueryPrepared(s->db, name, count, values, NULL, NULL, 0) == 1 ||
           pg_failed(s, PQerrorMessage(s->db));
}

static bool prepare_one(struct postgres_store *s, const char *name, const char *sql)
{
    PGresult *r = PQprepare(s->db, name, sql, 0, NULL);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || pg_failed(s, PQerrorMessage(s->db));
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
        buf_printf(&sql, "%s$%d::%s", i ? "," : "", i + 1, pg_type(&r->fields[i]));
    buf_printf(&sql, ") ON CONFLICT(\"%s\") DO UPDATE SET ", key);
    for (int i = 0, n = 0; i < r->field_count; i++)
        if (i != r->key)
            buf_printf(&sql, "%s\"%s\"=excluded.\"%s\"", n++ ? "," : "", r->fields[i].name,
                       r->fields[i].name);
    snprintf(name, sizeof name, "put-%s", r->name);
    bool ok = prepare_one(s, name, sql.data);
    buf_clear(&sql);
    buf_printf(&sql, "DELETE FROM \"%s\" WHERE \"%s\"=$1::%s", r->name, key, pg_type(&r->fields[r->key]));
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
    char text[PARAMETERS][64], name[64];
    int n = 0;
    for (int i = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (removed && i != r->key)
            continue;
        const char *at = (const char *)row + f->offset;
        if (f->kind != FIELD_BOOL && field_is_none(f, row))
            values[n] = NULL;
        else if (f->kind == FIELD_TEXT)
            values[n] = at;
        else if (f->kind == FIELD_TIME) { /* nanoseconds: a timestamp keeps microseconds alone */
            int64_t t;
            memcpy(&t, at, sizeof t);
            snprintf(text[n], sizeof text[n], "%lld", (long long)t);
            values[n] = text[n];
        } else {
            field_text(f, row, text[n], sizeof text[n]);
            values[n] = text[n];
        }
        n++;
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
           (PQpipelineSync(s->db) == 1 || pg_failed(s, PQerrorMessage(s->db)));
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
            pg_failed(s, PQresultErrorMessage(r));
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
    if (out != COMMITTED && out != CUT && PQtransactionStatus(s->db) != PQTRANS_IDLE &&
        !pg_run(s, "ROLLBACK"))
        out = CUT;
    return out;
}

/* Where the owner's row stands. The row is written, not read: that waits for a transaction of ours that still
 * runs there, and its commit is not answered before the standby has all that came before it. */
static bool ask_row(struct postgres_store *s, int64_t *epoch, int64_t *seq)
{
    s->warned = false;
    if (!pg_run(s, "BEGIN"))
        return false;
    PGresult *r = PQexec(s->db, "UPDATE shard SET seq=seq WHERE id=1 RETURNING epoch,seq");
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;
    if (ok) {
        *epoch = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
        *seq = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
    } else
        pg_failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok && pg_run(s, "SET LOCAL statement_timeout=0") && pg_run(s, "COMMIT") && !s->warned;
}

/* Connects again and asks the owner's row what became of the batch. CUT: not committed, send it again. */
static enum attempt ask_outcome(struct postgres_store *s, const struct store_batch *b)
{
    int64_t until = clock_mono(&clock_system) + OUTAGE, epoch = 0, seq = 0;
    for (;;) {
        struct timespec pause = {0, 50 * MILLI};
        pg_forget(s);
        s->warned = false;
        s->db = pg_dial(s);
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
    audit_link(&s->audit, b->audits, b->audit_count);
    /* MOVED after a cut: the attempt before, whose connection was cut, may have got there after all. */
    for (bool cut = false; (a = attempt(s, b)) == CUT || (a == MOVED && cut); cut = true) {
        log_event(LOG_WARNING, "the store's connection was cut; asking what became of the batch",
                  "error.message", s->error, NULL);
        a = ask_outcome(s, b);
        if (a != CUT)
            break;
    }
    if (a == COMMITTED) {
        audit_advance(&s->audit, b->audits, b->audit_count);
        return STORE_OK;
    }
    if (a == MOVED)
        pg_failed(s, "the owner's row has moved: another owner has taken over");
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
        return pg_failed(s, PQerrorMessage(s->db));
    bool ok = true;
    for (PGresult *r; (r = PQgetResult(s->db)); PQclear(r)) {
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_SINGLE_TUPLE && ok)
            ok = take(arg, r);
        else if (status == PGRES_FATAL_ERROR)
            ok = pg_failed(s, PQresultErrorMessage(r));
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
    return pg_one(self(base), "SELECT value FROM meta WHERE key=$1", key, out, room);
}

static bool meta_put(struct store *base, const char *key, const char *value)
{
    const char *values[] = {key, value};
    struct postgres_store *s = self(base);
    PGresult *r = PQexecParams(
        s->db, "INSERT INTO meta VALUES($1,$2) ON CONFLICT(key) DO UPDATE SET value=excluded.value", 2, NULL,
        values, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || pg_failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok;
}

static int64_t number_of(struct store *base, const char *sql, int64_t missing)
{
    return pg_number(self(base), sql, missing);
}

static bool snapshot(struct store *base, bool begin)
{
    /* Several shards are read in turn: one that waits for the others is not cut. */
    return pg_run(self(base), begin ? "SET idle_in_transaction_session_timeout=0;"
                                      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                                    : "COMMIT");
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

static void close_store(struct store *base)
{
    struct postgres_store *s = self(base);
    if (s->db && s->epoch > 0)
        pg_give_up(s);
    PQfinish(s->db);
    free(base);
}

static const struct store_ops ops = {"postgresql", commit,   load,         facts,    meta_get, meta_put,
                                     number_of,    snapshot, free_reserve, pg_renew, error,    close_store};

static struct postgres_store *new_store(const char *address, bool reader)
{
    struct postgres_store *s = mem_new(sizeof *s);
    s->base.ops = &ops;
    s->reader = reader;
    const char *hash = strrchr(address, '#');
    snprintf(s->address, sizeof s->address, "%.*s", hash ? (int)(hash - address) : (int)strlen(address),
             address);
    snprintf(s->schema, sizeof s->schema, "%s", hash ? hash + 1 : "");
    s->db = pg_dial(s);
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
        ok = pg_migrate(s) && pg_take(s, true) > 0 && prepare_all(s) && read_audit_head(s);
    return opened(s, ok, why, room);
}

struct store *store_postgres_await(const char *address, const volatile int *stop, char *why, size_t room)
{
    struct postgres_store *s = new_store(address, false);
    bool ok = s->db && pg_migrate(s), told = false;
    for (int taken = 0; ok && (taken = pg_take(s, false)) < 1;) {
        struct timespec pause = {0, 100 * MILLI};
        if (!told)
            log_event(LOG_INFO, "standing by: another process owns the shard", NULL);
        told = true;
        nanosleep(&pause, NULL);
        if (taken < 0) { /* the standby outlives a failover of the server too */
            pg_forget(s);
            s->db = pg_dial(s);
        }
        ok = !*stop || pg_failed(s, "stopped while it stood by");
    }
    ok = ok && prepare_all(s) && read_audit_head(s);
    return opened(s, ok, why, room);
}
