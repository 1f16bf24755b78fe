/* The terminal: the only file that knows curses. A frame leaves in one write; the terminal is restored on
 * every way out, from signal handlers by write(2) alone. */
#pragma once
#include "tui/canvas.h"
#include "tui/theme.h"

struct screen;
/* Whether there is a terminal of a known kind; else one line in `why`. */
bool screen_possible(char *why, size_t room);
/* NULL with one line in `why` when TERM is unknown or there is no terminal. */
struct screen *screen_open(const struct theme *theme, char *why, size_t room);
void screen_close(struct screen *s);
void screen_theme(struct screen *s, const struct theme *theme);
void screen_size(struct screen *s, int *rows, int *cols);
/* Gives the terminal back to the shell for a while, and takes it again. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);
/* Call after SIGWINCH. */
void screen_resized(struct screen *s);
/* Shows the canvas: changed cells alone reach the terminal. Cursor at (y, x), hidden when y < 0. */
void screen_show(struct screen *s, const struct canvas *c, int y, int x);
/* Everything again, for a terminal that something else wrote to. */
void screen_redraw(struct screen *s);
/* The next key's name ("a", "C-c", "Enter", "Up", "F1", "M-x", ...); false when none waits. */
bool screen_key(struct screen *s, char *name, size_t room);
int screen_fd(struct screen *s);
uint64_t screen_bytes(const struct screen *s); /* written so far */
int screen_colours(const struct screen *s);
