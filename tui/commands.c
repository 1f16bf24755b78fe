/* The commands that move about and look; those that trade are in orders.c. To add one, write a function
 * here or there and a line in commands.def. A function answers false when it failed, and has said why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tui/app.h"
#include "tui/orders.h"

#define FAIL(a, ...) (app_say(a, HIGH, __VA_ARGS__), false)

static int pane_number(const char *name)
{
    for (int i = 0; i < PANE_COUNT; i++)
        if (!strcmp(pane_at(i)->name, name))
            return i;
    return -1;
}

/* The first word of *args; *args goes on behind it. */
const char *command_word(const char **args, char *out, size_t room)
{
    while (**args == ' ')
        (*args)++;
    size_t n = strcspn(*args, " ");
    snprintf(out, room, "%.*s", (int)n, *args);
    *args += n;
    while (**args == ' ')
        (*args)++;
    return out;
}

/* ---- screen ---- */

static bool do_quit(struct app *a, const char *args)
{
    (void)args;
    a->quit = true;
    return true;
}

static bool do_help(struct app *a, const char *args)
{
    (void)args;
    if (a->headless) {
        for (int i = 0; command_at(i); i++)
            printf("%-12s %-40s %s\n", command_at(i)->name, command_at(i)->args, command_at(i)->help);
        return true;
    }
    int help = pane_number("help");
    if (a->focus == help)
        return app_run(a, "back");
    app_remember(a, help);
    a->panes[help].scroll = 0;
    a->focus = help;
    return true;
}

static bool do_focus(struct app *a, const char *args)
{
    int list[PANE_COUNT * 2], n = layout_list(a->layout, list, PANE_COUNT * 2), at = 0;
    for (int i = 0; i < n; i++)
        if (list[i] == a->focus)
            at = i;
    if (!strcmp(args, "next") || !strcmp(args, "prev"))
        app_show(a, list[(at + (*args == 'n' ? 1 : n - 1)) % n]);
    else if (pane_number(args) >= 0)
        app_show(a, pane_number(args));
    else
        return FAIL(a, "focus '%s': expected next, prev or a pane", args);
    return true;
}

static bool set_filter(struct app *a, struct pane *p, const char *text)
{
    char why[200];
    if (!p->view)
        return FAIL(a, "this pane has no rows to filter");
    return view_filter(p->view, text, why, sizeof why) ? true : FAIL(a, "%s", why);
}

/* open PANE [TAB] [FILTER]; open list STREAM [FILTER]. */
static bool do_open(struct app *a, const char *args)
{
    char name[40], tab[40] = "";
    int pane = pane_number(command_word(&args, name, sizeof name));
    if (pane < 0)
        return FAIL(a, "open '%s': expected a pane", name);
    struct pane *p = &a->panes[pane];
    app_remember(a, pane);
    size_t first = strcspn(args, " ");
    bool tabbed = *args && !strpbrk(args, "=<>~") ? true : *args && strcspn(args, "=<>~!(") > first;
    if (tabbed)
        command_word(&args, tab, sizeof tab);
    if (!strcmp(name, "list")) {
        const struct record *r = record_plural(tab);
        if (!r || r->flags & RECORD_TRANSIENT)
            return FAIL(a, "open list '%s': expected a stream, such as marks", tab);
        view_free(&p->views[0]);
        snprintf(p->subject, sizeof p->subject, "%s", tab);
        p->ops->open(p);
        p->scroll = 0;
        client_subscribe(a->client, record_index(r), "");
    }
    app_show(a, pane);
    if (*tab && strcmp(name, "list") != 0 && p->ops->command)
        p->ops->command(p, "tab", tab);
    return set_filter(a, p, args);
}

static bool do_split(struct app *a, const char *args)
{
    char how[16], name[40];
    command_word(&args, how, sizeof how);
    int pane = pane_number(command_word(&args, name, sizeof name));
    bool beside = !strcmp(how, "beside");
    if ((!beside && strcmp(how, "below") != 0) || pane < 0)
        return FAIL(a, "split: expected beside or below, and a pane");
    if (layout_find(a->layout, pane))
        return FAIL(a, "%s is on the screen already", name);
    if (!layout_split(a->layout, a->focus, beside, pane))
        return FAIL(a, "split: the pane that has the keys is not part of the layout");
    a->own_layout = true;
    a->focus = pane;
    return true;
}

static bool do_shut(struct app *a, const char *args)
{
    int list[PANE_COUNT * 2];
    (void)args;
    if (!layout_find(a->layout, a->focus))
        return app_run(a, "back");
    if (!layout_close(&a->layout, a->focus))
        return FAIL(a, "the last pane stays");
    a->own_layout = true;
    a->zoom = -1;
    layout_list(a->layout, list, PANE_COUNT * 2);
    a->focus = list[0];
    return true;
}

