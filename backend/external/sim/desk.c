#include "backend/external/sim/desk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/trading/trading.h"

static const struct {
    const char *user, *name;
    uint8_t role;
} users[] = {
    {"trader", "Desk trader", ROLE_TRADER},
    {"risk", "Risk manager", ROLE_RISK},
    {"compliance", "Compliance officer", ROLE_COMPLIANCE},
    {"operations", "Operations", ROLE_OPERATIONS},
};
static const char *const books[] = {"TTF-PROP", "DE-POWER", "NG-US", "OIL"};

/* What is held: a nearby month of a product, lots, and the price paid as percent of yesterday's mark. */
static const struct {
    const char *book, *product;
    int nearby, lots, paid;
} futures[] = {
    {"TTF-PROP", "TTF", 1, 25, 99},  {"TTF-PROP", "TTF", 3, -10, 101}, {"TTF-PROP", "TTF", 5, 15, 100},
    {"TTF-PROP", "EUA", 1, 4, 98},   {"DE-POWER", "DEB", 1, 10, 101},  {"DE-POWER", "DEB", 2, -8, 100},
    {"DE-POWER", "DEP", 1, -5, 102}, {"DE-POWER", "DEB", 5, 12, 99},   {"NG-US", "NG", 1, -40, 102},
    {"NG-US", "NG", 2, 18, 101},     {"NG-US", "NG", 4, -12, 99},      {"NG-US", "PJMB", 1, 6, 98},
    {"NG-US", "PJMP", 2, -4, 101},   {"OIL", "CL", 1, 12, 99},         {"OIL", "CL", 6, -10, 101},
    {"OIL", "BRN", 1, -8, 100},      {"OIL", "HO", 2, 5, 98},          {"OIL", "RB", 2, -3, 101},
    {"OIL", "BRN", 7, 6, 99},
};
static const struct {
    const char *book, *product, *counterparty, *location;
    int nearby, months, side, rate, quantity, paid;
    uint8_t settlement;
} deals[] = {
    {"TTF-PROP", "TTF", "Nordwind Energie", "TTF VTP", 1, 1, SIDE_BUY, 10, 0, 99, SETTLEMENT_PHYSICAL},
    {"TTF-PROP", "TTF", "Maas Gas Trading", "TTF VTP", 2, 1, SIDE_SELL, 15, 0, 101, SETTLEMENT_PHYSICAL},
    {"DE-POWER", "DEB", "Stadtwerke Lahn", "DE-LU", 1, 1, SIDE_SELL, 12, 0, 102, SETTLEMENT_PHYSICAL},
    {"DE-POWER", "DEB", "Rheinstrom", "DE-LU", 3, 1, SIDE_BUY, 5, 0, 98, SETTLEMENT_FINANCIAL},
    {"NG-US", "NG", "Pecan Valley Gas", "Henry Hub", 2, 1, SIDE_BUY, 0, 150000, 98, SETTLEMENT_PHYSICAL},
    {"OIL", "CL", "Harbor Refining", "Cushing", 2, 1, SIDE_SELL, 0, 4000, 101, SETTLEMENT_FINANCIAL},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void import(struct node *n, const char *service, enum record_id record, const void *row)
{
    const void *rows[] = {row};
    struct command c = {.kind = COMMAND_IMPORT,
                        .actor = actor_system,
                        .expires = TIME_NONE,
                        .version = INT64_MIN,
                        .record = record,
                        .rows = rows,
                        .row_count = 1};
    snprintf(c.target, sizeof c.target, "%s", service);
    node_command(n, &c, NULL, NULL);
}

void desk_users(struct node *n)
{
    for (size_t i = 0; i < COUNT(users); i++) {
        struct user u;
        record_clear(RECORD(user), &u);
        snprintf(u.user, sizeof u.user, "%s", users[i].user);
        snprintf(u.name, sizeof u.name, "%s", users[i].name);
        u.role = users[i].role;
        snprintf(u.books, sizeof u.books, "*");
        import(n, "compliance", RECORD_user, &u);
    }
}

static void open_books(struct node *n)
{
    struct book firm = {.book = "FIRM", .kind = BOOK_GROUP, .currency = "EUR"};
    import(n, "portfolio", RECORD_book, &firm);
    for (size_t i = 0; i < COUNT(books); i++) {
        struct book b = {.parent = "FIRM", .kind = BOOK_TRADING, .currency = "EUR"};
        snprintf(b.book, sizeof b.book, "%s", books[i]);
        import(n, "portfolio", RECORD_book, &b);
    }
}

static void open_instruments(struct node *n, struct source *s, date day)
{
    for (int k = 0; product_at(k); k++) {
        const struct product *p = product_at(k);
        int depth = s->ops->depth(s, p->code);
        date front = product_front(p, day);
        for (int i = 0; i < depth; i++) {
            struct instrument row;
            int y, m, d;
            product_instrument(p, date_month_start(front, i), &row);
            date_split(row.delivery_start, &y, &m, &d);
            if (p->expiry != EXPIRY_LAST_MONDAY || m % 3 == 0)
                import(n, "trading", RECORD_instrument, &row);
        }
    }
    static const char *const rates[] = {"EURUSD", "GBPUSD"};
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct instrument r;
        record_clear(RECORD(instrument), &r);
        snprintf(r.instrument, sizeof r.instrument, "%s", rates[i]);
        snprintf(r.product, sizeof r.product, "%s", rates[i]);
        r.kind = KIND_RATE;
        r.lot_quantity = r.price_scale = DEC_ONE;
        snprintf(r.currency, sizeof r.currency, "USD");
        r.tick = DEC_ONE / 10000;
        snprintf(r.venue, sizeof r.venue, "FX");
        import(n, "trading", RECORD_instrument, &r);
    }
}

