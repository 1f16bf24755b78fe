/* Portfolio: positions by book and instrument or deal leg, the P&L of each book and the firm below. */
#include <stdio.h>
#include <string.h>
#include "tui/pane.h"

#define X(row) ((const struct position *)(row))

static void name(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    if (*X(row)->leg)
        snprintf(out->text, sizeof out->text, "%s %s", X(row)->leg, X(row)->instrument);
    else
        snprintf(out->text, sizeof out->text, "%s", X(row)->instrument);
}
static void book(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    snprintf(out->text, sizeof out->text, "%s", X(row)->book);
    out->role = MUTED;
}
static void lots(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    if (X(row)->lots != DEC_NONE)
        format_lots(X(row)->lots, out);
    else
        snprintf(out->text, sizeof out->text, "%s",
                 X(row)->settlement == SETTLEMENT_PHYSICAL ? "phys" : "fin");
}
static void quantity(const struct pane *p, const void *row, struct shown *out)
{
    struct shown n = {.role = NORMAL};
    (void)p;
    format_lots(X(row)->quantity, &n);
    snprintf(out->text, sizeof out->text, "%.100s%s", n.text, X(row)->unit);
}
static void average(const struct pane *p, const void *row, struct shown *out)
{
    format_price(X(row)->average_price, pane_tick(p, X(row)->instrument), out);
}
static void mark(const struct pane *p, const void *row, struct shown *out)
{
    format_price(X(row)->mark, pane_tick(p, X(row)->instrument), out);
    out->role = X(row)->stale ? STALE : NORMAL;
}
CELL(day, format_money(X(row)->day, out))
CELL(unrealised, format_money(X(row)->unrealised_base, out))
CELL(realised, format_money(X(row)->realised, out))

static const struct column columns[] = {
    {"Instr", 15, false, "instrument", 1, false, name},
    {"Book", 8, false, "book", 5, false, book},
    {"Lots", 5, true, "lots", 1, false, lots},
    {"Quantity", 13, true, "quantity", 4, true, quantity},
    {"Avg", 8, true, "average_price", 3, false, average},
    {"Mark", 8, true, "mark", 2, false, mark},
    {"DayEUR", 8, true, "day", 1, false, day},
    {"UnrEUR", 8, true, "unrealised_base", 2, false, unrealised},
    {"Realised", 9, true, "realised", 6, false, realised},
};

static int order(const void *a, const void *b)
{
    const struct position *x = a, *y = b;
    int c = strcmp(x->book, y->book);
    if (!c)
        c = strcmp(x->product, y->product);
    if (!c)
        c = (x->delivery_start > y->delivery_start) - (x->delivery_start < y->delivery_start);
    return c ? c : strcmp(x->leg, y->leg);
}

static void open_pane(struct pane *p)
{
    p->views[0] = (struct view){.record = RECORD_position,
                                .columns = columns,
                                .column_count = sizeof columns / sizeof *columns,
                                .order = order};
    p->view = &p->views[0];
}

/* One line a book: day, month and year against the last closes. */
static void draw_pnl(const struct pane *p, struct canvas *c, int y, struct rect r, const char *name_of)
{
    char id[40];
    struct shown figure = {.role = NORMAL};
    snprintf(id, sizeof id, "%.24s/live", name_of);
    const struct pnl *l = table_find(app_table(p->app, RECORD_pnl), id);
    bool firm = !strcmp(name_of, "FIRM");
    const dec values[] = {l ? l->day : DEC_NONE, l ? l->month : DEC_NONE, l ? l->year : DEC_NONE,
                          l ? l->unrealised : DEC_NONE};
    static const char *const labels[] = {"day", "month", "year", "unr"};
    int x = r.x + 1 + canvas_text(c, y, r.x + 1, 10, firm ? FOCUS : NORMAL, name_of);
    x = r.x + 11;
    for (int i = 0; i < 4 && x + 15 <= r.x + r.w; i++) {
        canvas_text(c, y, x, 6, MUTED, labels[i]);
        format_money(values[i], &figure);
        canvas_right(c, y, x + 5, 10, figure.role, figure.text);
        x += 16;
    }
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    const char *names[12];
    int n = 0;
    struct table *books = app_table(p->app, RECORD_book);
    table_each(books, const struct book, b) if (b->kind == BOOK_TRADING && n < 11) names[n++] = b->book;
    names[n++] = "FIRM";
    int lines = r.h > n + 4 ? n : 1, first = lines == 1 ? n - 1 : 0;
    pane_title(p, c, r, focused, "PORTFOLIO  P&L in EUR");
    view_draw(p, p->view, c, (struct rect){r.y + 1, r.x, r.h - 1 - lines, r.w}, focused);
    for (int i = 0; i < lines; i++)
        draw_pnl(p, c, r.y + r.h - lines + i, r, names[first + i]);
}

/* The fills behind the position, or its deal's leg. */
static void drill(struct pane *p, char *next, size_t room)
{
    const struct position *x = view_row(p, p->view);
    if (x && *x->leg)
        snprintf(next, room, "open blotter legs id=%s", x->leg);
    else if (x)
        snprintf(next, room, "open blotter trades book=%s and instrument=%s", x->book, x->instrument);
}

const struct pane_ops pane_portfolio = {"portfolio", "portfolio", open_pane, draw, NULL, drill, 0};
