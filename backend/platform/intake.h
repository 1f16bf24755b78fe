/* Work from other services: each message once, in order by source, and what cannot be done set aside with all
 * that comes after it under the same key, until a person sends it back. */
#pragma once
#include "backend/platform/service.h"

/* A consumer of work. */
struct intake {
    const char *consumer; /* its service's name */
    const struct table *inboxes, *letters;
    /* What the row changes, so that rows with one key stay in order. */
    void (*key)(enum record_id record, const void *row, char *out, size_t room);
    /* Does the work. A refusal sets it aside. */
    void (*take)(const void *state, const struct command *c, struct verdict *d);
    /* Raises an alert about a letter. */
    void (*alarm)(const void *state, const struct command *c, struct verdict *d, const struct dead_letter *l);
};
/* Decides COMMAND_INTAKE and COMMAND_REQUEUE. */
void intake_decide(const struct intake *in, const void *state, const struct command *c, struct verdict *d);
/* Last sequence applied of a source; -1: none. */
int64_t intake_last(const struct table *inboxes, const char *consumer, const char *source);
bool letter_exists(const struct table *letters, const char *consumer, const char *source, int64_t seq);
/* The oldest letter with the key of `l` and its consumer; never NULL when l is in the table. */
const struct dead_letter *letter_first(const struct table *letters, const struct dead_letter *l);
