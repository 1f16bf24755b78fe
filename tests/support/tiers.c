#include "tests/support/tiers.h"
#include <glob.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>
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

bool shell(const char *format, ...)
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

bool postgres_holds(struct postgres *p, const char *database, const char *question)
{
    PGconn *db = connect_to(p, database);
    PGresult *r = PQexec(db, question);
    bool yes = PQresultStatus(r) == PGRES_TUPLES_OK && *PQgetvalue(r, 0, 0) == 't';
    PQclear(r);
    PQfinish(db);
    return yes;
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

void postgres_standby(struct postgres *primary, struct postgres *standby)
{
    *standby = (struct postgres){0};
    snprintf(standby->dir, sizeof standby->dir, "%s", temp_dir());
    if (geteuid() == 0)
        assert_true(shell("chown postgres %s", standby->dir));
    if (!shell("%s%s/pg_basebackup -D %s/data -h %s -U postgres -R -c fast -X stream --no-sync",
               as_postgres(), programs(), standby->dir, primary->dir))
        fail_msg("no base backup of %s", primary->dir);
    assert_true(shell("printf \"unix_socket_directories='%s'\\nwal_retrieve_retry_interval=100ms\\n\" >> "
                      "%s/data/postgresql.conf",
                      standby->dir, standby->dir));
    postgres_restart(standby);
    assert_true(postgres_run(primary, "postgres", "ALTER SYSTEM SET synchronous_standby_names='*'"));
    assert_true(postgres_run(primary, "postgres", "SELECT pg_reload_conf()"));
    AWAIT(postgres_holds(primary, "postgres",
                         "SELECT count(*)=1 FROM pg_stat_replication WHERE sync_state='sync'"),
          10000);
}

void postgres_promote(struct postgres *standby)
{
    assert_true(postgres_holds(standby, "postgres", "SELECT pg_promote(true,20)"));
}

void postgres_either(const struct postgres *a, const struct postgres *b, const char *name, char *out,
                     size_t room)
{
    snprintf(out, room, "postgresql:///%s?host=%s,%s&user=postgres", name, a->dir, b->dir);
}

int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

int postgres_tls(struct postgres *p)
{
    int port = free_port();
    assert_true(shell(
        "cd %s && (openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
        "ca.crt -days 2 -subj '/CN=test authority' && openssl req -newkey ec -pkeyopt "
        "ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost && printf "
        "'subjectAltName=DNS:localhost' > san && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key "
        "-CAcreateserial -out server.crt -days 2 -extfile san) 2>/dev/null && chmod 600 server.key && "
        "chmod 644 *.crt",
        p->dir));
    if (geteuid() == 0)
        assert_true(shell("chown postgres %s/server.key", p->dir));
    assert_true(
        shell("printf \"listen_addresses='127.0.0.1'\\nport=%d\\nssl=on\\nssl_cert_file='%s/server.crt'"
              "\\nssl_key_file='%s/server.key'\\n\" >> %s/data/postgresql.conf",
              port, p->dir, p->dir, p->dir));
    assert_true(
        shell("printf 'local all all trust\\nhostssl all all 127.0.0.1/32 trust\\n' > %s/data/pg_hba.conf",
              p->dir));
    assert_true(control(p, "restart -m fast"));
    return port;
}
