#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client/client.h"
#include "common/text.h"
#include "tui/pane.h"

#define P(name) extern const struct pane_ops pane_##name;
#include "tui/panes.def"
#undef P
static const struct pane_ops *const panes[] = {
#define P(name) &pane_##name,
#include "tui/panes.def"
#undef P
};
_Static_assert(sizeof panes / sizeof *panes == PANE_COUNT, "panes.def and PANE_COUNT");

const struct pane_ops *pane_at(int i)
{
    return panes[i];
}

const struct pane_ops *pane_named(const char *name)
{
    for (int i = 0; i < PANE_COUNT; i++)
        if (!strcmp(panes[i]->name, name))
            return panes[i];
    return NULL;
}

void view_free(struct view *v)
{
    filter_free(v->filter);
    v->filter = NULL;
}

bool view_filter(struct view *v, const char *text, char *why, size_t room)
{
    struct filter *f = NULL;
    if (*text && !(f = filter_new(record_of(v->record), text, why, room)))
        return false;
    filter_free(v->filter);
    v->filter = f;
    snprintf(v->filter_text, sizeof v->filter_text, "%s", text);
    return true;
}

bool view_sort(struct view *v, const char *field, char *why, size_t room)
{
    const struct field *f = *field ? record_field(record_of(v->record), field) : NULL;
    if (*field && !f) {
        snprintf(why, room, "sort '%s': expected a field of %s", field, record_of(v->record)->plural);
        return false;
    }
    v->descending = f && f == v->sort ? !v->descending : false;
    v->sort = f;
    return true;
}

/* ---- rows in order ---- */

static const struct view *sorting; /* qsort has no argument; panes draw one after the other */

static int64_t number_of(const struct field *f, const void *row)
{
    const char *p = (const char *)row + f->offset;
    int64_t v = 0;
    if (f->kind == FIELD_DEC || f->kind == FIELD_INT || f->kind == FIELD_TIME)
        memcpy(&v, p, sizeof v);
    else if (f->kind == FIELD_DATE) {
        date d;
        memcpy(&d, p, sizeof d);
        v = d;
    } else if (f->kind == FIELD_ENUM)
        v = *(const uint8_t *)p;
    else if (f->kind == FIELD_BOOL)
        v = *(const bool *)p;
    return v;
}

static int compare(const void *a, const void *b)
{
    const void *x = *(const void *const *)a, *y = *(const void *const *)b;
    const struct field *f = sorting->sort;
    int c = 0;
    if (f && (f->kind == FIELD_TEXT || f->kind == FIELD_UUID)) {
        char s[CELL_TEXT], t[CELL_TEXT];
        field_text(f, x, s, sizeof s);
        field_text(f, y, t, sizeof t);
        c = strcmp(s, t);
    } else if (f) {
        int64_t s = number_of(f, x), t = number_of(f, y);
        c = (s > t) - (s < t);
    }
    if (c)
        return sorting->descending ? -c : c;
    if (sorting->order)
        return sorting->order(x, y);
    char s[100], t[100];
    record_key_text(record_of(sorting->record), x, s, sizeof s);
    record_key_text(record_of(sorting->record), y, t, sizeof t);
    return strcmp(s, t);
}

const void **view_rows(struct pane *p, const struct view *v, int *count)
{
    struct table *t = app_table(p->app, v->record);
    const void **rows = mem_new((size_t)(t->count + 1) * sizeof *rows);
    *count = 0;
    table_each(t, const void, row) if ((!v->include || v->filter || v->include(p, row)) &&
                                       (!v->filter || filter_match(v->filter, row))) rows[(*count)++] = row;
    sorting = v;
    qsort(rows, (size_t)*count, sizeof *rows, compare);
    return rows;
}

static void locate(struct view *v, const void **rows, int count)
{
    char key[100];
    v->count = count;
    for (int i = 0; i < count; i++) {
        record_key_text(record_of(v->record), rows[i], key, sizeof key);
        if (!strcmp(key, v->selected)) {
            v->at = i;
            return;
        }
    }
    if (v->at >= count)
        v->at = count ? count - 1 : 0;
    if (count)
        record_key_text(record_of(v->record), rows[v->at], v->selected, sizeof v->selected);
}

const void *view_row(struct pane *p, const struct view *v)
{
    struct table *t = app_table(p->app, v->record);
    if (!*v->selected) { /* moved since it was last drawn: the row that stands there now */
        int count;
        const void **rows = view_rows(p, v, &count);
        const void *row = v->at < count ? rows[v->at] : NULL;
        free(rows);
        return row;
    }
    table_each(t, const void, row)
    {
        char key[100];
        record_key_text(t->record, row, key, sizeof key);
        if (!strcmp(key, v->selected))
            return row;
    }
    return NULL;
}

