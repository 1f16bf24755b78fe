/* quantad: reads settings, opens the data directory, puts the services, the market and the gateway
 * together and runs the loop. The order of the steps in serve() matters. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/assemble.h"
#include "common/dirs.h"
#include "common/log.h"

static const struct setting settings[] = {
#define S(name, argument, fallback, help) {name, argument, fallback, help, false},
#include "backend/settings.def"
#undef S
    {"openapi", NULL, "", "print the API's description and exit", false},
    {"help", NULL, "", "print this and exit", false},
    {"version", NULL, "", "print the version and exit", false},
};
#define SETTINGS ((int)(sizeof settings / sizeof *settings))

struct desk_app app = {.lock = -1};
char why[400];
volatile sig_atomic_t stopping; /* a signal that came before the gateway was there */

void wake(void *arg)
{
    (void)arg;
    gateway_wake(app.gateway);
}

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
    if (app.gateway)
        gateway_stop(app.gateway);
}

/* ---- the data directory ---- */

static bool lock_dir(void)
{
    char path[340];
    snprintf(path, sizeof path, "%s/lock", app.dir);
    app.lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (app.lock < 0) {
        snprintf(why, sizeof why, "data-dir %s: cannot be written", app.dir);
        return false;
    }
    /* For a second: the one before may be ending, and a client may be asking whether somebody holds it. */
    for (int tries = 0; tries < 50 && flock(app.lock, LOCK_EX | LOCK_NB) != 0; tries++)
        usleep(20000);
    if (flock(app.lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, sizeof why, "data-dir %s: another quantad uses it", app.dir);
        return false;
    }
    return true;
}

/* SIM, REPLAY and LIVE never share a directory: the first start stamps it. */
static bool stamp_dir(const char *kind)
{
    char path[340], found[16] = "";
    snprintf(path, sizeof path, "%s/stamp", app.dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, found, sizeof found - 1);
        close(fd);
        found[n > 0 ? n : 0] = 0;
        found[strcspn(found, "\n")] = 0;
        if (strcmp(kind, "none") != 0 && strcmp(kind, found) != 0) {
            snprintf(why, sizeof why, "data-dir %s: is stamped '%s', not %s; give another --data-dir",
                     app.dir, found, kind);
            return false;
        }
        snprintf(app.stamp, sizeof app.stamp, "%s", found);
        return true;
    }
    if (!strcmp(kind, "none")) {
        snprintf(why, sizeof why, "market none: %s has no stamp to adopt", app.dir);
        return false;
    }
    snprintf(app.stamp, sizeof app.stamp, "%s", kind);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && dprintf(fd, "%s\n", kind) > 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!ok)
        snprintf(why, sizeof why, "%s: cannot be written", path);
    return ok;
}

/* ---- start and end ---- */

static bool needs(const char *name, const char *scheme)
{
    if (!strncmp(config_get(app.config, name), scheme, strlen(scheme)))
        return true;
    snprintf(why, sizeof why, "services %s: one service of several needs --%s %s...", app.service, name,
             scheme);
    return false;
}

/* One service of several meets the others in what all of them can reach. */
static bool choose_services(void)
{
    static const char *const names[] = {"trading", "risk", "portfolio", "compliance"}, *const files[] = {
                                                                                           "peer-cert",
                                                                                           "peer-key",
                                                                                           "peer-ca",
                                                                                           "token-file"};
    const char *given = config_get(app.config, "services");
    if (!strcmp(given, "all"))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(given, names[i]))
            app.service = names[i];
    if (!app.service) {
        snprintf(why, sizeof why, "services '%s': expected all, trading, risk, portfolio or compliance",
                 given);
        return false;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!needs(files[i], "/"))
            return false;
    return needs("store", "postgres") && needs("stream", "kafka://") && needs("queue", "amqp");
}

