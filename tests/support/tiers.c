#include "tests/support/tiers.h"
#include <glob.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

/* initdb and the server refuse root. */
static const char *as_postgres(void)
{
    return geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups " : "";
}

static const char *programs(void)
{
    static char dir[200];
    glob_t g;
    if (!*dir && glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0) {
        snprintf(dir, sizeof dir, "%.*s", (int)(strlen(g.gl_pathv[g.gl_pathc - 1]) - 7),
                 g.gl_pathv[g.gl_pathc - 1]);
        globfree(&g);
    }
    return dir;
}

static bool shell(const char *format, ...)
{
    char command[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command) == 0;
}

/* pg_ctl waits until the server answers. */
static bool control(struct postgres *p, const char *action)
{
    return shell("%s%s/pg_ctl -D %s/data -w -t 30 -l %s/log %s >/dev/null 2>&1", as_postgres(), programs(),
                 p->dir, p->dir, action);
}

bool postgres_start(struct postgres *p)
{
    *p = (struct postgres){0};
    if (!*programs()) {
        print_message("skipped: no PostgreSQL server on this machine\n");
        return false;
    }
    snprintf(p->dir, sizeof p->dir, "%s", temp_dir());
    if (geteuid() == 0)
        assert_true(shell("chown postgres %s", p->dir));
    if (!shell("%s%s/initdb -D %s/data -U postgres -A trust -E UTF8 --no-sync >/dev/null 2>&1", as_postgres(),
               programs(), p->dir))
        fail_msg("initdb failed in %s", p->dir);
    assert_true(shell(
        "printf \"listen_addresses=''\\nunix_socket_directories='%s'\\nmax_connections=50\\nfsync=on\\n\" >> "
        "%s/data/postgresql.conf",
        p->dir, p->dir));
    assert_true(control(p, "start"));
    p->running = true;
    return true;
}

static PGconn *connect_to(struct postgres *p, const char *database)
{
    char address[300];
    snprintf(address, sizeof address, "host=%s user=postgres dbname=%s", p->dir, database);
    return PQconnectdb(address);
}

bool postgres_run(struct postgres *p, const char *database, const char *sql)
{
    PGconn *db = connect_to(p, database);
    PGresult *r = PQexec(db, sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    if (!ok)
        print_error("%s: %s", sql, PQerrorMessage(db));
    PQclear(r);
    PQfinish(db);
    return ok;
}

const char *postgres_database(struct postgres *p, const char *name)
{
    char sql[100];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    assert_true(postgres_run(p, "postgres", sql));
    snprintf(p->address, sizeof p->address, "postgresql:///%s?host=%s&user=postgres", name, p->dir);
    return p->address;
}

void postgres_crash(struct postgres *p)
{
    assert_true(control(p, "stop -m immediate"));
    p->running = false;
}

void postgres_restart(struct postgres *p)
{
    assert_true(control(p, "start"));
    p->running = true;
}

void postgres_stop(struct postgres *p)
{
    if (p->running)
        assert_true(control(p, "stop -m fast"));
    p->running = false;
}
