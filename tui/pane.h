/* Panes: each a view on a table. To add one, write a file in tui/panes with a `const struct pane_ops` and
 * a line in panes.def. Drawing happens between client_lock and client_unlock. */
#pragma once
#include "common/filter.h"
#include "common/table.h"
#include "tui/format.h"

struct app;
struct pane;

struct column {
    const char *title;
    int width;
    bool right;
    const char *field; /* what it sorts by; NULL: it does not */
    int rank;          /* 1 stays; higher ranks go first when there is no room */
    bool busy;         /* left out by --low-bandwidth */
    void (*cell)(const struct pane *p, const void *row, struct shown *out);
};
/* A column's cell that is one statement, and one that is a text. */
#define CELL(name, ...)                                                                                      \
    static void name(const struct pane *p, const void *row, struct shown *out)                               \
    {                                                                                                        \
        (void)p;                                                                                             \
        __VA_ARGS__;                                                                                         \
    }
#define TEXT(name, ...) CELL(name, snprintf(out->text, sizeof out->text, "%s", __VA_ARGS__))
/* The instrument's tick; a hundredth where none is listed. */
dec pane_tick(const struct pane *p, const char *instrument);

/* Rows of one record: filter, order, selection, drawing. */
struct view {
    enum record_id record;
    const struct column *columns;
    int column_count;
    int (*order)(const void *a, const void *b);                               /* default order */
    bool (*include)(const struct pane *p, const void *row);                   /* NULL: every row */
    bool (*detail)(const struct pane *p, const void *row, struct shown *out); /* a second line; NULL: none */
    struct filter *filter;
    char filter_text[200];
    const struct field *sort;
    bool descending;
    char selected[100]; /* key of the selected row */
    int top, count, at; /* first row shown, rows, index of the selected one */
};
struct pane_ops {
    const char *name, *title;
    void (*open)(struct pane *p);
    void (*draw)(struct pane *p, struct canvas *c, struct rect r, bool focused);
    /* A command that means something here; false: not this pane's. NULL: none does. */
    bool (*command)(struct pane *p, const char *name, const char *args);
    /* The command that shows what is behind the selected row; NULL: nothing is. */
    void (*drill)(struct pane *p, char *command, size_t room);
    int tabs; /* views that are tabs, 0: none */
};
struct pane {
    const struct pane_ops *ops;
    struct app *app;
    int number, tab;
    struct view *view; /* that has the selection; NULL when there is none */
    struct view views[4];
    int scroll;
    bool all;         /* quotes: every instrument, not only what is held */
    char subject[40]; /* list: the stream */
};
const struct pane_ops *pane_named(const char *name); /* NULL when unknown */
#define PANE_COUNT 7
const struct pane_ops *pane_at(int i);

void view_free(struct view *v);
/* False with one line in `why`. */
bool view_filter(struct view *v, const char *text, char *why, size_t room);
bool view_sort(struct view *v, const char *field, char *why, size_t room);
/* Draws headings and rows into r. */
void view_draw(struct pane *p, struct view *v, struct canvas *c, struct rect r, bool focused);
void view_move(struct view *v, int rows, bool absolute);
/* The selected row, NULL when there is none. Between client_lock and client_unlock. */
const void *view_row(struct pane *p, const struct view *v);
/* Rows in order, for export. The caller frees. */
const void **view_rows(struct pane *p, const struct view *v, int *count);
/* A pane's title line: name, and what is special about the view. */
void pane_title(const struct pane *p, struct canvas *c, struct rect r, bool focused, const char *text);

/* What panes ask of the app. */
struct client;
struct client *app_client(const struct app *a);
bool app_low_bandwidth(const struct app *a);
int64_t app_now(const struct app *a); /* ns UTC */
/* Runs a command; false when it failed, and has said why. */
bool app_run(struct app *a, const char *command);
struct keymap;
const struct keymap *app_keymap(const struct app *a);
const struct pane *app_behind(const struct app *a); /* the pane that help lies over */
struct table *app_table(const struct app *a, enum record_id record);