void view_move(struct view *v, int rows, bool absolute)
{
    v->at = absolute ? (rows < 0 ? v->count - 1 : rows) : v->at + rows;
    if (v->at >= v->count)
        v->at = v->count - 1;
    if (v->at < 0)
        v->at = 0;
    *v->selected = 0; /* the row that stands there now */
}

/* ---- drawing ---- */

/* Which columns fit: those of the highest rank go first. */
static int choose(const struct pane *p, const struct view *v, int width, bool *shown)
{
    int used = 1;
    for (int i = 0; i < v->column_count; i++) {
        shown[i] = !(v->columns[i].busy && app_low_bandwidth(p->app));
        used += shown[i] ? v->columns[i].width + 1 : 0;
    }
    for (int rank = 9; rank > 1 && used > width; rank--)
        for (int i = v->column_count - 1; i >= 0 && used > width; i--)
            if (shown[i] && v->columns[i].rank == rank) {
                shown[i] = false;
                used -= v->columns[i].width + 1;
            }
    return used;
}

static void draw_row(struct pane *p, const struct view *v, struct canvas *c, int y, struct rect r,
                     const bool *shown, const void *row, bool selected, bool focused)
{
    canvas_text(c, y, r.x, 1, selected && focused ? SELECTED : NORMAL,
                selected ? (focused ? ">" : "-") : " ");
    int x = r.x + 1;
    for (int i = 0; i < v->column_count; i++) {
        struct shown out = {.role = NORMAL};
        const struct column *k = &v->columns[i];
        if (!shown[i])
            continue;
        int width = x + k->width > r.x + r.w ? r.x + r.w - x : k->width;
        if (width <= 0)
            break;
        k->cell(p, row, &out);
        if (k->right &&
            text_width(out.text) > width) { /* a figure that does not fit must not look like another */
            memset(out.text, '#', (size_t)width);
            out.text[width] = 0;
        }
        if (k->right)
            canvas_right(c, y, x, width, out.role, out.text);
        else
            canvas_text(c, y, x, width, out.role, out.text);
        x += k->width + 1;
    }
}

static void draw_head(const struct view *v, struct canvas *c, struct rect r, const bool *shown)
{
    int x = r.x + 1;
    canvas_text(c, r.y, r.x, r.w, HEADING, "");
    for (int i = 0; i < v->column_count; i++) {
        char title[40];
        const struct column *k = &v->columns[i];
        if (!shown[i])
            continue;
        bool sorted = v->sort && k->field && v->sort == record_field(record_of(v->record), k->field);
        snprintf(title, sizeof title, "%s%s", k->title, sorted ? (v->descending ? "v" : "^") : "");
        int width = x + k->width > r.x + r.w ? r.x + r.w - x : k->width;
        if (width <= 0)
            break;
        if (k->right)
            canvas_right(c, r.y, x, width, HEADING, title);
        else
            canvas_text(c, r.y, x, width, HEADING, title);
        x += k->width + 1;
    }
}

void view_draw(struct pane *p, struct view *v, struct canvas *c, struct rect r, bool focused)
{
    bool shown[32];
    int count;
    if (r.h < 1 || r.w < 4)
        return;
    const void **rows = view_rows(p, v, &count);
    locate(v, rows, count);
    choose(p, v, r.w, shown);
    draw_head(v, c, r, shown);
    int room = r.h - 1;
    if (v->at < v->top)
        v->top = v->at;
    if (v->at >= v->top + room)
        v->top = v->at - room + 1;
    if (v->top > count - 1)
        v->top = count ? count - 1 : 0;
    int y = r.y + 1;
    for (int i = v->top; i < count && y < r.y + r.h; i++) {
        struct shown detail = {.role = NORMAL};
        draw_row(p, v, c, y++, r, shown, rows[i], i == v->at, focused);
        if (v->detail && y < r.y + r.h && v->detail(p, rows[i], &detail))
            canvas_text(c, y++, r.x + 4, r.w - 4, detail.role, detail.text);
    }
    if (!count && r.h > 1)
        canvas_text(c, r.y + 1, r.x + 1, r.w - 1, MUTED,
                    v->filter ? "no row passes the filter" : "nothing here");
    free(rows);
}

void pane_title(const struct pane *p, struct canvas *c, struct rect r, bool focused, const char *text)
{
    char line[300];
    const struct view *v = p->view;
    snprintf(line, sizeof line, "%s%s%s%s%s", text, v && v->filter ? "  /" : "",
             v && v->filter ? v->filter_text : "", v && v->sort ? "  sort " : "",
             v && v->sort ? v->sort->name : "");
    canvas_text(c, r.y, r.x, r.w, focused ? FOCUS : TITLE, line);
}

dec pane_tick(const struct pane *p, const char *instrument)
{
    const struct instrument *i = table_find(app_table(p->app, RECORD_instrument), instrument);
    return i ? i->tick : DEC_ONE / 100;
}
