/* Orders that were sent and not answered yet, on disk: an id is stored before its order leaves, so that
 * nothing is sent twice and nothing is forgotten after a crash. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "common/uuid.h"

struct sent;
/* NULL with one line in `why`. */
struct sent *sent_open(const char *path, char *why, size_t room);
void sent_close(struct sent *s);
/* On disk when it returns; false: do not send. */
bool sent_add(struct sent *s, const struct uuid *id, const char *what);
void sent_answered(struct sent *s, const struct uuid *id);
int sent_count(const struct sent *s);
/* The i-th id without an answer and what it was. */
struct uuid sent_at(const struct sent *s, int i, const char **what);
