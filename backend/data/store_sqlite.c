/* The store on SQLite: WAL, synchronous=FULL, one writer, one transaction for what has gathered. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include "backend/data/audit_chain.h"
#include "backend/data/store.h"

#define RESERVE_BYTES (4 << 20)
#define SCHEMA        "1"
#define BROKEN        "; move it away or restore a copy, nothing in it was changed"

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *owner, *fact, *outbox, *outbox_done, *cursor;
    sqlite3_stmt *upsert[RECORD_COUNT], *remove[RECORD_COUNT];
    struct audit_head audit;
    char reserve[512]; /* a file given up when the disk is full */
    char error[256];
};

static struct sqlite_store *self(struct store *s)
{
    return (struct sqlite_store *)s;
}

static bool run(struct sqlite_store *s, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(s->db, sql, NULL, NULL, &message) == SQLITE_OK)
        return true;
    snprintf(s->error, sizeof s->error, "%s", message ? message : sqlite3_errmsg(s->db));
    sqlite3_free(message);
    return false;
}

static sqlite3_stmt *prepare(struct sqlite_store *s, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        snprintf(s->error, sizeof s->error, "%s", sqlite3_errmsg(s->db));
    return st;
}

static int step(sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    int reset = sqlite3_reset(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset ? reset : rc;
}

static void bind_field(sqlite3_stmt *st, int at, const struct field *f, const void *row)
{
    const char *p = (const char *)row + f->offset;
    int64_t wide;
    if (f->kind != FIELD_BOOL && field_is_none(f, row))
        sqlite3_bind_null(st, at);
    else if (f->kind == FIELD_UUID)
        sqlite3_bind_blob(st, at, p, 16, SQLITE_STATIC);
    else if (f->kind == FIELD_TEXT)
        sqlite3_bind_text(st, at, p, -1, SQLITE_STATIC);
    else if (f->kind == FIELD_ENUM)
        sqlite3_bind_text(st, at, enum_text(f->values, *(const uint8_t *)p), -1, SQLITE_STATIC);
    else if (f->kind == FIELD_BOOL)
        sqlite3_bind_int(st, at, *(const bool *)p);
    else if (f->kind == FIELD_DATE)
        sqlite3_bind_int(st, at, *(const date *)(const void *)p);
    else {
        memcpy(&wide, p, sizeof wide);
        sqlite3_bind_int64(st, at, wide);
    }
}

static void read_column(sqlite3_stmt *st, int at, const struct field *f, void *row)
{
    char *p = (char *)row + f->offset;
    if (sqlite3_column_type(st, at) == SQLITE_NULL)
        return;
    if (f->kind == FIELD_UUID && sqlite3_column_bytes(st, at) == 16)
        memcpy(p, sqlite3_column_blob(st, at), 16);
    else if (f->kind == FIELD_TEXT)
        snprintf(p, (size_t)f->capacity + 1, "%s", (const char *)sqlite3_column_text(st, at));
    else if (f->kind == FIELD_ENUM) {
        int v = enum_value(f->values, (const char *)sqlite3_column_text(st, at));
        *(uint8_t *)p = (uint8_t)(v > 0 ? v : 0);
    } else if (f->kind == FIELD_BOOL)
        *(bool *)p = sqlite3_column_int(st, at) != 0;
    else if (f->kind == FIELD_DATE)
        *(date *)(void *)p = sqlite3_column_int(st, at);
    else {
        int64_t wide = sqlite3_column_int64(st, at);
        memcpy(p, &wide, sizeof wide);
    }
}

static sqlite3_stmt *upsert_of(struct sqlite_store *s, enum record_id id)
{
    if (!s->upsert[id]) {
        struct buf sql = {0};
        record_sql_upsert(record_of(id), &sql);
        s->upsert[id] = prepare(s, sql.data);
        buf_free(&sql);
    }
    return s->upsert[id];
}

static sqlite3_stmt *remove_of(struct sqlite_store *s, enum record_id id)
{
    if (!s->remove[id]) {
        char sql[128];
        const struct record *r = record_of(id);
        snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE \"%s\"=?", r->name, r->fields[r->key].name);
        s->remove[id] = prepare(s, sql);
    }
    return s->remove[id];
}