static bool do_zoom(struct app *a, const char *args)
{
    (void)args;
    a->zoom = a->zoom >= 0 ? -1 : a->focus;
    return true;
}

static bool do_grow(struct app *a, const char *args)
{
    bool wide = !strcmp(args, "wide"), narrow = !strcmp(args, "narrow"), tall = !strcmp(args, "tall");
    if (!wide && !narrow && !tall && strcmp(args, "short") != 0)
        return FAIL(a, "grow '%s': expected wide, narrow, tall or short", args);
    if (!layout_grow(a->layout, a->focus, wide || narrow, wide || tall ? 5 : -5))
        return FAIL(a, "there is nothing to take room from");
    a->own_layout = true;
    return true;
}

static bool do_command(struct app *a, const char *args)
{
    char text[LINE_ROOM];
    snprintf(text, sizeof text, "%.280s%s", args, *args ? " " : "");
    if (!strcmp(args, "filter") && app_focused(a)->view)
        snprintf(text, sizeof text, "filter %s", app_focused(a)->view->filter_text);
    app_line_open(a, text);
    return true;
}

static bool do_redraw(struct app *a, const char *args)
{
    (void)args;
    if (a->screen)
        screen_redraw(a->screen);
    return true;
}

static bool do_theme(struct app *a, const char *args)
{
    struct theme t;
    char why[400];
    if (!theme_load(args, &t, why, sizeof why))
        return FAIL(a, "%s", why);
    a->theme = t;
    if (a->screen)
        screen_theme(a->screen, &t);
    return true;
}

static bool do_keymap(struct app *a, const char *args)
{
    struct keymap k;
    char why[400];
    if (!keymap_load(args, command_known, &k, why, sizeof why))
        return FAIL(a, "%s", why);
    keymap_free(&a->keymap);
    a->keymap = k;
    return true;
}

/* ---- rows ---- */

static bool ask_pane(struct app *a, const char *name, const char *args)
{
    struct pane *p = app_focused(a);
    client_lock(a->client);
    bool done = p->ops->command && p->ops->command(p, name, args);
    client_unlock(a->client);
    return done;
}

static bool do_tab(struct app *a, const char *args)
{
    return ask_pane(a, "tab", args) ? true : FAIL(a, "this pane has no tabs");
}

static bool do_watch(struct app *a, const char *args)
{
    return ask_pane(a, "watch", args) ? true : FAIL(a, "watch: for the quotes pane");
}

static bool move(struct app *a, int rows, bool absolute)
{
    struct pane *p = app_focused(a);
    if (p->view)
        view_move(p->view, rows, absolute);
    else {
        p->scroll = absolute ? (rows < 0 ? 1 << 20 : 0) : p->scroll + rows;
        if (p->scroll < 0)
            p->scroll = 0;
    }
    return true;
}

static int page(struct app *a)
{
    struct split *s = layout_find(a->layout, a->focus);
    int h = s ? s->at.h : a->canvas.rows - 3;
    return h > 4 ? h - 3 : 1;
}

static int times(const char *args)
{
    int n = atoi(args);
    return n > 0 ? n : 1;
}

static bool do_down(struct app *a, const char *args)
{
    return move(a, times(args), false);
}

static bool do_up(struct app *a, const char *args)
{
    return move(a, -times(args), false);
}

static bool do_page_down(struct app *a, const char *args)
{
    (void)args;
    return move(a, page(a), false);
}

static bool do_page_up(struct app *a, const char *args)
{
    (void)args;
    return move(a, -page(a), false);
}

static bool do_top(struct app *a, const char *args)
{
    (void)args;
    return move(a, 0, true);
}

static bool do_bottom(struct app *a, const char *args)
{
    (void)args;
    return move(a, -1, true);
}

static bool do_left(struct app *a, const char *args)
{
    ask_pane(a, "left", args);
    return true;
}

static bool do_right(struct app *a, const char *args)
{
    ask_pane(a, "right", args);
    return true;
}

static bool do_filter(struct app *a, const char *args)
{
    return set_filter(a, app_focused(a), args);
}

static bool do_sort(struct app *a, const char *args)
{
    char why[200];
    struct pane *p = app_focused(a);
    if (!p->view)
        return FAIL(a, "this pane has no rows to sort");
    return view_sort(p->view, args, why, sizeof why) ? true : FAIL(a, "%s", why);
}

