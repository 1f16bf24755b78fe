#include "backend/external/sim/market.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/external/sim/market_private.h"
#include "common/log.h"

#define LADDER     5   /* prices a side that the market maker shows */
#define MAKER_SIZE 50  /* lots of a client's order that one move of the price can take */
#define NOISE      0.2 /* share of quotes after which somebody trades */

double market_draw(struct market *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (double)(m->random >> 11) / 9007199254740992.0;
}

struct market *market_new(struct node *n, struct source *source, struct history *history, uint64_t seed,
                          double ticks)
{
    struct market *m = mem_new(sizeof *m);
    *m = (struct market){
        .base.ops = &venue_sim, .node = n, .source = source, .history = history, .ticks = ticks};
    m->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    return m;
}

void market_free(struct market *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->count; i++) {
        match_free(&m->listings[i]->book);
        free(m->listings[i]);
    }
    free(m->listings);
    free(m->order);
    free(m);
}

struct venue *market_venue(struct market *m)
{
    return &m->base;
}

struct listing *market_listing(struct market *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (!strcmp(m->listings[i]->name, name))
            return m->listings[i];
    return NULL;
}

static date open_date(const struct market *m)
{
    return trading_business_date(node_state(m->node, "trading"));
}

static void list_one(struct market *m, const struct instrument *i, date today)
{
    struct listing *l = market_listing(m, i->instrument);
    if (!l) {
        if (m->count == m->room) {
            m->room = m->room ? m->room * 2 : 64;
            m->listings = mem_grow(m->listings, (size_t)m->room * sizeof *m->listings);
        }
        l = m->listings[m->count++] = mem_new(sizeof *l);
        snprintf(l->name, sizeof l->name, "%s", i->instrument);
        snprintf(l->product, sizeof l->product, "%s", i->product);
        snprintf(l->venue, sizeof l->venue, "%s", i->venue);
        l->tick = i->tick;
    }
    l->kind = product_named(i->product);
    l->month = i->delivery_start;
    l->listed = true;
    l->volume = 0;
    l->last = DEC_NONE;
    l->settle =
        m->source->ops->settle(m->source, l->product, l->month, m->source->ops->previous(m->source, today));
    l->nearby = 0;
    if (l->kind) {
        int y, mo, d, fy, fm;
        date_split(product_front(l->kind, today), &fy, &fm, &d);
        date_split(l->month, &y, &mo, &d);
        l->nearby = (y - fy) * 12 + mo - fm;
    }
}

/* The near months and the rates are quoted several times for each time of a far one. */
static void plan(struct market *m)
{
    m->order = mem_grow(m->order, (size_t)(m->count * 6 + 1) * sizeof *m->order);
    m->order_count = 0;
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < m->count; i++)
            if (m->listings[i]->listed &&
                (round == 0 || m->listings[i]->nearby < 2 || (round == 3 && m->listings[i]->nearby < 6)))
                m->order[m->order_count++] = i;
    if (m->turn >= m->order_count)
        m->turn = 0;
}

static void list_all(struct market *m)
{
    date today = open_date(m);
    for (int i = 0; i < m->count; i++)
        m->listings[i]->listed = false;
    const struct table *t = node_table(m->node, RECORD_instrument);
    table_each(t, const struct instrument, i) if (!i->expired) list_one(m, i, today);
    plan(m);
}

void market_start(struct market *m)
{
    list_all(m);
    venue_load(m);
    m->stepped = node_now(m->node);
}

/* ---- quotes ---- */

static double gone(const struct market *m, date today, int64_t now)
{
    if (m->source->speed > 0)
        return m->progress < 1 ? m->progress : 1;
    int64_t from = business_close(m->source->ops->previous(m->source, today)), to = business_close(today);
    double f = (double)(now - from) / (double)(to - from);
    return f < 0 ? 0 : f > 1 ? 1 : f;
}