static int put_row(struct sqlite_store *s, enum record_id id, const void *row, bool removed)
{
    const struct record *r = record_of(id);
    sqlite3_stmt *st = removed ? remove_of(s, id) : upsert_of(s, id);
    if (!st)
        return SQLITE_ERROR;
    if (removed)
        bind_field(st, 1, &r->fields[r->key], row);
    else
        for (int i = 0; i < r->field_count; i++)
            bind_field(st, i + 1, &r->fields[i], row);
    return step(st);
}

static int put_fact(struct sqlite_store *s, const struct store_fact *f, struct buf *json)
{
    buf_clear(json);
    record_json(record_of(f->record), f->row, json);
    sqlite3_bind_int64(s->fact, 1, f->seq);
    sqlite3_bind_int64(s->fact, 2, f->time);
    sqlite3_bind_text(s->fact, 3, record_of(f->record)->name, -1, SQLITE_STATIC);
    sqlite3_bind_int(s->fact, 4, f->removed);
    sqlite3_bind_text(s->fact, 5, json->data, (int)json->length, SQLITE_STATIC);
    int rc = step(s->fact);
    if (rc == SQLITE_OK)
        rc = put_row(s, f->record, f->row, f->removed);
    for (int d = 0; rc == SQLITE_OK && d < 8; d++)
        if (f->destinations & (1u << d)) {
            sqlite3_bind_int(s->outbox, 1, d);
            sqlite3_bind_int64(s->outbox, 2, f->seq);
            rc = step(s->outbox);
        }
    return rc;
}

static int put_audits(struct sqlite_store *s, struct store_batch *b)
{
    int rc = SQLITE_OK;
    audit_link(&s->audit, b->audits, b->audit_count);
    for (int i = 0; rc == SQLITE_OK && i < b->audit_count; i++)
        rc = put_row(s, RECORD_audit, &b->audits[i], false);
    return rc;
}

