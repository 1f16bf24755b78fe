#include "tui/layout.h"
#include <stdlib.h>

struct split *layout_leaf(int pane)
{
    struct split *s = mem_new(sizeof *s);
    s->pane = pane;
    return s;
}

struct split *layout_join(bool beside, int share, struct split *a, struct split *b)
{
    struct split *s = mem_new(sizeof *s);
    *s = (struct split){.a = a, .b = b, .beside = beside, .share = share, .pane = -1};
    return s;
}

void layout_free(struct split *s)
{
    if (!s)
        return;
    layout_free(s->a);
    layout_free(s->b);
    free(s);
}

static int part(int whole, int share, int least)
{
    int n = (whole * share + 50) / 100;
    if (n < least)
        n = least;
    if (n > whole - least)
        n = whole - least;
    return n < 0 ? 0 : n;
}

static void place(struct split *s, struct rect r)
{
    s->at = r;
    if (!s->a)
        return;
    struct rect first = r, second = r;
    if (s->beside) {
        first.w = part(r.w - 1, s->share, 10);
        second.x = r.x + first.w + 1;
        second.w = r.w - first.w - 1;
    } else {
        first.h = part(r.h, s->share, 2);
        second.y = r.y + first.h;
        second.h = r.h - first.h;
    }
    place(s->a, first);
    place(s->b, second);
}

static void hide(struct split *s)
{
    s->at = (struct rect){0};
    if (s->a) {
        hide(s->a);
        hide(s->b);
    }
}

void layout_place(struct split *s, struct rect at, int zoom)
{
    struct split *only = zoom >= 0 ? layout_find(s, zoom) : NULL;
    if (!only) {
        place(s, at);
        return;
    }
    hide(s);
    only->at = at;
}

struct split *layout_find(struct split *s, int pane)
{
    if (!s->a)
        return s->pane == pane ? s : NULL;
    struct split *found = layout_find(s->a, pane);
    return found ? found : layout_find(s->b, pane);
}

int layout_list(const struct split *s, int *panes, int room)
{
    if (!s->a) {
        if (room > 0)
            panes[0] = s->pane;
        return room > 0;
    }
    int n = layout_list(s->a, panes, room);
    return n + layout_list(s->b, panes + n, room - n);
}

bool layout_split(struct split *root, int pane, bool beside, int new_pane)
{
    struct split *leaf = layout_find(root, pane);
    if (!leaf)
        return false;
    struct split *first = layout_leaf(pane), *second = layout_leaf(new_pane);
    *leaf = (struct split){.a = first, .b = second, .beside = beside, .share = 50, .pane = -1};
    return true;
}

static struct split *parent_of(struct split *s, const struct split *child)
{
    if (!s->a)
        return NULL;
    if (s->a == child || s->b == child)
        return s;
    struct split *found = parent_of(s->a, child);
    return found ? found : parent_of(s->b, child);
}

bool layout_close(struct split **root, int pane)
{
    struct split *leaf = layout_find(*root, pane), *parent = leaf ? parent_of(*root, leaf) : NULL;
    if (!parent)
        return false;
    struct split *other = parent->a == leaf ? parent->b : parent->a;
    *parent = *other; /* the neighbour moves up */
    free(other);
    free(leaf);
    return true;
}

bool layout_grow(struct split *root, int pane, bool beside, int percent)
{
    struct split *child = layout_find(root, pane);
    while (child) {
        struct split *parent = parent_of(root, child);
        if (parent && parent->beside == beside) {
            int share = parent->share + (parent->a == child ? percent : -percent);
            parent->share = share < 10 ? 10 : share > 90 ? 90 : share;
            return true;
        }
        child = parent;
    }
    return false;
}
