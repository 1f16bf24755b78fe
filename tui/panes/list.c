/* Any stream as a table, its columns taken from the record's description: `:open list marks`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tui/pane.h"

static void open_pane(struct pane *p)
{
    const struct record *r = record_plural(*p->subject ? p->subject : "marks");
    p->views[0] = (struct view){.record = r ? record_index(r) : RECORD_mark};
    p->view = &p->views[0];
}

/* Columns as wide as their widest text among the rows that show. */
static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    struct view *v = p->view;
    const struct record *record = record_of(v->record);
    char title[80], text[CELL_TEXT];
    int count, y = r.y + 2, width[64] = {0};
    const void **rows = view_rows(p, v, &count);
    snprintf(title, sizeof title, "%s", record->title);
    for (char *q = title; *q; q++)
        *q = *q >= 'a' && *q <= 'z' ? (char)(*q - 32) : *q;
    pane_title(p, c, r, focused, title);
    v->count = count;
    if (v->at >= count)
        v->at = count ? count - 1 : 0;
    if (v->at < v->top)
        v->top = v->at;
    if (v->at >= v->top + r.h - 2)
        v->top = v->at - (r.h - 2) + 1;
    for (int i = 0; i < record->field_count && i < 64; i++) {
        width[i] = (int)strlen(record->fields[i].title);
        for (int k = v->top; k < count && k < v->top + r.h; k++) {
            field_text(&record->fields[i], rows[k], text, sizeof text);
            int n = (int)strlen(text);
            width[i] = n > width[i] ? (n > 40 ? 40 : n) : width[i];
        }
    }
    for (int k = v->top - 1; k < count && y <= r.y + r.h; k++) {
        int x = r.x + 1 - p->scroll, line = k < v->top ? r.y + 1 : y++;
        if (line >= r.y + r.h)
            break;
        canvas_text(c, line, r.x, 1, SELECTED, k == v->at && k >= v->top ? ">" : " ");
        for (int i = 0; i < record->field_count && x < r.x + r.w; i++) {
            const struct field *f = &record->fields[i];
            if (f->flags & FIELD_HIDDEN)
                continue;
            if (k < v->top)
                snprintf(text, sizeof text, "%s", f->title);
            else
                field_text(f, rows[k], text, sizeof text);
            if (x > r.x) {
                int room = x + width[i] > r.x + r.w ? r.x + r.w - x : width[i];
                if (f->kind == FIELD_DEC || f->kind == FIELD_INT)
                    canvas_right(c, line, x, room, k < v->top ? HEADING : NORMAL, text);
                else
                    canvas_text(c, line, x, room, k < v->top ? HEADING : NORMAL, text);
            }
            x += width[i] + 1;
        }
    }
    free(rows);
}

static bool command(struct pane *p, const char *name, const char *args)
{
    (void)args;
    if (!strcmp(name, "left"))
        p->scroll = p->scroll > 20 ? p->scroll - 20 : 0;
    else if (!strcmp(name, "right"))
        p->scroll += 20;
    else
        return false;
    return true;
}

const struct pane_ops pane_list = {"list", "any stream", open_pane, draw, command, NULL, 0};