static int put_cursors(struct sqlite_store *s, const struct store_batch *b)
{
    for (int d = 0; d < 8; d++) {
        if (b->cursors[d] == INT64_MIN)
            continue;
        sqlite3_bind_int(s->cursor, 1, d);
        sqlite3_bind_int64(s->cursor, 2, b->cursors[d]);
        int rc = step(s->cursor);
        sqlite3_bind_int(s->outbox_done, 1, d);
        sqlite3_bind_int64(s->outbox_done, 2, b->cursors[d]);
        if (rc == SQLITE_OK)
            rc = step(s->outbox_done);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

static int write_batch(struct sqlite_store *s, struct store_batch *b, bool *owner)
{
    struct buf json = {0};
    int rc = step(s->begin);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(s->owner, 1, b->last);
    sqlite3_bind_int64(s->owner, 2, b->previous);
    rc = step(s->owner);
    *owner = rc != SQLITE_OK || sqlite3_changes(s->db) == 1;
    if (!*owner)
        rc = SQLITE_MISUSE;
    for (int i = 0; rc == SQLITE_OK && i < b->fact_count; i++)
        rc = put_fact(s, &b->facts[i], &json);
    if (rc == SQLITE_OK)
        rc = put_audits(s, b);
    if (rc == SQLITE_OK)
        rc = put_cursors(s, b);
    if (rc == SQLITE_OK)
        rc = step(s->commit);
    buf_free(&json);
    return rc;
}

static enum store_result commit(struct store *base, struct store_batch *b)
{
    struct sqlite_store *s = self(base);
    bool owner = true;
    int rc = write_batch(s, b, &owner);
    if (rc == SQLITE_OK) {
        audit_advance(&s->audit, b->audits, b->audit_count);
        return STORE_OK;
    }
    snprintf(s->error, sizeof s->error, "%s", owner ? sqlite3_errmsg(s->db) : "the owner's row has moved");
    if (!sqlite3_get_autocommit(s->db))
        step(s->rollback);
    return !owner ? STORE_NOT_OWNER : (rc & 0xff) == SQLITE_FULL ? STORE_FULL : STORE_FAILED;
}

static bool load(struct store *base, enum record_id id, store_row_fn *fn, void *arg)
{
    struct sqlite_store *s = self(base);
    const struct record *r = record_of(id);
    struct buf sql = {0};
    buf_text(&sql, "SELECT ");
    record_sql_columns(r, &sql);
    buf_printf(&sql, " FROM \"%s\" ORDER BY \"%s\"", r->name, r->fields[r->key].name);
    sqlite3_stmt *st = prepare(s, sql.data);
    buf_free(&sql);
    if (!st)
        return false;
    void *row = mem_new(r->size);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        record_clear(r, row);
        for (int i = 0; i < r->field_count; i++)
            read_column(st, i, &r->fields[i], row);
        fn(arg, row);
    }
    if (rc != SQLITE_DONE)
        snprintf(s->error, sizeof s->error, "%s", sqlite3_errmsg(s->db));
    free(row);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE;
}

static bool facts(struct store *base, int64_t after, int64_t through, int outbox, store_fact_fn *fn,
                  void *arg)
{
    struct sqlite_store *s = self(base);
    sqlite3_stmt *st = prepare(
        s, outbox < 0 ? "SELECT seq,time,record,removed,body FROM fact WHERE seq>?1 AND seq<=?2 ORDER BY seq"
                      : "SELECT f.seq,f.time,f.record,f.removed,f.body FROM outbox o JOIN fact f ON "
                        "f.seq=o.seq WHERE o.destination=?3 AND o.seq>?1 AND o.seq<=?2 ORDER BY o.seq");
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, after);
    sqlite3_bind_int64(st, 2, through);
    if (outbox >= 0)
        sqlite3_bind_int(st, 3, outbox);
    int rc;
    bool readable = true;
    while (readable && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const struct record *r = record_named((const char *)sqlite3_column_text(st, 2));
        if (!r)
            continue; /* written by a newer version: not ours to apply */
        void *row = mem_new(r->size);
        struct store_fact f = {.seq = sqlite3_column_int64(st, 0),
                               .time = sqlite3_column_int64(st, 1),
                               .record = record_index(r),
                               .removed = sqlite3_column_int(st, 3) != 0,
                               .row = row};
        readable = record_parse(r, (const char *)sqlite3_column_text(st, 4),
                                (size_t)sqlite3_column_bytes(st, 4), row);
        if (readable)
            fn(arg, &f);
        else
            snprintf(s->error, sizeof s->error, "fact %lld cannot be read", (long long)f.seq);
        free(row);
    }
    sqlite3_finalize(st);
    return readable && rc == SQLITE_DONE;
}

