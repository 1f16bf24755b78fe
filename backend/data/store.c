#include "backend/data/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To add an engine, write its file and a line here. */
static const struct {
    const char *scheme;
    struct store *(*open)(const char *address, bool reader, char *why, size_t room);
} engines[] = {
    {"sqlite:", store_sqlite},
    {"postgresql:", store_postgres},
    {"postgres:", store_postgres},
};

static struct store *open_by_scheme(const char *address, bool reader, char *why, size_t room)
{
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (!strncmp(address, engines[i].scheme, strlen(engines[i].scheme)))
            return engines[i].open(address, reader, why, room);
    snprintf(why, room, "store '%.60s': expected sqlite:PATH or postgresql://...", address);
    return NULL;
}

struct store *store_open(const char *address, char *why, size_t room)
{
    return open_by_scheme(address, false, why, room);
}

struct store *store_await(const char *address, const volatile int *stop, char *why, size_t room)
{
    return !strncmp(address, "postgres", 8) ? store_postgres_await(address, stop, why, room)
                                            : store_open(address, why, room);
}

struct store *store_reader(const char *address, char *why, size_t room)
{
    return open_by_scheme(address, true, why, room);
}

int64_t store_head(struct store *s)
{
    return s->ops->number(s, "SELECT seq FROM shard WHERE id=1", 0);
}

int64_t store_cursor(struct store *s, int destination)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT seq FROM cursor WHERE destination=%d", destination);
    return s->ops->number(s, sql, INT64_MIN);
}

void store_batch_free(struct store_batch *b)
{
    for (int i = 0; i < b->fact_count; i++)
        free(b->facts[i].row);
    free(b->facts);
    free(b->audits);
    *b = (struct store_batch){0};
}
