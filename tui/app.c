#include "tui/app.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"

#define WIDE_FROM 130 /* columns from which two stand beside one another */

/* What is streamed from the start. */
static const enum record_id streams[] = {RECORD_desk,  RECORD_instrument, RECORD_quote,    RECORD_book,
                                         RECORD_order, RECORD_position,   RECORD_pnl,      RECORD_var,
                                         RECORD_limit, RECORD_alert,      RECORD_tier,     RECORD_trade,
                                         RECORD_deal,  RECORD_deal_leg,   RECORD_approval, RECORD_exposure};

static int number_of(const char *name)
{
    for (int i = 0; i < PANE_COUNT; i++)
        if (!strcmp(pane_at(i)->name, name))
            return i;
    return 0;
}

static struct split *leaf(const char *name)
{
    return layout_leaf(number_of(name));
}

/* Two columns on a wide screen, the panes above one another on a narrow one. */
static void default_layout(struct app *a, bool wide)
{
    layout_free(a->layout);
    a->wide = wide;
    if (wide) {
        struct split *left = layout_join(false, 62, leaf("quotes"), leaf("blotter"));
        struct split *low = layout_join(false, 54, leaf("risk"), leaf("compliance"));
        a->layout = layout_join(true, 54, left, layout_join(false, 55, leaf("portfolio"), low));
    } else
        a->layout = layout_join(false, 40, leaf("quotes"),
                                layout_join(false, 45, leaf("blotter"), leaf("portfolio")));
}

void app_init(struct app *a)
{
    for (int i = 0; i < PANE_COUNT; i++) {
        a->panes[i] = (struct pane){.ops = pane_at(i), .app = a, .number = i};
        a->panes[i].ops->open(&a->panes[i]);
    }
    default_layout(a, true);
    a->zoom = -1;
    a->focus = number_of("quotes");
    a->desk_time = TIME_NONE;
}

void app_free(struct app *a)
{
    for (int i = 0; i < PANE_COUNT; i++)
        for (int v = 0; v < 4; v++)
            view_free(&a->panes[i].views[v]);
    layout_free(a->layout);
    canvas_free(&a->canvas);
    keymap_free(&a->keymap);
    sent_close(a->sent);
}

void app_start(struct app *a)
{
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        client_subscribe(a->client, streams[i], "");
}

/* ---- what panes ask ---- */

struct client *app_client(const struct app *a)
{
    return a->client;
}

bool app_low_bandwidth(const struct app *a)
{
    return a->low_bandwidth;
}

int64_t app_now(const struct app *a)
{
    return clock_utc(&clock_system) + a->skew;
}

struct table *app_table(const struct app *a, enum record_id record)
{
    return client_table(a->client, record);
}

const struct keymap *app_keymap(const struct app *a)
{
    return &a->keymap;
}

const struct pane *app_behind(const struct app *a)
{
    return a->back_count ? &a->panes[a->back[a->back_count - 1].focus] : &a->panes[a->focus];
}

struct pane *app_focused(struct app *a)
{
    return &a->panes[a->focus];
}

void app_say(struct app *a, enum ink role, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_clean(text, a->message, sizeof a->message);
    a->message_role = role;
    a->urgent = true;
    if (role == HIGH)
        a->failed = true;
    if (a->headless && role == HIGH)
        fprintf(stderr, "quanta-tui: %s\n", a->message);
}

const char *app_book(const struct app *a)
{
    static char first[25]; /* copied at once by every caller */
    struct link_state s;
    if (*a->book)
        return a->book;
    client_state(a->client, &s);
    snprintf(first, sizeof first, "%.*s", (int)strcspn(s.books, ","), s.books);
    if (!strcmp(first, "*")) {
        *first = 0;
        client_lock(a->client);
        struct table *books = app_table(a, RECORD_book);
        table_each(books, const struct book,
                   b) if (b->kind == BOOK_TRADING && (!*first || strcmp(b->book, first) < 0))
            snprintf(first, sizeof first, "%s", b->book);
        client_unlock(a->client);
    }
    return first;
}

void app_remember(struct app *a, int pane)
{
    const struct pane *p = &a->panes[pane];
    if (a->back_count == BACK_ROOM)
        memmove(&a->back[0], &a->back[1], sizeof a->back[0] * (size_t)--a->back_count);
    struct step *s = &a->back[a->back_count++];
    *s = (struct step){.focus = a->focus, .pane = pane, .tab = p->tab};
    snprintf(s->filter, sizeof s->filter, "%s", p->view ? p->view->filter_text : "");
}