static void ladder(struct market *m, struct listing *l, dec bid, dec ask)
{
    for (int k = 0; k < LADDER; k++)
        for (int side = 0; side < 2; side++) {
            dec price = side == 0 ? bid - k * l->tick : ask + k * l->tick;
            struct resting r = {.number = ++m->number,
                                .price = price,
                                .quantity = DEC_INT(1 + (int)(market_draw(m) * 40) + k * 5)};
            if (l->kind && !l->kind->negative && price <= 0)
                continue;
            match_rest(&l->book, side, &r);
        }
}

/* A client's order that the new price goes through is filled at its own price. */
static void sweep(struct market *m, struct listing *l, dec *bid, dec *ask, struct outcome_facts *o)
{
    struct fill fills[LADDER * 8];
    for (int side = 0; side < 2; side++) {
        dec limit = side == 0 ? *bid : *ask, left = DEC_INT(MAKER_SIZE), best, size;
        int n = match_take(&l->book, side, limit, &left, fills, LADDER * 8);
        venue_makers(m, l, side, fills, n, o);
        match_best(&l->book, 1 - side, &best, &size);
        if (side == 0 && best != DEC_NONE && *bid >= best)
            *bid = best - l->tick;
        if (side == 1 && best != DEC_NONE && *ask <= best)
            *ask = best + l->tick;
    }
}

static void tell(struct market *m, struct listing *l, int64_t now)
{
    struct quote q;
    record_clear(RECORD(quote), &q);
    snprintf(q.instrument, sizeof q.instrument, "%s", l->name);
    snprintf(q.product, sizeof q.product, "%s", l->product);
    match_best(&l->book, 0, &q.bid, &q.bid_quantity);
    match_best(&l->book, 1, &q.ask, &q.ask_quantity);
    q.last = l->last != DEC_NONE                      ? l->last
             : q.bid != DEC_NONE && q.ask != DEC_NONE ? dec_round((q.bid + q.ask) / 2, l->tick)
                                                      : DEC_NONE;
    q.settle = l->settle;
    q.change = q.last != DEC_NONE && q.settle != DEC_NONE ? q.last - q.settle : DEC_NONE;
    q.volume = l->volume;
    q.time = now;
    snprintf(q.venue, sizeof q.venue, "%s", l->venue);
    q.tick = l->tick;
    cache_put(node_cache(m->node), &q);
    node_publish(m->node, RECORD_quote, &q);
}

static void quote(struct market *m, struct listing *l, date today, double f, int64_t now)
{
    struct outcome_facts o = {0};
    dec price;
    double theory = m->source->ops->level(m->source, l->product, l->month, today, f, now);
    if (!isfinite(theory) || !dec_from_double(theory, &price))
        return;
    dec spread = l->tick * (1 + (l->nearby > 24 ? 24 : l->nearby) / 4);
    dec bid = dec_round(price - spread / 2, l->tick), ask;
    if (l->kind && !l->kind->negative && bid < l->tick)
        bid = l->tick;
    ask = bid + spread;
    match_remove_own(&l->book);
    sweep(m, l, &bid, &ask, &o);
    ladder(m, l, bid, ask);
    if (l->kind && market_draw(m) < NOISE) {
        struct fill fills[LADDER * 8];
        int side = market_draw(m) < 0.5 ? 0 : 1;
        dec left = DEC_INT(1 + (int)(market_draw(m) * 8));
        int n = match_take(&l->book, side, side == 0 ? ask : bid, &left, fills, LADDER * 8);
        venue_makers(m, l, side, fills, n, &o);
    }
    tell(m, l, now);
    venue_commit(m, &o);
}

void market_quote_all(struct market *m)
{
    int64_t now = node_now(m->node);
    date today = open_date(m);
    double f = gone(m, today, now);
    for (int i = 0; i < m->count; i++)
        if (m->listings[i]->listed)
            quote(m, m->listings[i], today, f, now);
}

void market_step(struct market *m)
{
    int64_t now = node_now(m->node);
    double seconds = (double)(now - m->stepped) / (double)SECOND;
    m->stepped = now;
    if (m->paused || seconds <= 0 || !m->order_count)
        return;
    if (m->source->speed > 0)
        m->progress += seconds * m->source->speed;
    date today = open_date(m);
    double f = gone(m, today, now);
    m->due += seconds * m->ticks;
    if (m->due > m->order_count) /* after a pause of the machine: everything once */
        m->due = m->order_count;
    for (; m->due >= 1; m->due--) {
        quote(m, m->listings[m->order[m->turn]], today, f, now);
        m->turn = (m->turn + 1) % m->order_count;
    }
}

