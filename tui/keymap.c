#include "tui/keymap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"
#include "tui/assets.h"
#include "tui/pane.h"

static bool known_pane(const char *name)
{
    return !strcmp(name, "global") || pane_named(name);
}

static void add(struct keymap *k, const struct binding *b)
{
    if (k->count == k->room) {
        k->room = k->room ? k->room * 2 : 64;
        k->list = mem_grow(k->list, (size_t)k->room * sizeof *k->list);
    }
    k->list[k->count++] = *b;
}

static bool parse_line(const char *line, struct binding *b, bool (*known)(const char *), char *expected,
                       size_t room)
{
    int at = 0;
    char word[40];
    if (sscanf(line, " %15s %15s %n", b->pane, b->key, &at) != 2 || !line[at]) {
        snprintf(expected, room, "expected PANE KEY COMMAND");
        return false;
    }
    if (!known_pane(b->pane)) {
        snprintf(expected, room, "'%s' is no pane; expected global or one of those that :help names",
                 b->pane);
        return false;
    }
    snprintf(b->command, sizeof b->command, "%s", line + at);
    size_t n = strlen(b->command);
    while (n && b->command[n - 1] == ' ')
        b->command[--n] = 0;
    sscanf(b->command, "%39s", word);
    if (!known(word)) {
        snprintf(expected, room, "'%s' is no command; :help lists them", word);
        return false;
    }
    return true;
}

bool keymap_parse(const char *text, const char *where, bool (*known)(const char *), struct keymap *out,
                  char *why, size_t room)
{
    char line[200], expected[140];
    *out = (struct keymap){0};
    int number = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        struct binding b = {.line = ++number};
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        p += n + (p[n] == '\n');
        if (*line == '#' || !line[strspn(line, " \t")])
            continue;
        if (!parse_line(line, &b, known, expected, sizeof expected)) {
            snprintf(why, room, "%s:%d: %s", where, number, expected);
            keymap_free(out);
            return false;
        }
        add(out, &b);
    }
    return true;
}

bool keymap_load(const char *name, bool (*known)(const char *), struct keymap *out, char *why, size_t room)
{
    char where[400];
    char *text = asset_read("keymaps", name, where, sizeof where, why, room);
    bool ok = text && keymap_parse(text, where, known, out, why, room);
    free(text);
    return ok;
}

void keymap_free(struct keymap *k)
{
    free(k->list);
    *k = (struct keymap){0};
}

const char *keymap_find(const struct keymap *k, const char *pane, const char *key)
{
    const char *found = NULL;
    for (int i = 0; i < k->count; i++) {
        if (strcmp(k->list[i].key, key) != 0)
            continue;
        if (!strcmp(k->list[i].pane, pane))
            return k->list[i].command;
        if (!strcmp(k->list[i].pane, "global"))
            found = k->list[i].command;
    }
    return found;
}

const char *keymap_key(const struct keymap *k, const char *pane, const char *command)
{
    for (int i = 0; i < k->count; i++)
        if (!strcmp(k->list[i].command, command) &&
            (!strcmp(k->list[i].pane, pane) || !strcmp(k->list[i].pane, "global")))
            return k->list[i].key;
    return "";
}
