/* Keymaps: lines of `PANE KEY COMMAND...`; PANE is global or a pane's name. Help is made from them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct binding {
    char pane[16], key[16], command[80];
    int line;
};
struct keymap {
    struct binding *list;
    int count, room;
};
/* `known` tells whether a command exists; a line that is wrong is named with what was expected. */
bool keymap_parse(const char *text, const char *where, bool (*known)(const char *command), struct keymap *out,
                  char *why, size_t room);
bool keymap_load(const char *name, bool (*known)(const char *command), struct keymap *out, char *why,
                 size_t room);
void keymap_free(struct keymap *k);
/* The pane's own binding first, then the global one; NULL when there is none. */
const char *keymap_find(const struct keymap *k, const char *pane, const char *key);
/* The first key bound to the command, "" when none is. */
const char *keymap_key(const struct keymap *k, const char *pane, const char *command);
