/* Help: the keys of the pane it lies over, from the keymap, and every command, from the table. */
#include <stdio.h>
#include <string.h>
#include "tui/app.h"

static void open_pane(struct pane *p)
{
    p->view = NULL;
}

struct page {
    struct canvas *c;
    struct rect r;
    int line, skip;
};

static void put(struct page *g, enum ink role, const char *left, const char *middle, const char *right)
{
    int y = g->r.y + 1 + g->line++ - g->skip;
    if (y <= g->r.y || y >= g->r.y + g->r.h)
        return;
    canvas_text(g->c, y, g->r.x + 1, 14, role, left);
    if (g->r.w > 80) {
        canvas_text(g->c, y, g->r.x + 16, 43, NORMAL, middle);
        canvas_text(g->c, y, g->r.x + 60, g->r.w - 60, MUTED, right);
    } else
        canvas_text(g->c, y, g->r.x + 16, g->r.w - 16, NORMAL, *middle ? middle : right);
}

static const char *help_of(const char *command)
{
    size_t n = strcspn(command, " ");
    for (int i = 0; command_at(i); i++)
        if (strlen(command_at(i)->name) == n && !strncmp(command_at(i)->name, command, n))
            return command_at(i)->help;
    return "";
}

static void keys(struct page *g, const struct keymap *k, const char *pane)
{
    for (int i = 0; i < k->count; i++) {
        const struct binding *b = &k->list[i];
        bool shadowed = !strcmp(b->pane, "global") && strcmp(pane, "global") != 0 &&
                        keymap_find(k, pane, b->key) != b->command;
        if (!strcmp(b->pane, pane) || (!strcmp(b->pane, "global") && !shadowed))
            put(g, INPUT, b->key, b->command, help_of(b->command));
    }
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    char title[80];
    struct page g = {.c = c, .r = r, .skip = p->scroll};
    const char *pane = app_behind(p->app)->ops->name;
    keys(&g, app_keymap(p->app), pane);
    put(&g, NORMAL, "", "", "");
    put(&g, HEADING, "ticket", "", "");
    put(&g, INPUT, "Tab Up Down", "next field, field before", "");
    put(&g, INPUT, "Space", "next value of side, type and time in force", "");
    put(&g, INPUT, "+ -", "price a tick up or down", "");
    put(&g, INPUT, "Enter", "what the order will do to limits and VaR", "");
    put(&g, INPUT, "y", "sends what was reviewed", "");
    put(&g, INPUT, "Esc", "leaves; nothing is sent", "");
    put(&g, NORMAL, "", "", "");
    put(&g, HEADING, "commands", "", "");
    for (int i = 0; command_at(i); i++)
        put(&g, INPUT, command_at(i)->name, command_at(i)->args, command_at(i)->help);
    int most = g.line - (r.h - 1);
    if (p->scroll > most) {
        p->scroll = most > 0 ? most : 0;
        if (g.skip != p->scroll) { /* scrolled past the end: once more, from where it ends */
            for (int y = r.y + 1; y < r.y + r.h; y++)
                canvas_text(c, y, r.x, r.w, NORMAL, "");
            draw(p, c, r, focused);
            return;
        }
    }
    snprintf(title, sizeof title, "HELP  keys in %s; Esc leaves, PageDown goes on", pane);
    pane_title(p, c, r, focused, title);
}

const struct pane_ops pane_help = {"help", "help", open_pane, draw, NULL, NULL, 0};
