/* The filter language of `/` on the screen and of `filter=` in the API:
 *
 *     product=NG and qty>10 and status!=filled
 *     (book~PROP or user=power) and not in_doubt=true
 *
 * Operators: = != < <= > >= and ~ (contains, ignoring case); and, or, not, parentheses. Text compares
 * ignoring case; `none` stands for a missing value, and a missing value is in no other comparison. */
#pragma once
#include "common/records/records.h"

struct filter;
/* Compiled for one record; NULL with one line in `why` (what, where, what was expected). An empty
 * text gives a filter that everything passes. Owned by the caller. */
struct filter *filter_new(const struct record *record, const char *text, char *why, size_t room);
bool filter_match(const struct filter *f, const void *row);
const char *filter_text(const struct filter *f);
void filter_free(struct filter *f);
