/* A hash map from short byte keys to 32-bit values, the index behind every table. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    const void *key; /* borrowed: it must live as long as the entry */
    uint32_t length, hash;
    int32_t value; /* -1: deleted */
};
struct map {
    struct map_slot *slots;
    size_t room, used, live;
};

/* -1 when absent. */
int32_t map_get(const struct map *m, const void *key, size_t length);
void map_put(struct map *m, const void *key, size_t length, int32_t value);
void map_remove(struct map *m, const void *key, size_t length);
void map_free(struct map *m);
