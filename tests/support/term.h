/* A program in a pseudo-terminal, its screen kept by libvterm: text and colours cell by cell. */
#pragma once
#include <sys/types.h>
#include <vterm.h>
#include "tests/support/support.h"

struct term {
    pid_t pid;
    int fd, rows, cols;
    VTerm *vt;
    VTermScreen *screen;
    bool alternate, cursor; /* what the program has switched on */
    bool raw;               /* the screen is not kept: for measuring */
    uint64_t bytes;
    int writes;       /* reads that brought something: at most the program's writes */
    char tail[65536]; /* the last raw bytes, for what comes before and after the screen */
    size_t tail_used;
};
/* argv[0] is a path; env is NULL-terminated NAME=VALUE pairs put over the environment. */
void term_start(struct term *t, int rows, int cols, char *const argv[], char *const env[]);
/* Feeds output to the screen for `ms`, or until the program ends. */
void term_run(struct term *t, int ms);
/* One read, waiting at most `ms`. False when the program has closed its terminal. */
bool term_step(struct term *t, int ms);
void term_keys(struct term *t, const char *bytes);
void term_resize(struct term *t, int rows, int cols);
/* The line as text, trailing blanks cut. */
char *term_line(struct term *t, int row, char out[2048]);
/* Waits until some line contains the text; its row, or -1 after `ms`. */
int term_wait(struct term *t, const char *text, int ms);
int term_find(struct term *t, const char *text, int *col);
VTermScreenCell term_cell(struct term *t, int row, int col);
/* Ends it by a signal (0: waits for its own end); the wait status. */
int term_end(struct term *t, int signal);
void term_print(struct term *t);
