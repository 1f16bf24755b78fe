/* A growing byte buffer, and the one place memory comes from: mem_* abort only through mem_fail, which
 * tests replace to make the n-th allocation fail. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* always NUL-terminated once anything was added; owned */
    size_t length, room;
};

/* Zeroed memory; the process ends with one line on stderr when there is none: quantad recovers from
 * its journal, and running on with half a state would be worse. */
void *mem_new(size_t size);
void *mem_grow(void *old, size_t size);
char *mem_text(const char *text);
/* Makes allocation number n from now (1 is the next) fail; 0 switches it off. For tests. */
void mem_fail_at(long n);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends text as a quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
void buf_json(struct buf *b, const char *text);
void buf_int(struct buf *b, int64_t value);
void buf_clear(struct buf *b);
void buf_free(struct buf *b);
