/* Blotter: orders, trades, deals and their legs, as tabs. A refusal shows its reason under the row. */
#include <stdio.h>
#include <string.h>
#include "tui/pane.h"

#define O(row) ((const struct order *)(row))
#define T(row) ((const struct trade *)(row))
#define D(row) ((const struct deal *)(row))
#define L(row) ((const struct deal_leg *)(row))

static const char *const tabs[] = {"Orders", "Trades", "Deals", "Legs"};

static void side_cell(uint8_t side, struct shown *out)
{
    snprintf(out->text, sizeof out->text, "%s", side == SIDE_BUY ? "BUY" : "SELL");
    out->role = side == SIDE_BUY ? BUY : SELL;
}

static void o_time(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    format_clock(O(row)->created, out);
    out->role = MUTED;
}
TEXT(o_user, O(row)->user)
TEXT(o_book, O(row)->book)
TEXT(o_instrument, O(row)->instrument)
TEXT(o_type, field_enum_text(RECORD(order), "type", O(row)->type))
TEXT(o_tif, field_enum_text(RECORD(order), "time_in_force", O(row)->time_in_force))

CELL(o_side, side_cell(O(row)->side, out))
CELL(o_quantity, format_whole(O(row)->quantity, out))
static void o_price(const struct pane *p, const void *row, struct shown *out)
{
    format_price(O(row)->price, pane_tick(p, O(row)->instrument), out);
}
CELL(o_done, format_whole(O(row)->filled_quantity, out))
static void o_average(const struct pane *p, const void *row, struct shown *out)
{
    format_price(O(row)->average_price, pane_tick(p, O(row)->instrument) / 10, out);
}
static void o_status(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    const char *text = field_enum_text(RECORD(order), "status", O(row)->status);
    snprintf(out->text, sizeof out->text, "%s%s", O(row)->status == STATUS_REJECTED ? "REJECTED" : text,
             O(row)->in_doubt ? "?" : "");
    out->role = O(row)->status == STATUS_REJECTED ? HIGH
                : O(row)->status == STATUS_FILLED ? GOOD
                : O(row)->in_doubt                ? WARN
                                                  : NORMAL;
    if (O(row)->status == STATUS_CANCELLED || O(row)->status == STATUS_EXPIRED)
        out->role = MUTED;
}

static bool o_detail(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    if (O(row)->status != STATUS_REJECTED || !*O(row)->reason)
        return false;
    snprintf(out->text, sizeof out->text, "%s", O(row)->reason);
    out->role = HIGH;
    return true;
}

static const struct column order_columns[] = {
    {"Time", 8, false, "created", 3, false, o_time},
    {"User", 10, false, "user", 6, false, o_user},
    {"Book", 9, false, "book", 2, false, o_book},
    {"Side", 4, false, "side", 1, false, o_side},
    {"Qty", 5, true, "quantity", 1, false, o_quantity},
    {"Instr", 9, false, "instrument", 1, false, o_instrument},
    {"Type", 6, false, "type", 7, false, o_type},
    {"Price", 8, true, "price", 1, false, o_price},
    {"TIF", 3, false, "time_in_force", 5, false, o_tif},
    {"Done", 5, true, "filled_quantity", 2, false, o_done},
    {"Avg", 9, true, "average_price", 4, false, o_average},
    {"Status", 16, false, "status", 1, false, o_status},
};

static void t_time(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    format_clock(T(row)->time, out);
    out->role = MUTED;
}
TEXT(t_book, T(row)->book)
TEXT(t_instrument, T(row)->instrument)
TEXT(t_user, T(row)->user)
TEXT(t_venue, T(row)->venue_trade_id)
CELL(t_side, side_cell(T(row)->side, out))
CELL(t_quantity, format_whole(T(row)->quantity, out))
static void t_price(const struct pane *p, const void *row, struct shown *out)
{
    format_price(T(row)->price, pane_tick(p, T(row)->instrument), out);
}

static const struct column trade_columns[] = {
    {"Time", 8, false, "time", 2, false, t_time},
    {"User", 10, false, "user", 5, false, t_user},
    {"Book", 9, false, "book", 2, false, t_book},
    {"Side", 4, false, "side", 1, false, t_side},
    {"Qty", 5, true, "quantity", 1, false, t_quantity},
    {"Instr", 9, false, "instrument", 1, false, t_instrument},
    {"Price", 9, true, "price", 1, false, t_price},
    {"Execution", 12, false, "venue_trade_id", 6, false, t_venue},
};

