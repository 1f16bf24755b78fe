/* Quotes: best bid and offer of what the desk holds and works, or of everything. */
#include <stdio.h>
#include <string.h>
#include "common/product.h"
#include "tui/pane.h"

#define STALE_AFTER (5 * SECOND)
#define Q(row)      ((const struct quote *)(row))

TEXT(instrument, Q(row)->instrument)

static enum ink fresh(const struct pane *p, const void *row)
{
    return app_now(p->app) - Q(row)->time > STALE_AFTER ? STALE : NORMAL;
}

#define PRICE(name, member)                                                                                  \
    static void name(const struct pane *p, const void *row, struct shown *out)                               \
    {                                                                                                        \
        format_price(Q(row)->member, Q(row)->tick, out);                                                     \
        out->role = fresh(p, row);                                                                           \
    }
PRICE(bid, bid)
PRICE(ask, ask)
PRICE(last, last)

static void settle(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    format_price(Q(row)->settle, Q(row)->tick, out);
    out->role = MUTED;
}

CELL(bid_quantity, format_whole(Q(row)->bid_quantity, out))

CELL(ask_quantity, format_whole(Q(row)->ask_quantity, out))

static void change(const struct pane *p, const void *row, struct shown *out)
{
    format_signed_price(Q(row)->change, Q(row)->tick, out);
    if (fresh(p, row) == STALE)
        out->role = STALE;
}

CELL(volume, format_whole(Q(row)->volume, out))

static void age(const struct pane *p, const void *row, struct shown *out)
{
    format_age(Q(row)->time, app_now(p->app), STALE_AFTER, out);
    if (app_low_bandwidth(p->app) && out->role != STALE)
        *out->text = 0;
}

static bool net_lots(const struct pane *p, const char *name, dec *lots)
{
    bool any = false;
    *lots = 0;
    struct table *t = app_table(p->app, RECORD_position);
    table_each(t, const struct position, x) if (!strcmp(x->instrument, name))
    {
        any = true;
        if (x->lots != DEC_NONE)
            *lots += x->lots;
    }
    return any;
}

static void position(const struct pane *p, const void *row, struct shown *out)
{
    dec lots;
    if (net_lots(p, Q(row)->instrument, &lots) && lots)
        format_lots(lots, out);
}

static const struct column columns[] = {
    {"Instr", 9, false, "instrument", 1, false, instrument},
    {"BidQ", 4, true, "bid_quantity", 5, true, bid_quantity},
    {"Bid", 8, true, "bid", 1, false, bid},
    {"Ask", 8, true, "ask", 1, false, ask},
    {"AskQ", 4, true, "ask_quantity", 5, true, ask_quantity},
    {"Last", 8, true, "last", 2, false, last},
    {"Chg", 8, true, "change", 3, true, change},
    {"Settle", 8, true, "settle", 6, false, settle},
    {"Vol", 6, true, "volume", 7, true, volume},
    {"Age", 4, true, "time", 4, false, age},
    {"Pos", 5, true, NULL, 3, false, position},
};

/* Products in the order of products.def, rates last; months ascending. */
static int rank(const char *product)
{
    int i = 0;
    while (product_at(i) && strcmp(product_at(i)->code, product) != 0)
        i++;
    return i;
}

static int order(const void *a, const void *b)
{
    const struct quote *x = a, *y = b;
    int c = rank(x->product) - rank(y->product);
    size_t n = strlen(x->instrument), m = strlen(y->instrument);
    if (c || n < 3 || m < 3)
        return c ? c : strcmp(x->instrument, y->instrument);
    c = strcmp(x->instrument + n - 2, y->instrument + m - 2); /* year, then month letter */
    return c ? c : x->instrument[n - 3] - y->instrument[m - 3];
}

static bool held(const struct pane *p, const void *row)
{
    dec lots;
    if (p->all || net_lots(p, Q(row)->instrument, &lots) || !strcmp(Q(row)->venue, "FX"))
        return true;
    struct table *t = app_table(p->app, RECORD_order);
    table_each(t, const struct order, o) if (!strcmp(o->instrument, Q(row)->instrument)) return true;
    return false;
}

static void open_pane(struct pane *p)
{
    struct view *v = &p->views[0];
    *v = (struct view){.record = RECORD_quote,
                       .columns = columns,
                       .column_count = sizeof columns / sizeof *columns,
                       .order = order,
                       .include = held};
    p->view = v;
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    pane_title(p, c, r, focused, p->all ? "QUOTES all" : "QUOTES held and worked");
    view_draw(p, p->view, c, (struct rect){r.y + 1, r.x, r.h - 1, r.w}, focused);
}

static bool command(struct pane *p, const char *name, const char *args)
{
    if (strcmp(name, "watch") != 0)
        return false;
    p->all = !strcmp(args, "all") || (strcmp(args, "held") != 0 && !p->all);
    return true;
}

/* What works and was done in the instrument. */
static void drill(struct pane *p, char *next, size_t room)
{
    const struct quote *q = view_row(p, p->view);
    if (q)
        snprintf(next, room, "open blotter orders instrument=%s", q->instrument);
}

const struct pane_ops pane_quotes = {"quotes", "quotes", open_pane, draw, command, drill, 0};
