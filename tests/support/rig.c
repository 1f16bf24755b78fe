#include "tests/support/rig.h"
#include "common/product.h"

static void add_services(struct node *n)
{
    node_add(n, &trading_ops);
    node_add(n, &portfolio_ops);
    node_add(n, &risk_ops);
    node_add(n, &compliance_ops);
    node_add(n, &venue_sim_ops);
}

static void settle(struct rig *r)
{
    for (int i = 0; i < 50 && !risk_settled(r->node); i++) {
        pool_poll(r->pool);
        portfolio_pulse(r->node);
        risk_pulse(r->node);
        node_wait(r->node);
    }
    assert_true(risk_settled(r->node));
}

static void open_desk(struct rig *r, const struct rig_config *c, bool born)
{
    char why[200] = "";
    date anchor = date_make(2026, 11, 20);
    r->source = c->replay ? source_replay(c->replay, date_make(2020, 4, 1), 1, why, sizeof why)
                          : source_sim(7, anchor);
    if (!r->source)
        fail_msg("%s", why);
    r->history = history_new();
    r->market = market_new(r->node, r->source, r->history, 7, 200);
    r->link = (struct venue_link){r->node, market_venue(r->market)};
    date open = born ? r->source->first : trading_business_date(node_state(r->node, "trading"));
    r->source->ops->fill(r->source, r->history, r->source->ops->previous(r->source, open));
    risk_start(r->node, r->history, r->pool);
    if (born) {
        desk_users(r->node);
        desk_books(r->node, r->source);
        node_wait(r->node); /* deals need their book */
        desk_open(r->node, r->market, r->source);
    } else
        market_start(r->market);
    venue_link_recover(&r->link);
    venue_link_start(&r->link);
    market_quote_all(r->market);
    node_wait(r->node);
    settle(r);
    if (born) {
        desk_limits(r->node, desk_import_limit, r->node);
        node_wait(r->node);
        desk_orders(r->node);
    }
    node_wait(r->node);
}

void rig_open(struct rig *r, const struct rig_config *c)
{
    char why[200] = "";
    int64_t start = 0;
    *r = (struct rig){0};
    assert_true(time_parse("2026-11-23T14:00:00Z", &start));
    r->clock = clock_fixed(start);
    r->cache = cache_local();
    r->pool = pool_new(0, NULL, NULL);
    if (c->address)
        snprintf(r->store, sizeof r->store, "%s", c->address);
    else if (c->store)
        snprintf(r->store, sizeof r->store, "sqlite:%s", c->store);
    else
        snprintf(r->store, sizeof r->store, "sqlite:%s/quanta.db", temp_dir());
    struct node_config n = {.store = r->store, .clock = &r->clock, .cache = r->cache, .seed = c->faults};
    r->node = node_new(&n, why, sizeof why);
    if (!r->node)
        fail_msg("%s", why);
    add_services(r->node);
    if (c->closed)
        return;
    if (!node_recover(r->node, why, sizeof why))
        fail_msg("%s", why);
    open_desk(r, c, trading_business_date(node_state(r->node, "trading")) == DATE_NONE);
}

void rig_close(struct rig *r)
{
    pool_free(r->pool);
    node_free(r->node);
    market_free(r->market);
    if (r->source)
        r->source->ops->close(r->source);
    history_free(r->history);
    cache_free(r->cache);
}

void rig_run(struct rig *r, double seconds)
{
    for (double left = seconds; left > 1e-9; left -= 0.25) {
        int64_t step = (int64_t)((left < 0.25 ? left : 0.25) * 1e9);
        r->clock.fixed_utc += step;
        r->clock.fixed_mono += step;
        market_step(r->market);
        market_catch_up(r->market);
        pool_poll(r->pool);
        portfolio_pulse(r->node);
        risk_pulse(r->node);
        node_poll(r->node);
    }
    node_wait(r->node);
}

static void done(void *arg, const struct outcome *o)
{
    struct rig *r = arg;
    r->last = *o;
    if (o->answer && o->record == RECORD_order)
        r->order = *(const struct order *)o->answer;
    r->last.answer = NULL;
}

int rig_command(struct rig *r, const char *user, struct command *c)
{
    const struct user *u = compliance_user(node_state(r->node, "compliance"), user);
    if (!u)
        fail_msg("no user %s", user);
    c->actor = (struct actor){.role = u->role};
    snprintf(c->actor.user, sizeof c->actor.user, "%s", u->user);
    snprintf(c->actor.books, sizeof c->actor.books, "%s", u->books);
    if (!c->expires)
        c->expires = TIME_NONE;
    if (!c->version)
        c->version = INT64_MIN;
    r->last = (struct outcome){.status = -1};
    node_command(r->node, c, done, r);
    node_wait(r->node);
    assert_int_not_equal(r->last.status, -1);
    return r->last.status;
}

int rig_order(struct rig *r, const char *user, const char *book, uint8_t side, const char *lots,
              const char *instrument, const char *price)
{
    struct order_request q;
    static int64_t count;
    record_clear(RECORD(order_request), &q);
    q.id = uuid_v8(9, ++count, 9);
    snprintf(q.book, sizeof q.book, "%s", book);
    snprintf(q.instrument, sizeof q.instrument, "%s", instrument);
    q.side = side;
    q.quantity = D(lots);
    if (*price)
        q.price = D(price);
    else {
        q.type = TYPE_MARKET;
        q.time_in_force = TIF_IOC;
    }
    struct command c = {.kind = COMMAND_ORDER_NEW, .body = &q};
    r->order = (struct order){.id = q.id};
    int status = rig_command(r, user, &c);
    const struct order *now = rig_find(r, &q.id);
    if (now)
        r->order = *now;
    return status;
}

const struct order *rig_find(struct rig *r, const struct uuid *id)
{
    return table_get(node_table(r->node, RECORD_order), id, sizeof *id);
}

const char *rig_price(struct rig *r, const char *instrument, int ticks)
{
    static char text[8][DEC_TEXT];
    static int turn;
    char *out = text[turn++ % 8];
    const struct quote *q = cache_quote(r->cache, instrument);
    if (!q)
        fail_msg("%s is not quoted", instrument);
    dec_format(dec_round((q->bid + q->ask) / 2, q->tick) + ticks * q->tick, out);
    return out;
}

const char *rig_contract(struct rig *r, const char *product, int nearby)
{
    static char name[8][25];
    static int turn;
    struct instrument i;
    const struct product *p = product_named(product);
    date day = trading_business_date(node_state(r->node, "trading"));
    product_instrument(p, date_month_start(product_front(p, day), nearby), &i);
    char *out = name[turn++ % 8];
    snprintf(out, 25, "%s", i.instrument);
    return out;
}

const struct position *rig_position(struct rig *r, const char *book, const char *instrument)
{
    char id[60];
    snprintf(id, sizeof id, "%s/%s", book, instrument);
    return table_find(node_table(r->node, RECORD_position), id);
}

struct history *recorded_history(date through, struct source **source)
{
    char dir[300], why[300];
    snprintf(dir, sizeof dir, "%s/prices/futures", shared_data());
    *source = source_replay(dir, DATE_NONE, 1, why, sizeof why);
    if (!*source)
        fail_msg("%s", why);
    struct history *h = history_new();
    (*source)->ops->fill(*source, h, through);
    return h;
}
