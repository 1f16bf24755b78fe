/* Risk: VaR by book and the use of every limit, as bars with colour and figure. */
#include <stdio.h>
#include <string.h>
#include "tui/pane.h"

#define K(row) ((const struct limit *)(row))

TEXT(number, K(row)->number)
TEXT(scope, K(row)->scope)
TEXT(measure, field_enum_text(RECORD(limit), "measure", K(row)->measure))
static void figure(dec v, struct shown *out)
{
    char text[DEC_TEXT];
    if (v != DEC_NONE && dec_abs(v) < DEC_INT(10) && v % DEC_ONE)
        dec_format(v, text);
    else
        dec_format_places(v, 0, true, text);
    snprintf(out->text, sizeof out->text, "%s", text);
}
static enum ink level(const struct limit *l)
{
    if (l->used == DEC_NONE)
        return NORMAL;
    return l->used > l->limit ? HIGH : l->warning != DEC_NONE && l->used >= l->warning ? WARN : BAR;
}
static void used(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    figure(K(row)->used, out);
    out->role = level(row) == BAR ? NORMAL : level(row);
}
CELL(most, figure(K(row)->limit, out))
static void unit(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    snprintf(out->text, sizeof out->text, "%s", K(row)->unit);
    out->role = MUTED;
}
static void bar(const struct pane *p, const void *row, struct shown *out)
{
    dec share = K(row)->share;
    (void)p;
    if (share == DEC_NONE)
        return;
    int tenths = (int)(share / DEC_INT(10));
    if (tenths > 10)
        tenths = 10;
    snprintf(out->text, sizeof out->text, "[%.*s%.*s]", tenths < 0 ? 0 : tenths, "##########",
             10 - (tenths < 0 ? 0 : tenths), "..........");
    out->role = level(row);
}
static void share(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    if (K(row)->share == DEC_NONE)
        return;
    char text[DEC_TEXT];
    dec_format_places(K(row)->share, 0, false, text);
    snprintf(out->text, sizeof out->text, "%s%%", text);
    out->role = level(row) == BAR ? NORMAL : level(row);
}

static const struct column columns[] = {
    {"Limit", 5, false, "number", 3, false, number},      {"Scope", 14, false, "scope", 1, false, scope},
    {"Measure", 12, false, "measure", 1, false, measure}, {"Used", 10, true, "used", 1, false, used},
    {"Limit", 10, true, "limit", 1, false, most},         {"Unit", 5, false, "unit", 4, false, unit},
    {"Use", 12, false, "share", 2, false, bar},           {"", 4, true, NULL, 1, false, share},
};

/* What is used most comes first; limits without a use of their own last. */
static int order(const void *a, const void *b)
{
    const struct limit *x = a, *y = b;
    int64_t s = x->share == DEC_NONE ? -1 : x->share, t = y->share == DEC_NONE ? -1 : y->share;
    s /= DEC_INT(5);
    t /= DEC_INT(5); /* in steps of 5%: rows do not dance */
    return s != t ? (s < t) - (s > t) : strcmp(x->number, y->number);
}

static void open_pane(struct pane *p)
{
    p->views[0] = (struct view){.record = RECORD_limit,
                                .columns = columns,
                                .column_count = sizeof columns / sizeof *columns,
                                .order = order};
    p->view = &p->views[0];
}

static void draw_var(const struct pane *p, struct canvas *c, int y, struct rect r)
{
    char line[300], when[TIME_TEXT];
    struct table *t = app_table(p->app, RECORD_var);
    const struct var *firm = table_find(t, "FIRM");
    struct shown v = {.role = NORMAL}, es = {.role = NORMAL};
    dec sum = 0;
    if (!firm) {
        canvas_text(c, y, r.x + 1, r.w - 1, MUTED, "VaR is being computed");
        return;
    }
    format_whole(firm->var, &v);
    format_whole(firm->expected_shortfall, &es);
    snprintf(line, sizeof line, "VaR %.40s  ES %.40s  %lld changes  worst %s%s%s", v.text, es.text,
             (long long)firm->scenarios, date_format(firm->worst_date, when),
             *firm->forced_absolute ? "  absolute: " : "", firm->forced_absolute);
    canvas_text(c, y, r.x + 1, r.w - 1, NORMAL, line);
    *line = 0;
    table_each(t, const struct var, b)
    {
        if (!strcmp(b->book, "FIRM") || b->var == DEC_NONE)
            continue;
        format_whole(b->var, &v);
        size_t n = strlen(line);
        snprintf(line + n, sizeof line - n, "%s %.30s  ", b->book, v.text);
        sum += b->var;
    }
    format_whole(sum - firm->var, &v);
    size_t n = strlen(line);
    snprintf(line + n, sizeof line - n, "less %.30s diversification", v.text);
    canvas_text(c, y + 1, r.x + 1, r.w - 1, MUTED, line);
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    pane_title(p, c, r, focused, "RISK  1d 99% historical, 500d, EUR");
    if (r.h > 2)
        draw_var(p, c, r.y + 1, r);
    if (r.h > 4)
        view_draw(p, p->view, c, (struct rect){r.y + 3, r.x, r.h - 3, r.w}, focused);
}

const struct pane_ops pane_risk = {"risk", "risk", open_pane, draw, NULL, NULL, 0};
