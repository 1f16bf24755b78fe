#include "tui/canvas.h"
#include <stdlib.h>
#include <string.h>
#include "common/text.h"

void canvas_blank(struct canvas *c)
{
    for (int i = 0; i < c->rows * c->cols; i++)
        c->cells[i] = (struct cell){.text = " ", .role = NORMAL};
}

void canvas_resize(struct canvas *c, int rows, int cols)
{
    if (rows != c->rows || cols != c->cols) {
        c->rows = rows;
        c->cols = cols;
        c->cells = mem_grow(c->cells, (size_t)(rows * cols + 1) * sizeof *c->cells);
    }
    canvas_blank(c);
}

void canvas_free(struct canvas *c)
{
    free(c->cells);
    *c = (struct canvas){0};
}

static void put(struct canvas *c, int y, int x, enum ink role, const char *text, size_t n)
{
    struct cell *k = &c->cells[y * c->cols + x];
    memset(k, 0, sizeof *k);
    memcpy(k->text, text, n < sizeof k->text ? n : sizeof k->text - 1);
    k->role = (uint8_t)role;
}

int canvas_text(struct canvas *c, int y, int x, int width, enum ink role, const char *text)
{
    char safe[1024];
    int at = 0;
    if (y < 0 || y >= c->rows || x < 0 || x >= c->cols)
        return 0;
    if (width > c->cols - x)
        width = c->cols - x;
    text_clean(text, safe, sizeof safe);
    for (const char *p = safe; *p;) {
        uint32_t code;
        int n = text_decode(p, &code), w;
        char one[8] = "";
        if (!n)
            break;
        memcpy(one, p, (size_t)n);
        w = text_width(one);
        if (at + w > width)
            break;
        if (w > 0) {
            put(c, y, x + at, role, p, (size_t)n);
            if (w == 2)
                put(c, y, x + at + 1, role, "", 0);
        }
        at += w;
        p += n;
    }
    for (int i = at; i < width; i++)
        put(c, y, x + i, role, " ", 1);
    return at;
}

int canvas_right(struct canvas *c, int y, int x, int width, enum ink role, const char *text)
{
    int w = text_width(text);
    if (w >= width)
        return canvas_text(c, y, x, width, role, text);
    canvas_text(c, y, x, width - w, role, "");
    canvas_text(c, y, x + width - w, w, role, text);
    return w;
}

void canvas_bold(struct canvas *c, int y, int x, int width)
{
    for (int i = x; i < x + width && i < c->cols && y >= 0 && y < c->rows; i++)
        if (i >= 0)
            c->cells[y * c->cols + i].bold = true;
}

void canvas_print(const struct canvas *c, struct buf *out)
{
    for (int y = 0; y < c->rows; y++) {
        int last = -1;
        for (int x = 0; x < c->cols; x++)
            if (c->cells[y * c->cols + x].text[0] != ' ' && c->cells[y * c->cols + x].text[0])
                last = x;
        for (int x = 0; x <= last; x++)
            buf_text(out, c->cells[y * c->cols + x].text);
        buf_char(out, '\n');
    }
}
