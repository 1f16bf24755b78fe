/* The tree of splits: pure arithmetic on rectangles, no screen. A leaf holds a pane's number. One blank
 * column parts panes side by side; panes above one another touch, a title line parts them. */
#pragma once
#include "tui/canvas.h"

struct split {
    struct split *a, *b; /* NULL in a leaf */
    bool beside;         /* a left of b; else a above b */
    int share;           /* of a, in percent */
    int pane;
    struct rect at; /* after layout_place */
};
struct split *layout_leaf(int pane);
struct split *layout_join(bool beside, int share, struct split *a, struct split *b);
void layout_free(struct split *s);
/* Lays the tree out; with `zoom` >= 0 that pane alone gets everything. */
void layout_place(struct split *s, struct rect at, int zoom);
/* NULL when the pane is not in the tree. */
struct split *layout_find(struct split *s, int pane);
/* Panes in reading order; returns how many. */
int layout_list(const struct split *s, int *panes, int room);
/* Splits the pane's leaf in two equal parts, the new pane second. */
bool layout_split(struct split *root, int pane, bool beside, int new_pane);
/* Removes the pane's leaf; its neighbour takes the room. False for the last pane. */
bool layout_close(struct split **root, int pane);
/* Gives the pane `percent` more of the nearest split in that direction. */
bool layout_grow(struct split *root, int pane, bool beside, int percent);
