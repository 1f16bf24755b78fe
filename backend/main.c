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
#include "backend/compliance/compliance.h"
#include "backend/external/sim/desk.h"
#include "backend/gateway/gateway.h"
#include "backend/portfolio/portfolio.h"
#include "backend/risk/risk.h"
#include "backend/trading/trading.h"
#include "common/config.h"
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
#define OPENING  (60 * SECOND) /* a broker may be starting beside us */
#define SETTINGS ((int)(sizeof settings / sizeof *settings))

struct desk_app {
    struct config *config;
    struct cache *cache;
    struct node *node;
    struct pool *pool;
    struct history *history;
    struct source *source;
    struct market *market;
    struct venue_link link;
    struct work *work;
    struct gateway *gateway;
    char dir[300], store[400], stamp[8];
    int lock;
    uint64_t seed;
    int64_t pulse;
};

static struct desk_app app = {.lock = -1};
static char why[400];
static volatile sig_atomic_t stopping; /* a signal that came before the gateway was there */

static void wake(void *arg)
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

/* ---- the market ---- */

static void option(const char *text, const char *name, char *out, size_t room)
{
    const char *at = strstr(text, name);
    *out = 0;
    if (at)
        snprintf(out, room, "%.*s", (int)strcspn(at + strlen(name), "&"), at + strlen(name));
}

static bool remember(const char *key, char *value, size_t room)
{
    struct store *s = node_store(app.node);
    if (s->ops->meta_get(s, key, value, room))
        return true;
    if (s->ops->meta_put(s, key, value))
        return true;
    snprintf(why, sizeof why, "the store cannot be written: %s", s->ops->error(s));
    return false;
}

static bool open_sim(const char *market)
{
    char seed[24] = "20261124", anchor[TIME_TEXT];
    if (!strncmp(market, "sim:", 4))
        snprintf(seed, sizeof seed, "%.20s", market + 4);
    if (seed[strspn(seed, "0123456789")]) {
        snprintf(why, sizeof why, "market '%s': expected sim or sim:SEED with a whole number", market);
        return false;
    }
    int64_t now = clock_utc(&clock_system);
    date today = (date)(now / (86400 * SECOND)), day = business_previous(today + 1);
    if (now < business_close(day))
        day = business_previous(day);
    date_format(day, anchor);
    if (!remember("seed", seed, sizeof seed) || !remember("anchor", anchor, sizeof anchor))
        return false;
    app.seed = strtoull(seed, NULL, 10);
    if (!date_parse(anchor, &day)) {
        snprintf(why, sizeof why, "the store's anchor '%.20s' is not a date", anchor);
        return false;
    }
    app.source = source_sim(app.seed, day);
    return true;
}

static bool open_replay(const char *market)
{
    char dir[300], from[24], speed[24];
    date start = DATE_NONE;
    size_t n = strcspn(market + 7, "?");
    snprintf(dir, sizeof dir, "%.*s", (int)n, market + 7);
    option(market + 7 + n, "from=", from, sizeof from);
    option(market + 7 + n, "speed=", speed, sizeof speed);
    if (*from && !date_parse(from, &start)) {
        snprintf(why, sizeof why, "market: from '%s': expected a date such as 2020-04-01", from);
        return false;
    }
    char keep[320];
    snprintf(keep, sizeof keep, "%s", dir);
    if (!remember("replay", keep, sizeof keep))
        return false;
    app.seed = 7;
    app.source = source_replay(*dir ? dir : keep, start, *speed ? strtod(speed, NULL) : 1, why, sizeof why);
    return app.source != NULL;
}

static bool open_source(const char *market)
{
    if (!strcmp(app.stamp, "replay"))
        return open_replay(!strncmp(market, "replay:", 7) ? market : "replay:");
    if (!strcmp(app.stamp, "sim"))
        return open_sim(market);
    snprintf(why, sizeof why, "market %s: no venue is configured for live trading", market);
    return false;
}

/* ---- the loop's turn ---- */

static void turn(void *arg)
{
    (void)arg;
    market_step(app.market);
    market_catch_up(app.market);
    int64_t now = clock_mono(&clock_system);
    if (now - app.pulse < 250 * MILLI)
        return;
    app.pulse = now;
    portfolio_pulse(app.node);
    risk_pulse(app.node);
}

static const char *ask_market(void *arg, const char *action, dec speed)
{
    (void)arg;
    if (!strcmp(action, "pause"))
        market_pause(app.market, true);
    else if (!strcmp(action, "resume"))
        market_pause(app.market, false);
    else if (!strcmp(action, "speed") && speed != DEC_NONE && speed > 0 &&
             market_days_a_second(app.market) > 0)
        market_speed(app.market, dec_double(speed));
    else
        return !strcmp(action, "speed") ? "speed: expected business days a second above 0, in a replay"
                                        : "action: expected pause, resume or speed";
    return NULL;
}

static void ask_roll(void *arg, outcome_fn *done, void *done_arg)
{
    (void)arg;
    market_roll(app.market, done, done_arg);
}

