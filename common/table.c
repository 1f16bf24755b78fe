#include "common/table.h"
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const struct record *record)
{
    *t = (struct table){.record = record};
}

void table_free(struct table *t)
{
    for (int i = 0; i < t->count; i++)
        free(t->rows[i]);
    free(t->rows);
    map_free(&t->index);
    *t = (struct table){.record = t->record};
}

int table_index(const struct table *t, const void *row)
{
    size_t n;
    const void *key = record_key(t->record, row, &n);
    return map_get(&t->index, key, n);
}

int table_put(struct table *t, const void *row)
{
    int i = table_index(t, row);
    if (i >= 0) {
        if (t->rows[i] != row)
            memcpy(t->rows[i], row, t->record->size);
        return i;
    }
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 16;
        t->rows = mem_grow(t->rows, (size_t)t->room * sizeof *t->rows);
    }
    void *copy = mem_new(t->record->size);
    memcpy(copy, row, t->record->size);
    i = t->count++;
    t->rows[i] = copy;
    size_t n;
    const void *key = record_key(t->record, copy, &n);
    map_put(&t->index, key, n, i);
    return i;
}

void *table_get(const struct table *t, const void *key, size_t length)
{
    int i = map_get(&t->index, key, length);
    return i < 0 ? NULL : t->rows[i];
}

void *table_find(const struct table *t, const char *key)
{
    return table_get(t, key, strlen(key));
}

void table_remove(struct table *t, const void *row)
{
    int i = table_index(t, row);
    if (i < 0)
        return;
    size_t n;
    const void *key = record_key(t->record, t->rows[i], &n);
    map_remove(&t->index, key, n);
    free(t->rows[i]);
    t->rows[i] = NULL;
}

int table_live(const struct table *t)
{
    return (int)t->index.live;
}