static bool prepare(void)
{
    const char *market = config_get(app.config, "market"), *dir = config_get(app.config, "data-dir");
    char kind[8];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(market, ":"), market);
    if (strcmp(kind, "sim") != 0 && strcmp(kind, "replay") != 0 && strcmp(kind, "live") != 0 &&
        strcmp(kind, "none") != 0) {
        snprintf(why, sizeof why, "market '%s': expected sim[:SEED], replay:DIR, live or none", market);
        return false;
    }
    if (!*dir) {
        snprintf(why, sizeof why, "data-dir is missing");
        return false;
    }
    if (!choose_services())
        return false;
    struct gateway_address address;
    if (!gateway_address(config_get(app.config, "listen"), &address, why, sizeof why))
        return false;
    if (strcmp(config_get(app.config, "cache"), "local") != 0) {
        snprintf(why, sizeof why, "cache '%.60s': this build has local alone",
                 config_get(app.config, "cache"));
        return false;
    }
    snprintf(app.dir, sizeof app.dir, "%s", dir);
    if (!dirs_make(app.dir)) {
        snprintf(why, sizeof why, "data-dir %s: %s", app.dir, strerror(errno));
        return false;
    }
    return lock_dir() && stamp_dir(kind);
}

static const char *given(const char *name)
{
    const char *value = config_get(app.config, name);
    return *value ? value : NULL;
}

static bool serve(void)
{
    struct gateway_config g = {.listen = config_get(app.config, "listen"),
                               .data_dir = app.dir,
                               .store = app.store,
                               .token_file = given("token-file"),
                               .stamp = app.stamp,
                               .linger = atoi(config_get(app.config, "linger")),
                               .demo_users = true,
                               .peer_listen = app.service ? config_get(app.config, "peer-listen") : NULL,
                               .peer_cert = given("peer-cert"),
                               .peer_key = given("peer-key"),
                               .peer_ca = given("peer-ca")};
    opening_controls(&g);
    app.history = history_new();
    app.pool = pool_new(1, wake, NULL);
    if (!assemble() || !opening_source(config_get(app.config, "market")))
        return false;
    app.gateway = gateway_new(&g, app.node, app.pool, why, sizeof why);
    if (!app.gateway)
        return false;
    gateway_origin(app.gateway, app.source->origin);
    if (!opening_desk() || !gateway_listen(app.gateway, why, sizeof why))
        return stopping;
    node_serves(app.node);
    if (!stopping)
        gateway_run(app.gateway);
    return true;
}

static void close_all(void)
{
    if (app.node)
        node_wait(app.node);
    struct gateway *g = app.gateway;
    pool_free(app.pool);
    if (app.node)
        node_wait(app.node);
    app.gateway = NULL;
    gateway_free(g);
    node_free(app.node);
    work_close(app.work);
    stream_close(app.stream);
    market_free(app.market);
    if (app.source)
        app.source->ops->close(app.source);
    history_free(app.history);
    cache_free(app.cache);
    config_free(app.config);
    if (app.lock >= 0)
        close(app.lock);
}

static int read_settings(int argc, char **argv)
{
    app.config = config_new(settings, SETTINGS);
    bool ok = config_arguments(app.config, argc, argv, why, sizeof why);
    if (ok && *config_get(app.config, "help")) {
        printf("quantad: the backend of Quanta\n\n");
        config_help(settings, SETTINGS);
        return 0;
    }
    if (ok && *config_get(app.config, "openapi")) {
        struct buf b = {0};
        gateway_openapi(&b);
        fputs(b.data, stdout);
        buf_free(&b);
        return 0;
    }
    if (ok && *config_get(app.config, "version")) {
        printf("quantad 0.1\n");
        return 0;
    }
    if (ok && *config_get(app.config, "config"))
        ok = config_file(app.config, config_get(app.config, "config"), why, sizeof why);
    return ok ? -1 : 2;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    umask(077); /* what is written is its owner's */
    prctl(PR_SET_DUMPABLE, 0);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_service("quantad");
    int status = read_settings(argc, argv);
    if (status < 0)
        status = prepare() ? -1 : 2;
    if (status < 0)
        status = serve() || stopping ? 0 : app.node && app.source ? 1 : 2;
    if (status)
        fprintf(stderr, "quantad: %s\n", why);
    close_all();
    return status;
}