/* Yesterday's mark times `percent`, on the tick. */
static dec paid(struct source *s, const struct product *p, date month, date day, int percent)
{
    dec mark = s->ops->settle(s, p->code, month, day), out;
    if (mark == DEC_NONE || !dec_muldiv(mark, DEC_INT(percent), DEC_INT(100), &out))
        return DEC_NONE;
    return dec_round(out, p->tick);
}

/* The nearby-th month after `day` that is listed: allowances have quarterly months alone. */
static date month_of(const struct product *p, date day, int nearby)
{
    date month =
        date_month_start(product_front(p, day), p->expiry == EXPIRY_LAST_MONDAY ? nearby * 3 : nearby);
    int y, m, d;
    date_split(month, &y, &m, &d);
    while (p->expiry == EXPIRY_LAST_MONDAY && m % 3) {
        month = date_month_start(month, 1);
        date_split(month, &y, &m, &d);
    }
    return month;
}

static void open_future(struct node *n, struct source *s, date day, size_t i)
{
    const struct product *p = product_named(futures[i].product);
    struct instrument inst;
    struct posting q;
    if (!s->ops->depth(s, p->code))
        return;
    product_instrument(p, month_of(p, day, futures[i].nearby), &inst);
    record_clear(RECORD(posting), &q);
    q.id = uuid_v8(0, (int64_t)i + 1, 1);
    snprintf(q.source, sizeof q.source, "opening position");
    snprintf(q.book, sizeof q.book, "%s", futures[i].book);
    snprintf(q.instrument, sizeof q.instrument, "%s", inst.instrument);
    snprintf(q.product, sizeof q.product, "%s", p->code);
    q.profile = inst.profile;
    q.delivery_start = inst.delivery_start;
    q.delivery_end = inst.delivery_end;
    q.lots = DEC_INT(futures[i].lots);
    if (!dec_mul(q.lots, inst.lot_quantity, &q.quantity))
        return;
    snprintf(q.unit, sizeof q.unit, "%s", inst.unit);
    q.price = paid(s, p, inst.delivery_start, day, futures[i].paid);
    snprintf(q.currency, sizeof q.currency, "%s", inst.currency);
    q.settlement = SETTLEMENT_FINANCIAL;
    q.fees = 0;
    q.time = node_now(n);
    if (q.price != DEC_NONE)
        import(n, "trading", RECORD_posting, &q);
}

