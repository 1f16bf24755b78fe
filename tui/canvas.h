/* What a frame looks like: cells of text and role, drawn by panes and shown by screen.c or printed by
 * --screenshot. Text is clipped to the cells that it is given, whatever it holds. */
#pragma once
#include <stdint.h>
#include "common/buf.h"

enum ink {
#define R(NAME, name, help) INK_##NAME,
#include "tui/roles.def"
#undef R
    INKS
};
/* Short names for the drawing code: NORMAL, TITLE, ... */
#define R(NAME, name, help) static const enum ink NAME = INK_##NAME;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "tui/roles.def"
#pragma GCC diagnostic pop
#undef R

struct cell {
    char text[8]; /* one character; "" is the right half of a wide one */
    uint8_t role;
    bool bold;
};
struct canvas {
    int rows, cols;
    struct cell *cells;
};
struct rect {
    int y, x, h, w;
};
void canvas_resize(struct canvas *c, int rows, int cols); /* all blank */
void canvas_blank(struct canvas *c);
void canvas_free(struct canvas *c);
/* Writes into `width` cells from (y, x), padded with blanks; returns the cells that text took. */
int canvas_text(struct canvas *c, int y, int x, int width, enum ink role, const char *text);
int canvas_right(struct canvas *c, int y, int x, int width, enum ink role, const char *text);
void canvas_bold(struct canvas *c, int y, int x, int width);
/* The frame as lines of text, trailing blanks cut. */
void canvas_print(const struct canvas *c, struct buf *out);