void market_pause(struct market *m, bool paused)
{
    m->paused = paused;
    m->stepped = node_now(m->node);
}

bool market_paused(const struct market *m)
{
    return m->paused;
}

void market_speed(struct market *m, double days)
{
    if (m->source->speed > 0 && days > 0)
        m->source->speed = days;
}

double market_days_a_second(const struct market *m)
{
    return m->source->speed;
}

/* ---- the close ---- */

int market_settlements(struct market *m, date d, struct mark ***out)
{
    struct mark **list = mem_new((size_t)(m->count + 1) * sizeof *list);
    int n = 0;
    char source[65];
    snprintf(source, sizeof source, "%s settlement", m->source->ops->stamp);
    for (int i = 0; i < m->count; i++) {
        const struct listing *l = m->listings[i];
        dec price = l->listed ? m->source->ops->settle(m->source, l->product, l->month, d) : DEC_NONE;
        if (price == DEC_NONE)
            continue;
        struct mark *k = list[n++] = mem_new(sizeof *k);
        record_clear(RECORD(mark), k);
        snprintf(k->id, sizeof k->id, "%s/settle", l->name);
        snprintf(k->instrument, sizeof k->instrument, "%s", l->name);
        k->kind = MARK_SETTLE;
        k->trading_date = d;
        k->version = 1;
        k->price = price;
        snprintf(k->source, sizeof k->source, "%s", source);
        k->time = node_now(m->node);
        k->final = true;
    }
    *out = list;
    return n;
}

static void list_new(struct market *m, date today)
{
    for (int k = 0; product_at(k); k++) {
        const struct product *p = product_at(k);
        int depth = m->source->ops->depth(m->source, p->code);
        date front = depth ? product_front(p, today) : 0;
        for (int n = 0; n < depth; n++) {
            struct instrument i;
            int y, mo, d;
            product_instrument(p, date_month_start(front, n), &i);
            date_split(i.delivery_start, &y, &mo, &d);
            bool quarterly = p->expiry == EXPIRY_LAST_MONDAY && mo % 3;
            if (quarterly || table_find(node_table(m->node, RECORD_instrument), i.instrument))
                continue;
            struct command c = {.kind = COMMAND_LIST_INSTRUMENT,
                                .actor = actor_system,
                                .expires = TIME_NONE,
                                .version = INT64_MIN,
                                .body = &i};
            node_command(m->node, &c, NULL, NULL);
        }
    }
}

void market_roll(struct market *m, outcome_fn *done, void *arg)
{
    date closing = open_date(m), next = m->source->ops->next(m->source, closing);
    char target[TIME_TEXT], source[TIME_TEXT];
    struct mark **marks;
    if (next == DATE_NONE) {
        log_event(LOG_INFO, "the recorded history has ended; the market stands still", NULL);
        m->paused = true;
        return;
    }
    int n = market_settlements(m, closing, &marks);
    struct command c = {.kind = COMMAND_DAY_ROLL,
                        .actor = actor_system,
                        .expires = TIME_NONE,
                        .version = INT64_MIN,
                        .rows = (const void *const *)marks,
                        .row_count = n,
                        .source = date_format(next, source)};
    snprintf(c.target, sizeof c.target, "%s", date_format(closing, target));
    venue_close(m, closing);
    node_command(m->node, &c, done, arg);
    for (int i = 0; i < n; i++)
        free(marks[i]);
    free(marks);
    m->source->ops->append(m->source, m->history, closing);
    m->progress = 0;
    list_new(m, next);
    list_all(m);
}

void market_catch_up(struct market *m)
{
    for (;;) {
        date today = open_date(m);
        bool over = m->source->speed > 0 ? m->progress >= 1 && !node_busy(m->node)
                                         : node_now(m->node) >= business_close(today);
        if (today == DATE_NONE || !over || m->paused)
            return;
        market_roll(m, NULL, NULL);
    }
}
