/* Foreign text made harmless: every name from outside goes through text_clean once, on the way in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the UTF-8 sequence at p (1 to 4) and its code point; 0 when malformed or overlong. */
int text_decode(const char *p, uint32_t *code);
bool text_valid(const char *text, size_t n);
/* Copies text with everything that could move a cursor, reorder or hide characters, or show as
 * nothing (C0, C1, bidi controls, zero-width, tags, variation selectors, BOM, private use) replaced by
 * U+FFFD, full-width ASCII folded to ASCII, cut at a character boundary to fit `room`. */
void text_clean(const char *text, char *out, size_t room);
/* Columns that cleaned text takes on a terminal. */
int text_width(const char *text);
/* Bytes of the longest start of text that fits `columns`; its width in *used. */
size_t text_fit(const char *text, int columns, int *used);
/* Whether `needle` is a case-insensitive subsequence of `hay`. */
bool text_fuzzy(const char *hay, const char *needle);
