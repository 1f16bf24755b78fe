/* The running workstation: panes, focus, modes and messages. app.c draws it, bars.c its first and last
 * lines, commands.c and orders.c act, requests.c talks to the backend, run.c is the loop with a terminal,
 * headless.c the one without. */
#pragma once
#include "client/client.h"
#include "tui/keymap.h"
#include "tui/layout.h"
#include "tui/pane.h"
#include "tui/screen.h"
#include "tui/sent.h"
#include "tui/theme.h"
#include "tui/ticket.h"

enum mode { MODE_KEYS, MODE_LINE, MODE_TICKET, MODE_ASK };
enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV };
#define LINE_ROOM  300
#define BACK_ROOM  16
#define PAST_ROOM  50
#define ROWS_LEAST 8
#define COLS_LEAST 40

/* What `back` returns to: the pane that had the keys, and what the pane that was opened showed before. */
struct step {
    int focus, pane, tab;
    char filter[200];
};
struct config;
struct app {
    struct client *client;
    struct screen *screen; /* NULL: no terminal */
    struct canvas canvas;
    struct theme theme;
    struct keymap keymap;
    struct sent *sent;
    struct pane panes[PANE_COUNT];
    struct split *layout;
    bool own_layout; /* the user has changed it: a resize leaves it alone */
    bool wide;       /* which of the two default layouts stands */
    int focus, zoom; /* zoom: -1 for none. A focused pane outside the layout lies over everything */
    enum mode mode;
    struct ticket ticket;
    char line[LINE_ROOM]; /* the command line */
    int cursor;
    char past[PAST_ROOM][LINE_ROOM];
    int past_count, past_at;
    char asked[LINE_ROOM], question[200];
    char message[400];
    enum ink message_role;
    struct step back[BACK_ROOM];
    int back_count;
    char book[25];           /* for new orders; "" until one is chosen */
    int64_t skew, desk_time; /* the backend's clock less ours, ns; the desk row it was read from */
    bool readonly, low_bandwidth, quit;
    bool urgent; /* somebody waits for what changed: paint now */
    /* without a terminal */
    bool headless, failed;
    enum output output;
};

/* app.c */
void app_init(struct app *a);
void app_free(struct app *a);
/* Subscribes what the panes show. */
void app_start(struct app *a);
/* Paints one frame into a->canvas; the cursor's place, y < 0 when there is none. */
void app_draw(struct app *a, int rows, int cols, int *y, int *x);
struct pane *app_focused(struct app *a);
void app_say(struct app *a, enum ink role, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Book for new orders: chosen, else the first in the user's scope. */
const char *app_book(const struct app *a);
/* Shows the pane: focuses it where it stands, else puts it in the place of the focused one. */
void app_show(struct app *a, int pane);
/* Before a pane is opened from another one. */
void app_remember(struct app *a, int pane);

/* commands.c: the table of commands, from commands.def. */
struct command_entry {
    const char *name, *args, *group, *help;
    bool (*run)(struct app *a, const char *args);
};
const struct command_entry *command_at(int i); /* NULL past the last */
bool command_known(const char *name);
/* The key of the row that the focused pane has selected, if it shows that record; false otherwise. */
bool app_selected(struct app *a, enum record_id record, void *row);

/* bars.c */
void bars_top(struct app *a, struct canvas *c);
void bars_bottom(struct app *a, struct canvas *c, int y);

/* requests.c: what a finished request means to the person who asked. `verb` is what was done, in words; a
 * row of `answer` (NULL: none) is printed when there is no screen. Without a screen they wait. */
void app_send(struct app *a, const char *method, const char *path, const char *body, int64_t version,
              const struct record *answer, const char *verb);
typedef void answer_fn(struct app *a, int64_t tag, int status, const char *body);
void app_ask(struct app *a, const char *method, const char *path, const char *body, int64_t tag,
             answer_fn *done);
/* Sends an order that was reviewed: its id is stored first. */
void app_send_order(struct app *a, struct order_request *q);
/* Asks what became of orders whose answer never came. */
void app_resolve_sent(struct app *a);

/* keys.c */
void app_key(struct app *a, const char *key);
void app_line_open(struct app *a, const char *text);

/* output.c: rows as a table, JSON or CSV. */
void output_rows(const struct record *r, const void **rows, int count, enum output how, struct buf *out);
/* A row that the backend answered, on stdout. */
void output_answer(const struct record *r, const char *body, enum output how);

/* run.c and headless.c: exit statuses. */
void run_block_signals(void); /* before any thread is started */
int run_screen(struct app *a);
int run_screenshot(struct app *a, int rows, int cols, bool ansi);
int run_commands(struct app *a, const struct config *config);
