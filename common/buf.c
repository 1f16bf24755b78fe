#include "common/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/text.h"

static long fail_in;

void mem_fail_at(long n)
{
    fail_in = n;
}

static void *check(void *p)
{
    if (!p || (fail_in && --fail_in == 0)) {
        static const char line[] = "quanta: out of memory\n";
        ssize_t n = write(2, line, sizeof line - 1);
        (void)n;
        _exit(1);
    }
    return p;
}

void *mem_new(size_t size)
{
    return check(calloc(1, size ? size : 1));
}

void *mem_grow(void *old, size_t size)
{
    return check(realloc(old, size));
}

char *mem_text(const char *text)
{
    return check(strdup(text));
}

static void reserve(struct buf *b, size_t n)
{
    if (b->length + n + 1 <= b->room)
        return;
    size_t room = b->room ? b->room * 2 : 256;
    while (room < b->length + n + 1)
        room *= 2;
    b->data = mem_grow(b->data, room);
    b->room = room;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    reserve(b, n);
    if (n)
        memcpy(b->data + b->length, bytes, n);
    b->length += n;
    b->data[b->length] = 0;
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        reserve(b, (size_t)n);
        vsnprintf(b->data + b->length, (size_t)n + 1, format, again);
        b->length += (size_t)n;
    }
    va_end(again);
}

void buf_json(struct buf *b, const char *text)
{
    buf_char(b, '"');
    for (const char *p = text; *p;) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', *p++};
            buf_add(b, pair, 2);
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(b, "\\u%04x", c);
            p++;
        } else if (c < 0x80) {
            const char *start = p;
            while ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '"' && *p != '\\')
                p++;
            buf_add(b, start, (size_t)(p - start));
        } else {
            uint32_t code;
            int n = text_decode(p, &code);
            if (n)
                buf_add(b, p, (size_t)n);
            else
                buf_text(b, "\xef\xbf\xbd");
            p += n ? n : 1;
        }
    }
    buf_char(b, '"');
}

void buf_int(struct buf *b, int64_t value)
{
    char text[24];
    int n = 24;
    uint64_t m = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        text[--n] = (char)('0' + m % 10);
    while (m /= 10);
    if (value < 0)
        text[--n] = '-';
    buf_add(b, text + n, (size_t)(24 - n));
}

void buf_clear(struct buf *b)
{
    b->length = 0;
    if (b->data)
        b->data[0] = 0;
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
