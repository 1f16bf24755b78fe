#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/platform/service.h"

#define RECORD_none -1
static const struct command_info infos[] = {
#define C(NAME, service, body, action, help) {#NAME, #service, action, (int)RECORD_##body},
#include "backend/platform/commands.def"
#undef C
};

const struct actor actor_system = {.user = "system", .role = ROLE_ADMINISTRATOR, .books = "*"};

const struct command_info *command_info(enum command_kind kind)
{
    return &infos[kind];
}

static void put(struct verdict *d, enum record_id record, const void *row, bool removed)
{
    if (d->count == d->room) {
        d->room = d->room ? d->room * 2 : 8;
        d->facts = mem_grow(d->facts, (size_t)d->room * sizeof *d->facts);
    }
    size_t size = record_of(record)->size;
    struct decided_fact *f = &d->facts[d->count++];
    *f = (struct decided_fact){record, removed, mem_new(size)};
    memcpy(f->row, row, size);
}

void decision_put(struct verdict *d, enum record_id record, const void *row)
{
    put(d, record, row, false);
}

void decision_remove(struct verdict *d, enum record_id record, const void *row)
{
    put(d, record, row, true);
}

struct uuid decision_id(const struct verdict *d, const struct command *c)
{
    return uuid_v8(1, c->next + d->count, 0);
}

void decision_object(struct verdict *d, const char *record, const char *key)
{
    snprintf(d->record, sizeof d->record, "%s", record);
    snprintf(d->object, sizeof d->object, "%s", key);
}

void decision_refuse(struct verdict *d, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->problem, sizeof d->problem, format, args);
    va_end(args);
    d->status = status;
}

void decision_free(struct verdict *d)
{
    for (int i = 0; i < d->count; i++)
        free(d->facts[i].row);
    free(d->facts);
    *d = (struct verdict){0};
}

bool actor_scope(const struct actor *a, const char *book)
{
    if (!strcmp(a->books, "*"))
        return true;
    size_t n = strlen(book);
    for (const char *p = a->books; *p;) {
        size_t m = strcspn(p, ",");
        if (m == n && !memcmp(p, book, n))
            return true;
        p += m + (p[m] == ',');
    }
    return false;
}
