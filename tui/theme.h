/* Themes: a colour and attributes for each role, from a file of `role = foreground [on background]
 * [bold] [dim] [underline] [reverse]` lines. Colours: default, black red green yellow blue magenta cyan
 * white, bright-..., 0 to 255, or #rrggbb. */
#pragma once
#include "tui/canvas.h"

struct style {
    int fg, bg; /* -1: the terminal's own; 0 to 255; 0x1000000 + rgb */
    bool bold, dim, underline, reverse;
};
struct theme {
    char name[32];
    struct style styles[INKS];
};
/* Reads a theme's text; `where` names it in messages. Roles that are not mentioned keep `normal`. */
bool theme_parse(const char *text, const char *where, struct theme *out, char *why, size_t room);
/* By name: a file of the user's, or one that ships. */
bool theme_load(const char *name, struct theme *out, char *why, size_t room);
/* The nearest of the first 8, 16 or 256 colours; -1 stays. */
int theme_colour(int colour, int colours);
/* The frame as lines of text with SGR sequences of 256 colours. */
void theme_print(const struct theme *t, const struct canvas *c, struct buf *out);
const char *role_name(enum ink role);
