#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/data/postgres.h"
#include "common/log.h"

bool pg_failed(struct postgres_store *s, const char *text)
{
    snprintf(s->error, sizeof s->error, "%.*s", (int)strcspn(text, "\n"), text);
    return false;
}

bool pg_run(struct postgres_store *s, const char *sql)
{
    PGresult *r = PQexec(s->db, sql);
    ExecStatusType status = PQresultStatus(r);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        pg_failed(s, PQerrorMessage(s->db));
    PQclear(r);
    return ok;
}

/* The first column of the first row; false when there is no row. */
bool pg_one(struct postgres_store *s, const char *sql, const char *parameter, char *out, size_t room)
{
    PGresult *r = PQexecParams(s->db, sql, parameter ? 1 : 0, NULL, &parameter, NULL, NULL, 0);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK;
    if (!ok)
        pg_failed(s, PQerrorMessage(s->db));
    bool found = ok && PQntuples(r) > 0 && !PQgetisnull(r, 0, 0);
    if (found)
        snprintf(out, room, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return found;
}

int64_t pg_number(struct postgres_store *s, const char *sql, int64_t missing)
{
    char text[32];
    return pg_one(s, sql, NULL, text, sizeof text) ? strtoll(text, NULL, 10) : missing;
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
    pg_failed(s, text ? text : "a warning");
    log_event(LOG_WARNING, "the store warns", "error.message", s->error, NULL);
}

static bool in_schema(const struct postgres_store *s, PGconn *db)
{
    char sql[60];
    if (!*s->schema)
        return true;
    snprintf(sql, sizeof sql, "SET search_path TO \"%s\"", s->schema);
    PGresult *r = PQexec(db, sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    return ok;
}

/* The address as it is, and what it does not say: the writer among several hosts, short timeouts, settings of
 * the session. */
PGconn *pg_dial(struct postgres_store *s)
{
    const char *names[14], *values[14];
    char *why = NULL;
    int n = 0;
    PQconninfoOption *given = PQconninfoParse(s->address, &why);
    if (!given) {
        pg_failed(s, why ? why : "the address cannot be read");
        PQfreemem(why);
        return NULL;
    }
    const char *const wanted[][2] = {
        {"dbname", s->address},                 /* expanded below */
        {"target_session_attrs", "read-write"}, /* readers too: a standby may be behind */
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
    if (PQstatus(db) == CONNECTION_OK && in_schema(s, db)) {
        PQsetNoticeReceiver(db, on_notice, s);
        return db;
    }
    pg_failed(s, PQerrorMessage(db));
    PQfinish(db);
    return NULL;
}

void pg_forget(struct postgres_store *s)
{
    PQfinish(s->db);
    s->db = NULL;
    memset(s->prepared, 0, sizeof s->prepared);
}
