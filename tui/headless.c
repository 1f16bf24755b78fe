#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/config.h"
#include "tui/app.h"

#define SETTLE_SECONDS 10

/* A screen is settled once every stream has answered and VaR and quotes of what is held are there. */
static bool settled(struct app *a)
{
    bool ok;
    client_lock(a->client);
    struct table *books = app_table(a, RECORD_book), *positions = app_table(a, RECORD_position),
                 *limits = app_table(a, RECORD_limit);
    ok = table_find(app_table(a, RECORD_desk), "firm") && table_find(app_table(a, RECORD_pnl), "FIRM/live") &&
         table_live(app_table(a, RECORD_tier)) > 4;
    table_each(books, const struct book, b) ok =
        ok && (b->kind != BOOK_TRADING || table_find(app_table(a, RECORD_var), b->book));
    table_each(positions, const struct position, p) ok = ok && (p->mark != DEC_NONE || !p->quantity);
    table_each(limits, const struct limit, l) ok = ok && (l->measure != MEASURE_VAR || l->share != DEC_NONE);
    client_unlock(a->client);
    return ok;
}

static void settle(struct app *a)
{
    int64_t until = clock_mono(&clock_system) + SETTLE_SECONDS * SECOND;
    client_wait(a->client, SETTLE_SECONDS);
    while (!settled(a) && clock_mono(&clock_system) < until) {
        struct pollfd p = {.fd = client_fd(a->client), .events = POLLIN};
        poll(&p, 1, 50);
        client_poll(a->client);
    }
}

int run_screenshot(struct app *a, int rows, int cols, bool ansi)
{
    int y, x;
    struct buf b = {0};
    settle(a);
    app_draw(a, rows, cols, &y, &x);
    if (ansi)
        theme_print(&a->theme, &a->canvas, &b);
    else
        canvas_print(&a->canvas, &b);
    fwrite(b.data ? b.data : "", 1, b.length, stdout);
    buf_free(&b);
    return 0;
}

int run_commands(struct app *a, const struct config *config)
{
    const char *command;
    client_wait(a->client, SETTLE_SECONDS);
    app_resolve_sent(a);
    for (int i = 0; (command = config_nth(config, "execute", i)) && !a->quit; i++) {
        if (!app_run(a, command))
            return 1;
        fflush(stdout);
    }
    return 0;
}
