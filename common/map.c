#include "common/map.h"
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"

static uint32_t hash_bytes(const void *key, size_t n)
{
    const unsigned char *p = key;
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a, then a finishing mix */
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    return (uint32_t)h ? (uint32_t)h : 1;
}

static struct map_slot *find(const struct map *m, const void *key, size_t n, uint32_t hash)
{
    for (size_t i = hash & (m->room - 1);; i = (i + 1) & (m->room - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->key)
            return s;
        if (s->hash == hash && s->length == n && s->value >= 0 && !memcmp(s->key, key, n))
            return s;
    }
}

int32_t map_get(const struct map *m, const void *key, size_t n)
{
    if (!m->room)
        return -1;
    const struct map_slot *s = find(m, key, n, hash_bytes(key, n));
    return s->key ? s->value : -1;
}

static void grow(struct map *m)
{
    struct map bigger = {.room = m->live * 4 < 32 ? 32 : 1};
    while (bigger.room < m->live * 4)
        bigger.room *= 2;
    bigger.slots = mem_new(bigger.room * sizeof *bigger.slots);
    for (size_t i = 0; i < m->room; i++)
        if (m->slots[i].key && m->slots[i].value >= 0) {
            *find(&bigger, m->slots[i].key, m->slots[i].length, m->slots[i].hash) = m->slots[i];
            bigger.used++;
        }
    bigger.live = bigger.used;
    free(m->slots);
    *m = bigger;
}

void map_put(struct map *m, const void *key, size_t n, int32_t value)
{
    if (m->used * 2 >= m->room)
        grow(m);
    uint32_t hash = hash_bytes(key, n);
    struct map_slot *s = find(m, key, n, hash);
    if (!s->key) {
        m->used++;
        m->live++;
    }
    *s = (struct map_slot){key, (uint32_t)n, hash, value};
}

void map_remove(struct map *m, const void *key, size_t n)
{
    if (!m->room)
        return;
    struct map_slot *s = find(m, key, n, hash_bytes(key, n));
    if (s->key) {
        s->value = -1;
        m->live--;
    }
}

void map_free(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}