/* A pane's drill runs `open`, which takes the lock itself: the row is read under it, the command after. */
static bool do_drill(struct app *a, const char *args)
{
    char next[200] = "";
    struct pane *p = app_focused(a);
    (void)args;
    if (!p->ops->drill)
        return FAIL(a, "nothing is behind this row");
    client_lock(a->client);
    p->ops->drill(p, next, sizeof next);
    client_unlock(a->client);
    return *next ? app_run(a, next) : FAIL(a, "nothing is behind this row");
}

static bool do_back(struct app *a, const char *args)
{
    char why[200];
    struct pane *p = app_focused(a);
    (void)args;
    if (p->view && p->view->filter && !a->back_count) {
        view_filter(p->view, "", why, sizeof why);
        return true;
    }
    if (!a->back_count)
        return true;
    const struct step *s = &a->back[--a->back_count];
    p = &a->panes[s->pane];
    if (p->view) /* the filter of the drill goes with it */
        view_filter(p->view, "", why, sizeof why);
    if (p->ops->tabs) {
        p->tab = s->tab;
        p->view = &p->views[s->tab];
    }
    if (p->view)
        view_filter(p->view, s->filter, why, sizeof why);
    app_show(a, s->focus);
    return true;
}

/* ---- desk ---- */

static bool write_file(const char *path, const struct buf *b)
{
    FILE *f = fopen(path, "wx");
    if (!f)
        return false;
    bool ok = fwrite(b->data ? b->data : "", 1, b->length, f) == b->length;
    return fclose(f) == 0 && ok;
}

static bool do_export(struct app *a, const char *args)
{
    struct pane *p = app_focused(a);
    struct buf b = {0};
    int count;
    size_t n = strlen(args);
    bool json = n > 5 && !strcmp(args + n - 5, ".json");
    if (!p->view || (!json && (n < 5 || strcmp(args + n - 4, ".csv") != 0)))
        return FAIL(a, "export '%s': expected a file ending in .csv or .json, and a pane with rows", args);
    client_lock(a->client);
    const void **rows = view_rows(p, p->view, &count);
    output_rows(record_of(p->view->record), rows, count, json ? OUTPUT_JSON : OUTPUT_CSV, &b);
    free(rows);
    client_unlock(a->client);
    bool ok = write_file(args, &b);
    buf_free(&b);
    if (!ok)
        return FAIL(a, "%s: cannot be written, or is there already", args);
    app_say(a, NORMAL, "%d rows in %s", count, args);
    return true;
}

static bool do_user(struct app *a, const char *args)
{
    char why[200];
    if (!*args)
        return FAIL(a, "user: expected a name, such as trader, risk or compliance");
    if (!client_user(a->client, args, why, sizeof why))
        return FAIL(a, "%s", why);
    *a->book = 0;
    app_say(a, NORMAL, "signed in as %s", args);
    return true;
}

static bool do_market(struct app *a, const char *args)
{
    struct market_request q;
    struct buf b = {0};
    char action[16], text[24], why[120];
    record_clear(RECORD(market_request), &q);
    command_word(&args, action, sizeof action);
    command_word(&args, text, sizeof text);
    snprintf(q.action, sizeof q.action, "%.8s", action);
    if (*text && !field_set(record_field(RECORD(market_request), "speed"), &q, text, why, sizeof why))
        return FAIL(a, "%s", why);
    record_json(RECORD(market_request), &q, &b);
    app_send(a, "POST", "/v1/trading/market", b.data, INT64_MIN, NULL, "market told");
    buf_free(&b);
    return !a->failed;
}

static bool do_day_roll(struct app *a, const char *args)
{
    (void)args;
    app_send(a, "POST", "/v1/trading/day-roll", NULL, INT64_MIN, RECORD(halt), "the business date is closed");
    return !a->failed;
}

static void var_told(struct app *a, int64_t tag, int status, const char *body)
{
    struct var_answer v;
    char text[300], number[2][DEC_TEXT], when[TIME_TEXT];
    (void)tag;
    if (status != 200 || !record_parse(RECORD(var_answer), body, strlen(body), &v)) {
        client_problem(body, text, sizeof text);
        app_say(a, HIGH, "var: %s", text);
        return;
    }
    if (a->headless) {
        output_answer(RECORD(var_answer), body, a->output);
        return;
    }
    dec_format_places(v.var, 0, true, number[0]);
    dec_format_places(v.expected_shortfall, 0, true, number[1]);
    app_say(a, NORMAL, "%s: VaR %s, ES %s %s over %lld changes, worst %s, marks %s", v.book, number[0],
            number[1], v.currency, (long long)v.scenarios, date_format(v.worst_date, when), v.marks);
}