static void open_deal(struct node *n, struct source *s, date day, size_t i)
{
    const struct product *p = product_named(deals[i].product);
    struct deal_request q;
    if (!s->ops->depth(s, p->code))
        return;
    date month = month_of(p, day, deals[i].nearby);
    struct period period = {p, month, date_month_start(month, deals[i].months), TIME_NONE};
    record_clear(RECORD(deal_request), &q);
    snprintf(q.book, sizeof q.book, "%s", deals[i].book);
    snprintf(q.counterparty, sizeof q.counterparty, "%s", deals[i].counterparty);
    snprintf(q.agreement, sizeof q.agreement, "%s", p->lot == 0 ? "EFET" : "ISDA");
    q.side = (uint8_t)deals[i].side;
    period_name(&period, q.instrument);
    snprintf(q.location, sizeof q.location, "%s", deals[i].location);
    q.rate = p->lot == 0 ? DEC_INT(deals[i].rate) : DEC_NONE;
    q.quantity = p->lot == 0 ? DEC_NONE : DEC_INT(deals[i].quantity);
    q.price = paid(s, p, month, day, deals[i].paid);
    q.settlement = deals[i].settlement;
    struct command c = {.kind = COMMAND_DEAL_NEW, .expires = TIME_NONE, .version = INT64_MIN, .body = &q};
    c.actor = (struct actor){.user = "trader", .role = ROLE_TRADER, .books = "*"};
    if (q.price != DEC_NONE)
        node_command(n, &c, NULL, NULL);
}

/* Whether the market lists something that the book opens with. */
static bool book_opens(struct source *s, const char *book)
{
    for (size_t i = 0; i < COUNT(futures); i++)
        if (!strcmp(futures[i].book, book) && s->ops->depth(s, futures[i].product))
            return true;
    return false;
}

/* Official P&L at the ends of last month and last year, so that month and year have a beginning. */
static void open_pnl(struct node *n, struct source *s, date day)
{
    static const int month_end[] = {41200, -18600, 96400, 27300}, year_end[] = {12500, 8300, -30100, 15800};
    int y, m, d, firm[2] = {0, 0};
    date_split(day, &y, &m, &d);
    date ends[] = {date_make(y, m, 1) - 1, date_make(y, 1, 1) - 1};
    for (int e = 0; e < (m == 1 ? 1 : 2); e++)
        for (size_t i = 0; i <= COUNT(books); i++) {
            struct pnl p;
            char when[TIME_TEXT];
            const char *book = i < COUNT(books) ? books[i] : "FIRM";
            if (i < COUNT(books) && !book_opens(s, book))
                continue;
            int total = i < COUNT(books) ? (e ? year_end[i] : month_end[i]) : firm[e];
            firm[e] += i < COUNT(books) ? total : 0;
            record_clear(RECORD(pnl), &p);
            snprintf(p.id, sizeof p.id, "%s/official/%s", book, date_format(ends[e], when));
            snprintf(p.book, sizeof p.book, "%s", book);
            p.basis = BASIS_OFFICIAL;
            p.business_date = ends[e];
            p.realised = p.total = DEC_INT(total);
            p.unrealised = p.fees = 0;
            snprintf(p.currency, sizeof p.currency, "EUR");
            snprintf(p.fx, sizeof p.fx, "simulated");
            import(n, "portfolio", RECORD_pnl, &p);
        }
}

void desk_books(struct node *n, struct source *s)
{
    open_books(n);
    open_pnl(n, s, s->ops->previous(s, s->first));
}

void desk_open(struct node *n, struct market *m, struct source *s)
{
    date day = s->ops->previous(s, s->first);
    struct halt h = {.id = "firm", .business_date = day, .time = node_now(n)};
    open_instruments(n, s, day);
    import(n, "trading", RECORD_halt, &h);
    node_wait(n); /* deals need their book */
    for (size_t i = 0; i < COUNT(futures); i++)
        open_future(n, s, day, i);
    for (size_t i = 0; i < COUNT(deals); i++)
        open_deal(n, s, day, i);
    node_wait(n);
    market_start(m);
    market_roll(m, NULL, NULL);
    node_wait(n);
}

/* ---- limits ---- */

