#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "tui/app.h"

static void pad(struct buf *out, int n)
{
    while (n-- > 0)
        buf_char(out, ' ');
}

static bool numeric(const struct field *f)
{
    return f->kind == FIELD_DEC || f->kind == FIELD_INT;
}

/* One aligned table; columns without a value in any row are left out. */
static void table(const struct record *r, const void **rows, int count, struct buf *out)
{
    int width[64] = {0};
    char text[300];
    for (int i = 0; i < r->field_count && i < 64; i++) {
        if (r->fields[i].flags & FIELD_HIDDEN)
            continue;
        for (int k = 0; k < count; k++) {
            field_text(&r->fields[i], rows[k], text, sizeof text);
            int w = text_width(text);
            width[i] = w > width[i] ? w : width[i];
        }
        int head = (int)strlen(r->fields[i].name);
        if (width[i] && width[i] < head)
            width[i] = head;
    }
    for (int k = -1; k < count; k++) {
        int owed = 0; /* blanks that the next column needs before it */
        for (int i = 0; i < r->field_count && i < 64; i++) {
            const struct field *f = &r->fields[i];
            if (!width[i])
                continue;
            snprintf(text, sizeof text, "%s", f->name);
            if (k >= 0)
                field_text(f, rows[k], text, sizeof text);
            int w = text_width(text), before = numeric(f) ? width[i] - w : 0;
            pad(out, owed + before);
            buf_text(out, text);
            owed = width[i] - w - before + 1;
        }
        buf_char(out, '\n');
    }
}

void output_rows(const struct record *r, const void **rows, int count, enum output how, struct buf *out)
{
    if (how == OUTPUT_TABLE) {
        table(r, rows, count, out);
        return;
    }
    if (how == OUTPUT_CSV)
        record_csv_head(r, out);
    else
        buf_char(out, '[');
    for (int k = 0; k < count; k++) {
        if (how == OUTPUT_CSV) {
            record_csv(r, rows[k], out);
            continue;
        }
        buf_text(out, k ? ",\n " : "");
        record_json(r, rows[k], out);
    }
    if (how == OUTPUT_JSON)
        buf_text(out, "]\n");
}

void output_answer(const struct record *r, const char *body, enum output how)
{
    struct buf b = {0};
    void *row = mem_new(r->size);
    const void *rows[] = {row};
    if (record_parse(r, body, strlen(body), row)) {
        if (how == OUTPUT_JSON) {
            record_json(r, row, &b);
            buf_char(&b, '\n');
        } else
            output_rows(r, rows, 1, how, &b);
    }
    fputs(b.data ? b.data : "", stdout);
    buf_free(&b);
    free(row);
}