void app_show(struct app *a, int pane)
{
    if (!layout_find(a->layout, pane)) {
        struct split *at = layout_find(a->layout, a->focus);
        if (at)
            at->pane = pane;
        a->own_layout = true;
    }
    if (a->zoom >= 0)
        a->zoom = pane;
    a->focus = pane;
}

/* ---- drawing ---- */

static void draw_pane(struct app *a, int pane, struct rect r)
{
    struct pane *p = &a->panes[pane];
    if (r.h > 0 && r.w > 0)
        p->ops->draw(p, &a->canvas, r, pane == a->focus);
}

static void draw_body(struct app *a, struct rect body)
{
    int list[PANE_COUNT * 2], n = layout_list(a->layout, list, PANE_COUNT * 2);
    if (!layout_find(a->layout, a->focus)) { /* lies over everything: help */
        draw_pane(a, a->focus, body);
        return;
    }
    layout_place(a->layout, body, a->zoom);
    for (int i = 0; i < n; i++)
        draw_pane(a, list[i], layout_find(a->layout, list[i])->at);
}

static void draw_hints(struct app *a, int y)
{
    static const char *const wanted[][2] = {{"buy", "buy"},
                                            {"sell", "sell"},
                                            {"cancel", "cancel"},
                                            {"command filter", "filter"},
                                            {"help", "help"}};
    char text[160] = "";
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *key = keymap_key(&a->keymap, app_focused(a)->ops->name, wanted[i][0]);
        size_t n = strlen(text);
        if (*key)
            snprintf(text + n, sizeof text - n, "%s%s %s", n ? "  " : "", key, wanted[i][1]);
    }
    int w = text_width(text);
    if (w < a->canvas.cols - 2)
        canvas_text(&a->canvas, y, a->canvas.cols - w, w, MUTED, text);
}

static void draw_line(struct app *a, int y, int *cy, int *cx)
{
    char prompt[LINE_ROOM + 2];
    int cols = a->canvas.cols;
    if (a->mode == MODE_LINE) {
        snprintf(prompt, sizeof prompt, ":%s", a->line);
        char before[LINE_ROOM + 2];
        snprintf(before, sizeof before, ":%.*s", a->cursor, a->line);
        int at = text_width(before), skip = at >= cols ? at - cols + 1 : 0, used;
        size_t from = text_fit(prompt, skip, &used);
        canvas_text(&a->canvas, y, 0, cols, INPUT, prompt + from);
        *cy = y;
        *cx = at - used;
    } else if (a->mode == MODE_ASK)
        canvas_text(&a->canvas, y, 0, cols, WARN, a->question);
    else if (*a->message)
        canvas_text(&a->canvas, y, 0, cols, a->message_role, a->message);
    else
        draw_hints(a, y);
}

static void follow_clock(struct app *a)
{
    const struct desk *d = table_find(app_table(a, RECORD_desk), "firm");
    if (d && d->time != a->desk_time && d->time != TIME_NONE) {
        a->desk_time = d->time;
        a->skew = d->time - clock_utc(&clock_system);
    }
}

void app_draw(struct app *a, int rows, int cols, int *y, int *x)
{
    char text[80];
    *y = *x = -1;
    canvas_resize(&a->canvas, rows, cols);
    if (rows < ROWS_LEAST || cols < COLS_LEAST) {
        snprintf(text, sizeof text, "%dx%d is too small; %dx%d at least", cols, rows, COLS_LEAST, ROWS_LEAST);
        canvas_text(&a->canvas, rows / 2, 0, cols, HIGH, text);
        return;
    }
    if (!a->own_layout && a->wide != (cols >= WIDE_FROM))
        default_layout(a, cols >= WIDE_FROM);
    int ticket = a->mode == MODE_TICKET ? ticket_height(&a->ticket) : 0;
    if (ticket > rows - 5)
        ticket = rows - 5;
    client_lock(a->client);
    follow_clock(a);
    bars_top(a, &a->canvas);
    draw_body(a, (struct rect){1, 0, rows - 3 - ticket, cols});
    client_unlock(a->client);
    if (ticket > 0)
        ticket_draw(a, &a->canvas, (struct rect){rows - 2 - ticket, 0, ticket, cols}, y, x);
    draw_line(a, rows - 2, y, x);
    bars_bottom(a, &a->canvas, rows - 1);
}