static const struct {
    const char *scope;
    uint8_t measure;
    int share; /* percent used at the start; 0: `fixed` is the limit */
    double fixed;
    const char *unit;
} limits[] = {
    {"firm", MEASURE_VAR, 68, 0, "EUR"},
    {"book:TTF-PROP", MEASURE_VAR, 55, 0, "EUR"},
    {"book:DE-POWER", MEASURE_VAR, 47, 0, "EUR"},
    {"book:NG-US", MEASURE_VAR, 91, 0, "EUR"},
    {"book:OIL", MEASURE_VAR, 62, 0, "EUR"},
    {"book:TTF-PROP", MEASURE_POSITION, 58, 0, "lots"},
    {"book:DE-POWER", MEASURE_POSITION, 44, 0, "lots"},
    {"book:NG-US", MEASURE_POSITION, 49, 0, "lots"},
    {"book:OIL", MEASURE_POSITION, 42, 0, "lots"},
    {"product:NG", MEASURE_POSITION, 52, 0, "lots"},
    {"firm", MEASURE_MAX_NOTIONAL, 0, 25e6, "EUR"},
    {"firm", MEASURE_MAX_QUANTITY, 0, 50, "lots"},
    {"firm", MEASURE_PRICE_COLLAR, 0, 0.10, "share"},
};

/* Rounded up to two leading digits: limits are round figures. */
static dec round_limit(dec v)
{
    dec step = DEC_ONE;
    while (v / step >= 100)
        step *= 10;
    return (v + step - 1) / step * step;
}

void desk_limits(struct node *n, void (*put)(void *arg, const struct limit *l), void *arg)
{
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct limit l;
        record_clear(RECORD(limit), &l);
        snprintf(l.id, sizeof l.id, "L-%zu", i + 1);
        snprintf(l.number, sizeof l.number, "L-%zu", i + 1);
        l.version = 1;
        snprintf(l.scope, sizeof l.scope, "%s", limits[i].scope);
        l.measure = limits[i].measure;
        l.limit = DEC_ONE;
        snprintf(l.unit, sizeof l.unit, "%s", limits[i].unit);
        snprintf(l.approved_by, sizeof l.approved_by, "opening desk");
        if (limits[i].share) {
            node_value(n, RECORD_limit, &l);
            dec use = l.used == DEC_NONE || l.used <= 0 ? DEC_INT(10) : l.used;
            if (dec_muldiv(use, DEC_INT(100), DEC_INT(limits[i].share), &l.limit))
                l.limit = round_limit(l.limit);
        } else if (!dec_from_double(limits[i].fixed, &l.limit))
            continue;
        l.warning = l.limit / 100 * 80;
        l.used = l.share = DEC_NONE;
        put(arg, &l);
    }
}

void desk_import_limit(void *arg, const struct limit *l)
{
    import(arg, "compliance", RECORD_limit, l);
}

/* A limit order some ticks away from the market, entered like anybody's. */
static void work_order(struct node *n, const char *book, const char *product, int nearby, uint8_t side,
                       int lots, int ticks, int64_t part)
{
    struct order_request q;
    struct instrument i;
    const struct product *p = product_named(product);
    date day = trading_business_date(node_state(n, "trading"));
    dec mark;
    product_instrument(p, month_of(p, day, nearby), &i);
    if (!cache_mark(node_cache(n), i.instrument, node_now(n), &mark))
        return;
    record_clear(RECORD(order_request), &q);
    q.id = uuid_v8(0, part, 2);
    snprintf(q.book, sizeof q.book, "%s", book);
    snprintf(q.instrument, sizeof q.instrument, "%s", i.instrument);
    q.side = side;
    q.quantity = DEC_INT(lots);
    q.price = dec_round(mark, p->tick) + (side == SIDE_BUY ? -1 : 1) * ticks * p->tick;
    q.time_in_force = TIF_GTC;
    struct command c = {.kind = COMMAND_ORDER_NEW, .expires = TIME_NONE, .version = INT64_MIN, .body = &q};
    c.actor = (struct actor){.user = "trader", .role = ROLE_TRADER, .books = "*"};
    node_command(n, &c, NULL, NULL);
}

void desk_orders(struct node *n)
{
    work_order(n, "TTF-PROP", "TTF", 1, SIDE_BUY, 10, 120, 1);
    work_order(n, "NG-US", "NG", 1, SIDE_SELL, 15, 90, 2);
    work_order(n, "OIL", "CL", 1, SIDE_BUY, 5, 150, 3);
    node_wait(n);
}