static bool meta_get(struct store *base, const char *key, char *out, size_t room)
{
    sqlite3_stmt *st = prepare(self(base), "SELECT value FROM meta WHERE key=?");
    bool found = false;
    if (st) {
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        found = sqlite3_step(st) == SQLITE_ROW;
        if (found)
            snprintf(out, room, "%s", (const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    return found;
}

static bool meta_put(struct store *base, const char *key, const char *value)
{
    sqlite3_stmt *st = prepare(self(base), "INSERT OR REPLACE INTO meta(key,value) VALUES(?,?)");
    if (!st)
        return false;
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
    int rc = step(st);
    sqlite3_finalize(st);
    return rc == SQLITE_OK;
}

static int64_t number(struct store *base, const char *sql, int64_t missing)
{
    struct sqlite_store *s = self(base);
    sqlite3_stmt *st = prepare(s, sql);
    int64_t value = missing;
    if (st && sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
        value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return value;
}

static bool snapshot(struct store *base, bool begin)
{
    return sqlite3_exec(self(base)->db, begin ? "BEGIN" : "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static bool free_reserve(struct store *base)
{
    struct sqlite_store *s = self(base);
    return *s->reserve && unlink(s->reserve) == 0;
}

/* What was wrong, and with a database that is broken what to do. */
static const char *error(struct store *base)
{
    struct sqlite_store *s = self(base);
    int code = sqlite3_errcode(s->db);
    size_t n = strlen(s->error);
    if ((code == SQLITE_CORRUPT || code == SQLITE_NOTADB) && !strstr(s->error, BROKEN))
        snprintf(s->error + n, sizeof s->error - n, " (%s)%s", sqlite3_db_filename(s->db, "main"), BROKEN);
    return s->error;
}

static void close_store(struct store *base)
{
    struct sqlite_store *s = self(base);
    sqlite3_stmt *st;
    while (s->db && (st = sqlite3_next_stmt(s->db, NULL)))
        sqlite3_finalize(st);
    sqlite3_close(s->db);
    free(s);
}

static const struct store_ops ops = {"sqlite", commit,   load,         facts, meta_get, meta_put,
                                     number,   snapshot, free_reserve, NULL,  error,    close_store};

/* A record that gained fields since the file was made gains their columns, empty. */
static bool add_columns(struct sqlite_store *s, const struct record *r)
{
    uint64_t seen = 0;
    int rc;
    sqlite3_stmt *st = prepare(s, "SELECT name FROM pragma_table_info(?)");
    if (!st)
        return false;
    sqlite3_bind_text(st, 1, r->name, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        for (int i = 0; i < r->field_count; i++)
            if (!strcmp((const char *)sqlite3_column_text(st, 0), r->fields[i].name))
                seen |= UINT64_C(1) << i;
    sqlite3_finalize(st);
    bool ok = rc == SQLITE_DONE;
    for (int i = 0; ok && i < r->field_count; i++) {
        if (seen >> i & 1)
            continue;
        struct buf sql = {0};
        buf_printf(&sql, "ALTER TABLE \"%s\" ADD COLUMN ", r->name);
        record_sql_column(r, i, &sql);
        ok = run(s, sql.data);
        buf_free(&sql);
    }
    return ok;
}

static bool create_schema(struct sqlite_store *s)
{
    char version[16] = "";
    if (!run(s,
             "BEGIN IMMEDIATE;CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY,value TEXT) WITHOUT ROWID;"
             "CREATE TABLE IF NOT EXISTS shard(id INTEGER PRIMARY KEY,epoch INTEGER,seq INTEGER);"
             "INSERT OR IGNORE INTO shard VALUES(1,1,0);"
             "CREATE TABLE IF NOT EXISTS fact(seq INTEGER PRIMARY KEY,time INTEGER,record TEXT,removed "
             "INTEGER,body TEXT);"
             "CREATE TABLE IF NOT EXISTS outbox(destination INTEGER,seq INTEGER,PRIMARY "
             "KEY(destination,seq)) WITHOUT ROWID;"
             "CREATE TABLE IF NOT EXISTS cursor(destination INTEGER PRIMARY KEY,seq INTEGER);"))
        return false;
    for (int i = 0; i < RECORD_COUNT; i++) {
        const struct record *r = record_of((enum record_id)i);
        if (r->flags & (RECORD_TRANSIENT | RECORD_CONFLATED))
            continue;
        struct buf sql = {0};
        record_sql_create(r, &sql);
        bool ok = run(s, sql.data) && add_columns(s, r);
        buf_free(&sql);
        if (!ok)
            return false;
    }
    if (meta_get(&s->base, "schema", version, sizeof version) && atoi(version) > atoi(SCHEMA)) {
        snprintf(s->error, sizeof s->error, "schema %s was written by a newer version (this one writes %s)",
                 version, SCHEMA);
        return false; /* and what was begun is rolled back */
    }
    return meta_put(&s->base, "schema", SCHEMA) && run(s, "COMMIT");
}

static bool read_audit_head(struct sqlite_store *s)
{
    memcpy(s->audit.hash, AUDIT_ZERO, sizeof s->audit.hash);
    sqlite3_stmt *st = prepare(s, "SELECT sequence,hash FROM audit ORDER BY sequence DESC LIMIT 1");
    if (!st)
        return false;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        s->audit.sequence = sqlite3_column_int64(st, 0);
        snprintf(s->audit.hash, sizeof s->audit.hash, "%s", (const char *)sqlite3_column_text(st, 1));
    }
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool prepare_all(struct sqlite_store *s)
{
    s->begin = prepare(s, "BEGIN IMMEDIATE");
    s->commit = prepare(s, "COMMIT");
    s->rollback = prepare(s, "ROLLBACK");
    s->owner = prepare(s, "UPDATE shard SET seq=?1 WHERE id=1 AND epoch=1 AND seq=?2");
    s->fact = prepare(s, "INSERT INTO fact(seq,time,record,removed,body) VALUES(?,?,?,?,?)");
    s->outbox = prepare(s, "INSERT INTO outbox(destination,seq) VALUES(?,?)");
    s->outbox_done = prepare(s, "DELETE FROM outbox WHERE destination=?1 AND seq<=?2");
    s->cursor = prepare(s, "INSERT OR REPLACE INTO cursor(destination,seq) VALUES(?,?)");
    return s->begin && s->commit && s->rollback && s->owner && s->fact && s->outbox && s->outbox_done &&
           s->cursor;
}

/* A preallocated file beside the database: deleting it lets one last batch through a full disk. */
static void make_reserve(struct sqlite_store *s, const char *path)
{
    snprintf(s->reserve, sizeof s->reserve, "%s.reserve", path);
    int fd = open(s->reserve, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 || posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        *s->reserve = 0;
    if (fd >= 0)
        close(fd);
}

static void option(const char *query, const char *name, char *out, size_t room)
{
    const char *at = strstr(query, name);
    if (at)
        snprintf(out, room, "%.*s", (int)strcspn(at + strlen(name), "&"), at + strlen(name));
}

struct store *store_sqlite(const char *address, bool reader, char *why, size_t room)
{
    char path[400], vfs[32] = "", synchronous[8] = "FULL", pragma[260];
    if (strncmp(address, "sqlite:", 7) != 0) {
        snprintf(why, room, "store '%s': expected sqlite:PATH", address);
        return NULL;
    }
    size_t n = strcspn(address + 7, "?");
    snprintf(path, sizeof path, "%.*s", (int)n, address + 7);
    option(address + 7 + n, "vfs=", vfs, sizeof vfs);
    option(address + 7 + n, "synchronous=", synchronous, sizeof synchronous);
    struct sqlite_store *s = mem_new(sizeof *s);
    s->base.ops = &ops;
    int flags = reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    bool ok = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, *vfs ? vfs : NULL) == SQLITE_OK;
    if (!ok)
        snprintf(s->error, sizeof s->error, "%s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
    /* EXTRA while the mode changes: the unlinked rollback journal must not come back after a loss of power.
     */
    snprintf(pragma, sizeof pragma,
             "PRAGMA busy_timeout=5000;PRAGMA synchronous=EXTRA;PRAGMA journal_mode=WAL;PRAGMA "
             "synchronous=%s;PRAGMA "
             "wal_autocheckpoint=2000;PRAGMA cache_size=-8000;PRAGMA foreign_keys=OFF",
             synchronous);
    if (ok && !reader)
        ok = run(s, pragma) && create_schema(s) && prepare_all(s) && read_audit_head(s);
    if (!ok) {
        bool broken =
            s->db && (sqlite3_errcode(s->db) == SQLITE_CORRUPT || sqlite3_errcode(s->db) == SQLITE_NOTADB);
        snprintf(why, room, "%s: %s%s", path, s->error, broken ? BROKEN : "");
        close_store(&s->base);
        return NULL;
    }
    if (!reader && !*vfs && strcmp(path, ":memory:") != 0)
        make_reserve(s, path);
    return &s->base;
}