static bool is_paused(void *arg)
{
    (void)arg;
    return market_paused(app.market);
}

static dec speed_now(void *arg)
{
    dec out;
    (void)arg;
    return dec_from_double(market_days_a_second(app.market), &out) ? out : 0;
}

/* ---- start and end ---- */

/* The queue's consumers begin once this process owns the shard: a standby takes no work. */
static bool open_queue(void)
{
    struct work_config c = {.address = config_get(app.config, "queue"),
                            .consumes = {"portfolio", "compliance"},
                            .consume_count = 2,
                            .wake = wake};
    if (!strcmp(c.address, "local"))
        return true;
    app.work = work_open(&c, why, sizeof why);
    return app.work && node_connect(app.node, app.work, why, sizeof why);
}

static bool open_node(void)
{
    struct node_config c = {.store = app.store,
                            .clock = &clock_system,
                            .stop = &stopping,
                            .threaded = true,
                            .remote_work = strcmp(config_get(app.config, "queue"), "local") != 0,
                            .wake = wake};
    const char *store = config_get(app.config, "store");
    snprintf(app.store, sizeof app.store, *store ? "%s" : "sqlite:%s/quanta.db", *store ? store : app.dir);
    app.cache = cache_local();
    c.cache = app.cache;
    app.node = node_new(&c, why, sizeof why);
    if (!app.node)
        return false;
    node_add(app.node, &trading_ops);
    node_add(app.node, &portfolio_ops);
    node_add(app.node, &risk_ops);
    node_add(app.node, &compliance_ops);
    node_add(app.node, &venue_sim_ops);
    return node_recover(app.node, why, sizeof why) && open_queue();
}

/* Waits until VaR of what is held has been told. */
static void settle(void)
{
    int64_t until = clock_mono(&clock_system) + OPENING;
    while (!stopping && clock_mono(&clock_system) < until &&
           !(node_worked(app.node) && risk_settled(app.node))) {
        pool_poll(app.pool);
        portfolio_pulse(app.node);
        risk_pulse(app.node);
        node_poll(app.node); /* mail alone does not make it busy */
        node_wait(app.node);
        usleep(500);
    }
}

static void open_market(void)
{
    void *trading = node_state(app.node, "trading");
    bool born = trading_business_date(trading) == DATE_NONE;
    app.market = market_new(app.node, app.source, app.history, app.seed,
                            strtod(config_get(app.config, "ticks"), NULL));
    app.link = (struct venue_link){app.node, market_venue(app.market)};
    date open = born ? app.source->first : trading_business_date(trading);
    app.source->ops->fill(app.source, app.history, app.source->ops->previous(app.source, open));
    risk_start(app.node, app.history, app.pool);
    if (born)
        desk_open(app.node, app.market, app.source);
    else
        market_start(app.market);
    venue_link_recover(&app.link);
    venue_link_start(&app.link);
    market_catch_up(app.market);
    market_quote_all(app.market);
    node_wait(app.node);
    settle();
    if (born)
        desk_limits(app.node);
    portfolio_pulse(app.node);
    risk_pulse(app.node);
    node_wait(app.node);
}

static bool tier(const char *name)
{
    const char *value = config_get(app.config, name);
    if (!strcmp(value, "local"))
        return true;
    snprintf(why, sizeof why, "%s '%s': this build has local alone", name, value);
    return false;
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
    if (strcmp(config_get(app.config, "services"), "all") != 0) {
        snprintf(why, sizeof why, "services '%s': this build runs all in one process",
                 config_get(app.config, "services"));
        return false;
    }
    struct gateway_address address;
    if (!gateway_address(config_get(app.config, "listen"), &address, why, sizeof why))
        return false;
    if (!tier("cache") || !tier("stream"))
        return false;
    snprintf(app.dir, sizeof app.dir, "%s", dir);
    if (!dirs_make(app.dir)) {
        snprintf(why, sizeof why, "data-dir %s: %s", app.dir, strerror(errno));
        return false;
    }
    return lock_dir() && stamp_dir(kind);
}

static bool serve(void)
{
    struct gateway_config g = {.listen = config_get(app.config, "listen"),
                               .data_dir = app.dir,
                               .store = app.store,
                               .stamp = app.stamp,
                               .linger = atoi(config_get(app.config, "linger")),
                               .demo_users = true,
                               .market = ask_market,
                               .day_roll = ask_roll,
                               .turn = turn,
                               .paused = is_paused,
                               .speed = speed_now};
    app.history = history_new();
    app.pool = pool_new(1, wake, NULL);
    if (!open_node() || !open_source(config_get(app.config, "market")))
        return false;
    app.gateway = gateway_new(&g, app.node, app.pool, why, sizeof why);
    if (!app.gateway)
        return false;
    gateway_origin(app.gateway, app.source->origin);
    open_market();
    if (!gateway_listen(app.gateway, why, sizeof why))
        return false;
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