static bool do_var(struct app *a, const char *args)
{
    static const char *const fields[] = {"book", "confidence", "window"};
    struct var_request q;
    struct buf b = {0};
    char word[40], why[120];
    record_clear(RECORD(var_request), &q);
    for (int i = 0; i < 3 && *command_word(&args, word, sizeof word); i++)
        if (!field_set(record_field(RECORD(var_request), fields[i]), &q, word, why, sizeof why))
            return FAIL(a, "%s", why);
    record_json(RECORD(var_request), &q, &b);
    app_ask(a, "POST", "/v1/risk/var", b.data, 0, var_told);
    buf_free(&b);
    return !a->failed;
}

static bool do_list(struct app *a, const char *args)
{
    char name[40], text[300], why[200];
    if (!a->headless) {
        snprintf(text, sizeof text, "open list %.250s", args);
        return app_run(a, text);
    }
    const struct record *r = record_plural(command_word(&args, name, sizeof name));
    if (!r || r->flags & RECORD_TRANSIENT)
        return FAIL(a, "list '%s': expected a stream, such as orders", name);
    struct filter *f = filter_new(r, args, why, sizeof why);
    if (!f)
        return FAIL(a, "%s", why);
    client_subscribe(a->client, record_index(r), "");
    bool answered = client_wait(a->client, 5);
    struct buf b = {0};
    int count = 0;
    client_lock(a->client);
    struct table *t = app_table(a, record_index(r));
    const void **rows = mem_new((size_t)(t->count + 1) * sizeof *rows);
    table_each(t, const void, row) if (filter_match(f, row)) rows[count++] = row;
    output_rows(r, rows, count, a->output, &b);
    client_unlock(a->client);
    free(rows);
    filter_free(f);
    if (answered)
        fwrite(b.data ? b.data : "", 1, b.length, stdout);
    buf_free(&b);
    return answered ? true : FAIL(a, "list: %s do not stream", name);
}

static bool do_status(struct app *a, const char *args)
{
    struct link_state s;
    (void)args;
    client_state(a->client, &s);
    client_lock(a->client);
    const struct desk *d = table_find(app_table(a, RECORD_desk), "firm");
    struct buf b = {0};
    const void *rows[] = {d};
    if (a->headless && d)
        output_rows(RECORD(desk), rows, 1, a->output, &b);
    client_unlock(a->client);
    if (a->headless) {
        if (a->output == OUTPUT_TABLE)
            printf("user %s (%s), books %s, %s\n", s.user, s.role, s.books,
                   s.connected ? "connected" : s.problem);
        fwrite(b.data ? b.data : "", 1, b.length, stdout);
    } else
        app_say(a, NORMAL, "user %s (%s), books %s, %s, %llu reconnects, %llu bytes", s.user, s.role, s.books,
                s.connected ? "connected" : s.problem, (unsigned long long)s.reconnects,
                (unsigned long long)s.bytes);
    buf_free(&b);
    return true;
}

static bool do_wait(struct app *a, const char *args)
{
    char *end;
    double seconds = strtod(args, &end);
    if (end == args || *end || !(seconds >= 0 && seconds <= 3600))
        return FAIL(a, "wait '%s': expected seconds, at most 3600", args);
    if (!a->headless)
        return FAIL(a, "wait is for -e");
    int64_t until = clock_mono(&clock_system) + (int64_t)(seconds * 1e9);
    for (int64_t left; (left = until - clock_mono(&clock_system)) > 0;) {
        struct timespec t = {0, left > 50 * MILLI ? 50 * MILLI : left};
        nanosleep(&t, NULL);
        client_poll(a->client);
    }
    return true;
}

/* ---- the table ---- */

static const struct command_entry commands[] = {
#define X(name, function, args, group, help) {#name, args, group, help, do_##function},
#include "tui/commands.def"
#undef X
};

const struct command_entry *command_at(int i)
{
    return i >= 0 && i < (int)(sizeof commands / sizeof *commands) ? &commands[i] : NULL;
}

static const struct command_entry *command_named(const char *name)
{
    for (int i = 0; command_at(i); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

bool command_known(const char *name)
{
    return command_named(name) != NULL;
}

bool app_run(struct app *a, const char *line)
{
    char name[40], args[LINE_ROOM];
    const char *p = line;
    command_word(&p, name, sizeof name);
    snprintf(args, sizeof args, "%s", p);
    size_t n = strlen(args);
    while (n && args[n - 1] == ' ')
        args[--n] = 0;
    if (!*name)
        return true;
    const struct command_entry *c = command_named(name);
    a->failed = false;
    if (!c)
        return FAIL(a, "%s: no such command; :help lists them", name);
    return c->run(a, args) && !a->failed;
}
