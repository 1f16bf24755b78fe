/* Pre-trade checks: a table of rules, each a function that writes rows of use before and after. A new
 * check is a function and a line in `rules`. Sources: SAFETY section 1. */
#include <stdio.h>
#include <string.h>
#include "backend/trading/state.h"

#define DUPLICATE_WINDOW (1 * SECOND)

struct run {
    const struct trading *t;
    const struct command *c;
    const struct order *o, *old;
    const struct instrument *i; /* NULL when unknown */
    dec reference;              /* live mark, DEC_NONE when there is none */
    enum live_mark how;
    struct check *out;
    int count, room;
};
typedef void rule_fn(struct run *r, const char *rule);

static struct check *row(struct run *r, const char *rule)
{
    static struct check spare; /* when the caller's room is used up; its content is never read */
    struct check *k = r->count < r->room ? &r->out[r->count++] : &spare;
    record_clear(RECORD(check), k);
    snprintf(k->rule, sizeof k->rule, "%s", rule);
    return k;
}

static void refuse(struct run *r, const char *rule, const char *detail)
{
    struct check *k = row(r, rule);
    k->refused = true;
    snprintf(k->detail, sizeof k->detail, "%s", detail);
}

static char *figure(dec value, char out[DEC_TEXT])
{
    bool whole = value % DEC_ONE == 0 || dec_abs(value) >= DEC_INT(1000);
    dec_format_places(value, whole ? 0 : 4, true, out);
    return out;
}

/* One limit: a row with use before and after, refused when it is beyond and grows. */
static void against(struct run *r, const char *rule, const struct limit *l, dec before, dec after)
{
    struct check *k = row(r, rule);
    char value[DEC_TEXT], most[DEC_TEXT];
    snprintf(k->number, sizeof k->number, "%s", l->number);
    snprintf(k->scope, sizeof k->scope, "%s", l->scope);
    snprintf(k->unit, sizeof k->unit, "%s", l->unit);
    k->before = before;
    k->after = after;
    k->limit = l->limit;
    k->refused = after > l->limit && (before == DEC_NONE || after > before);
    snprintf(k->detail, sizeof k->detail, "%s > %s %s (limit %s)", figure(after, value),
             figure(l->limit, most), l->unit, l->number);
    if (!k->refused)
        *k->detail = 0;
}

static bool in_scope(const struct run *r, const struct limit *l)
{
    if (!strcmp(l->scope, "firm"))
        return true;
    if (!strncmp(l->scope, "book:", 5))
        return !strcmp(l->scope + 5, r->o->book);
    if (!strncmp(l->scope, "product:", 8))
        return r->i && !strcmp(l->scope + 8, r->i->product);
    return !strncmp(l->scope, "user:", 5) && !strcmp(l->scope + 5, r->o->user);
}

#define each_limit(r, which, l)                                                                              \
    table_each(&(r)->t->limits, const struct limit, l) if (l->measure == (which) && in_scope(r, l))

static void halt(struct run *r, const char *rule)
{
    if (trading_halted(r->t) && !r->old)
        refuse(r, rule, "trading is halted");
}

static void permission(struct run *r, const char *rule)
{
    char detail[120];
    const struct book *b = table_find(&r->t->books, r->o->book);
    snprintf(detail, sizeof detail, "no trading book '%s'", r->o->book);
    if (!b || b->kind != BOOK_TRADING)
        refuse(r, rule, detail);
}

static void instrument(struct run *r, const char *rule)
{
    char detail[120];
    snprintf(detail, sizeof detail, "no instrument '%s'", r->o->instrument);
    if (!r->i)
        refuse(r, rule, detail);
    else if (r->i->kind != KIND_FUTURE)
        refuse(r, rule, "rates value positions; they are not traded here");
    else if (r->i->expired)
        refuse(r, rule, "the contract has expired");
}

static void type(struct run *r, const char *rule)
{
    const struct order *o = r->o;
    if (o->type != TYPE_LIMIT && o->type != TYPE_MARKET)
        refuse(r, rule, "limit and market orders are accepted; this venue takes no stop orders");
    else if (o->display_quantity != DEC_NONE)
        refuse(r, rule, "this venue takes no iceberg orders");
    else if (o->type == TYPE_MARKET && o->price != DEC_NONE)
        refuse(r, rule, "a market order has no price");
    else if (o->type == TYPE_LIMIT && o->price == DEC_NONE)
        refuse(r, rule, "a limit order needs a price");
    else if (o->time_in_force == TIF_GTD && (o->expires_at == TIME_NONE || o->expires_at <= r->c->now))
        refuse(r, rule, "a gtd order needs expires_at in the future");
}

static void tick_and_lot(struct run *r, const char *rule)
{
    char detail[120], tick[DEC_TEXT];
    const struct order *o = r->o;
    if (o->quantity == DEC_NONE || o->quantity <= 0 || o->quantity % DEC_ONE)
        refuse(r, rule, "quantity is a whole number of lots, at least 1");
    if (r->i && o->price != DEC_NONE && r->i->tick > 0 && o->price % r->i->tick) {
        dec_format(r->i->tick, tick);
        snprintf(detail, sizeof detail, "the price is not a multiple of the tick %s", tick);
        refuse(r, rule, detail);
    }
}