TEXT(d_id, D(row)->id)
TEXT(d_book, D(row)->book)
TEXT(d_counterparty, D(row)->counterparty)
TEXT(d_agreement, D(row)->agreement)
TEXT(d_user, D(row)->user)
TEXT(d_state, field_enum_text(RECORD(deal), "state", D(row)->state))
CELL(d_version, snprintf(out->text, sizeof out->text, "%lld", (long long)D(row)->version))

static const struct column deal_columns[] = {
    {"Deal", 8, false, "id", 1, false, d_id},
    {"Ver", 3, true, "version", 4, false, d_version},
    {"Book", 9, false, "book", 1, false, d_book},
    {"Counterparty", 24, false, "counterparty", 1, false, d_counterparty},
    {"Agreement", 9, false, "agreement", 5, false, d_agreement},
    {"User", 10, false, "user", 6, false, d_user},
    {"State", 10, false, "state", 1, false, d_state},
};

TEXT(l_id, L(row)->id)
TEXT(l_product, L(row)->product)
TEXT(l_location, L(row)->location)
TEXT(l_unit, L(row)->unit)
TEXT(l_settlement, field_enum_text(RECORD(deal_leg), "settlement", L(row)->settlement))
CELL(l_side, side_cell(L(row)->side, out))
static void l_from(const struct pane *p, const void *row, struct shown *out)
{
    char text[TIME_TEXT];
    (void)p;
    snprintf(out->text, sizeof out->text, "%s", date_format(L(row)->delivery_start, text));
}
CELL(l_quantity, format_whole(L(row)->quantity, out))
CELL(l_rate, format_whole(L(row)->rate, out))
CELL(l_price, format_price(L(row)->price, DEC_ONE / 1000, out))

static const struct column leg_columns[] = {
    {"Leg", 9, false, "id", 1, false, l_id},
    {"Side", 4, false, "side", 1, false, l_side},
    {"Product", 7, false, "product", 1, false, l_product},
    {"From", 10, false, "delivery_start", 1, false, l_from},
    {"MW", 5, true, "rate", 2, false, l_rate},
    {"Quantity", 10, true, "quantity", 1, false, l_quantity},
    {"Unit", 6, false, "unit", 3, false, l_unit},
    {"Price", 8, true, "price", 1, false, l_price},
    {"Location", 10, false, "location", 4, false, l_location},
    {"Settles", 9, false, "settlement", 5, false, l_settlement},
};

static int newest_order(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return (y->created > x->created) - (y->created < x->created);
}

static int newest_trade(const void *a, const void *b)
{
    const struct trade *x = a, *y = b;
    return (y->time > x->time) - (y->time < x->time);
}

#define VIEW(id, list)                                                                                       \
    {                                                                                                        \
        .record = id, .columns = list, .column_count = sizeof list / sizeof *list                            \
    }

static void open_pane(struct pane *p)
{
    p->views[0] = (struct view)VIEW(RECORD_order, order_columns);
    p->views[1] = (struct view)VIEW(RECORD_trade, trade_columns);
    p->views[2] = (struct view)VIEW(RECORD_deal, deal_columns);
    p->views[3] = (struct view)VIEW(RECORD_deal_leg, leg_columns);
    p->views[0].order = newest_order;
    p->views[0].detail = o_detail;
    p->views[1].order = newest_trade;
    p->view = &p->views[0];
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    char title[120] = "BLOTTER";
    for (int i = 0; i < 4; i++) {
        size_t n = strlen(title);
        snprintf(title + n, sizeof title - n, i == p->tab ? " [%s]" : " %s", tabs[i]);
    }
    pane_title(p, c, r, focused, title);
    view_draw(p, p->view, c, (struct rect){r.y + 1, r.x, r.h - 1, r.w}, focused);
}

static bool command(struct pane *p, const char *name, const char *args)
{
    if (strcmp(name, "tab") != 0)
        return false;
    int next = (p->tab + 1) % 4;
    for (int i = 0; i < 4; i++)
        if (*args && (args[0] | 0x20) == (tabs[i][0] | 0x20))
            next = i;
    p->tab = next;
    p->view = &p->views[next];
    return true;
}

/* An order's fills, a deal's legs. */
static void drill(struct pane *p, char *next, size_t room)
{
    const void *row = view_row(p, p->view);
    char id[UUID_TEXT];
    if (row && p->tab == 0)
        snprintf(next, room, "open blotter trades order=%s", uuid_format(&O(row)->id, id));
    else if (row && p->tab == 2)
        snprintf(next, room, "open blotter legs deal=%s", D(row)->id);
}

const struct pane_ops pane_blotter = {"blotter", "blotter", open_pane, draw, command, drill, 4};
