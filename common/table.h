/* A keyed table of one record's rows: what services keep, streams carry and panes show.
 * A row's index never changes; a removed row leaves a hole (NULL). Rows are owned by the table. */
#pragma once
#include "common/map.h"
#include "common/records/records.h"

struct table {
    const struct record *record;
    void **rows;
    int count, room; /* holes included in count */
    struct map index;
};

void table_init(struct table *t, const struct record *record);
void table_free(struct table *t);
/* Copies the row in, replacing one with the same key. Returns its index. */
int table_put(struct table *t, const void *row);
/* NULL when absent. */
void *table_get(const struct table *t, const void *key, size_t length);
void *table_find(const struct table *t, const char *key); /* by a text key */
int table_index(const struct table *t, const void *row);  /* of the row with the same key, -1 */
void table_remove(struct table *t, const void *row);
int table_live(const struct table *t);

#define table_each(t, type, name)                                                                            \
    for (int name##_i = 0; name##_i < (t)->count; name##_i++)                                                \
        for (type *name = (t)->rows[name##_i]; name; name = NULL)