static void price_sign(struct run *r, const char *rule)
{
    if (r->i && r->o->price != DEC_NONE && r->o->price <= 0 && !r->i->negative_price)
        refuse(r, rule, "this product has no prices at or below zero");
}

/* Distance from the reference as a share of it; near zero the share is of one price unit. */
static void collar(struct run *r, const char *rule)
{
    if (!r->i || r->i->kind != KIND_FUTURE)
        return;
    if (r->how != LIVE_MID) {
        refuse(r, "stale-reference", "no fresh bid and offer to judge the price by");
        return;
    }
    dec away, base = dec_abs(r->reference) < DEC_ONE ? DEC_ONE : dec_abs(r->reference);
    if (r->o->price == DEC_NONE || !dec_div(dec_abs(r->o->price - r->reference), base, &away))
        return;
    each_limit(r, MEASURE_PRICE_COLLAR, l) against(r, rule, l, DEC_NONE, away);
}

static void max_quantity(struct run *r, const char *rule)
{
    each_limit(r, MEASURE_MAX_QUANTITY, l) against(r, rule, l, DEC_NONE, r->o->quantity);
}

static void max_notional(struct run *r, const char *rule)
{
    dec price = r->o->price != DEC_NONE ? r->o->price : r->reference, money, base;
    if (!r->i || price == DEC_NONE || r->o->quantity == DEC_NONE)
        return;
    const dec factors[] = {r->o->quantity, r->i->lot_quantity, price, r->i->price_scale};
    if (!dec_product(factors, 4, &money) ||
        !cache_to_base(r->c->cache, r->i->currency, r->c->now, dec_abs(money), &base)) {
        refuse(r, rule, "the notional cannot be computed: it overflows or its currency has no rate");
        return;
    }
    each_limit(r, MEASURE_MAX_NOTIONAL, l) against(r, rule, l, DEC_NONE, base);
}

/* The worse of long and short when everything that works is filled. */
static dec worst(const struct held *h, const struct order *o, dec extra)
{
    dec longest = h ? h->net + h->working_buy : 0, shortest = h ? h->net - h->working_sell : 0;
    if (o->side == SIDE_BUY)
        longest += extra;
    else
        shortest -= extra;
    return dec_abs(longest) > dec_abs(shortest) ? dec_abs(longest) : dec_abs(shortest);
}

static void position(struct run *r, const char *rule)
{
    if (!r->i || r->o->quantity == DEC_NONE)
        return;
    dec extra = r->o->quantity;
    if (r->old)
        extra = extra > r->old->quantity ? extra - r->old->quantity : 0;
    each_limit(r, MEASURE_POSITION, l)
    {
        bool one_book = !strncmp(l->scope, "book:", 5);
        const struct held *h = held_find(r->t, one_book ? r->o->book : "", r->i->product);
        against(r, rule, l, worst(h, r->o, 0), worst(h, r->o, extra));
    }
}

static void open_orders(struct run *r, const char *rule)
{
    if (r->old)
        return;
    each_limit(r, MEASURE_OPEN_ORDERS, l)
        against(r, rule, l, DEC_INT(r->t->open_orders), DEC_INT(r->t->open_orders + 1));
}

static void duplicate(struct run *r, const char *rule)
{
    uint64_t h = order_likeness(r->o);
    if (!r->old && r->t->recent[h % RECENT].hash == h &&
        r->c->now - r->t->recent[h % RECENT].time < DUPLICATE_WINDOW)
        refuse(r, rule, "the same order was entered less than a second ago");
}

static const struct {
    const char *name;
    rule_fn *fn;
    uint8_t severity; /* of the alert that a refusal becomes */
} rules[] = {
    {"halt", halt, SEVERITY_WARN},
    {"book", permission, 0},
    {"instrument", instrument, 0},
    {"order-type", type, 0},
    {"tick-and-lot", tick_and_lot, 0},
    {"price-sign", price_sign, 0},
    {"price-collar", collar, SEVERITY_WARN},
    {"stale-reference", NULL, SEVERITY_WARN},
    {"max-quantity", max_quantity, SEVERITY_HIGH},
    {"max-notional", max_notional, SEVERITY_HIGH},
    {"position", position, SEVERITY_HIGH},
    {"open-orders", open_orders, SEVERITY_WARN},
    {"duplicate", duplicate, SEVERITY_WARN},
};

uint8_t check_severity(const char *rule)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].name, rule))
            return rules[i].severity;
    return 0;
}

int checks_run(const struct trading *t, const struct command *c, const struct order *o,
               const struct order *old, struct check *out, int room)
{
    struct run r = {.t = t, .c = c, .o = o, .old = old, .out = out, .room = room, .reference = DEC_NONE};
    r.i = table_find(&t->instruments, o->instrument);
    r.how = cache_mark(c->cache, o->instrument, c->now, &r.reference);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].fn)
            rules[i].fn(&r, rules[i].name);
    return r.count;
}
