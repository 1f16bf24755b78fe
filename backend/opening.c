/* The market, the opening desk and what is done each turn, for the services that run in this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/assemble.h"
#include "common/log.h"

#define OPENING (60 * SECOND) /* another service or a broker may be starting beside us */

/* ---- the source ---- */

/* A setting of the market that must stay: kept where trading runs, read from there elsewhere. */
static bool remember(const char *key, char *value, size_t room)
{
    struct store *s = node_store(app.node);
    if (!runs("trading")) {
        while (!stopping && !node_meta(app.node, "trading", key, value, room))
            usleep(50000);
        return !stopping;
    }
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
    snprintf(dir, sizeof dir, "%.*s", (int)strcspn(market + 7, "?"), market + 7);
    config_option(market, "from", from, sizeof from);
    config_option(market, "speed", speed, sizeof speed);
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

bool opening_source(const char *market)
{
    if (!strcmp(app.stamp, "replay"))
        return open_replay(!strncmp(market, "replay:", 7) ? market : "replay:");
    if (!strcmp(app.stamp, "sim"))
        return open_sim(market);
    snprintf(why, sizeof why, "market %s: no venue is configured for live trading", market);
    return false;
}

/* ---- the loop's turn ---- */

static int rows_of(enum record_id record)
{
    const struct table *t = node_table(app.node, record);
    return t ? table_live(t) : 0;
}

static void send_limit(void *arg, const struct limit *l)
{
    gateway_put_limit(arg, l);
}

/* Limits are sized by use, where use is known: in a process of risk's own once the desk is open and VaR told.
 */
static void open_limits(void)
{
    static bool done;
    if (done || !app.service || risk_date(app.node) == DATE_NONE ||
        risk_closed(app.node) != app.source->ops->previous(app.source, risk_date(app.node)) ||
        !risk_settled(app.node))
        return;
    done = true;
    if (!risk_has_limits(app.node))
        desk_limits(app.node, send_limit, app.gateway);
}

static void fill_history(void)
{
    static date filled = DATE_NONE;
    date open = risk_date(app.node);
    if (open == DATE_NONE)
        open = app.source->first;
    if (open != filled)
        app.source->ops->fill(app.source, app.history, app.source->ops->previous(app.source, open));
    filled = open;
}

static void turn(void *arg)
{
    (void)arg;
    if (app.market) {
        market_step(app.market);
        market_catch_up(app.market);
    }
    int64_t now = clock_mono(&clock_system);
    if (now - app.pulse < 250 * MILLI)
        return;
    app.pulse = now;
    if (runs("portfolio"))
        portfolio_pulse(app.node);
    if (!runs("risk"))
        return;
    if (!app.market)
        fill_history();
    risk_pulse(app.node);
    open_limits();
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

void opening_controls(struct gateway_config *g)
{
    g->market = ask_market;
    g->day_roll = ask_roll;
    g->turn = turn;
    g->paused = is_paused;
    g->speed = speed_now;
}

/* ---- opening ---- */

static void step(void)
{
    pool_poll(app.pool);
    turn(NULL);
    node_poll(app.node); /* mail alone does not make it busy */
    node_wait(app.node);
    usleep(500);
}

static bool await(bool (*met)(void), const char *what)
{
    for (int64_t until = clock_mono(&clock_system) + OPENING; !met();) {
        if (stopping || clock_mono(&clock_system) > until) {
            snprintf(why, sizeof why, "opening: %s", stopping ? "stopped" : what);
            return false;
        }
        step();
    }
    return true;
}

static bool books_known(void)
{
    return trading_knows_books(node_state(app.node, "trading"));
}

static bool limits_known(void)
{
    return trading_knows_limits(node_state(app.node, "trading"));
}

static bool settled(void)
{
    return node_worked(app.node) && risk_settled(app.node);
}

static bool open_market(bool born)
{
    app.market = market_new(app.node, app.source, app.history, app.seed,
                            strtod(config_get(app.config, "ticks"), NULL));
    app.link = (struct venue_link){app.node, market_venue(app.market)};
    date open = born ? app.source->first : trading_business_date(node_state(app.node, "trading"));
    app.source->ops->fill(app.source, app.history, app.source->ops->previous(app.source, open));
    if (born)
        desk_open(app.node, app.market, app.source);
    else
        market_start(app.market);
    venue_link_recover(&app.link);
    venue_link_start(&app.link);
    market_catch_up(app.market);
    market_quote_all(app.market);
    node_wait(app.node);
    return true;
}

bool opening_desk(void)
{
    bool trading = runs("trading");
    bool born = trading && trading_business_date(node_state(app.node, "trading")) == DATE_NONE;
    if (runs("risk"))
        risk_start(app.node, app.history, app.pool);
    if (runs("compliance") && !rows_of(RECORD_user))
        desk_users(app.node);
    if (runs("portfolio") && !rows_of(RECORD_book))
        desk_books(app.node, app.source);
    node_wait(app.node);
    if (!trading)
        return true;
    if (!await(books_known, "the portfolio service has no books yet") || !open_market(born))
        return false;
    if (!app.service && !await(settled, "VaR of what is held was not told"))
        return false;
    if (!app.service && born)
        desk_limits(app.node, desk_import_limit, app.node);
    node_wait(app.node);
    if (born && await(limits_known, "no limits are known"))
        desk_orders(app.node);
    step();
    return true;
}
