#include "backend/gateway/feed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_room(struct feed *f, int row)
{
    if (row < f->json_room)
        return;
    int room = f->json_room ? f->json_room * 2 : 64;
    while (room <= row)
        room *= 2;
    f->json = mem_grow(f->json, (size_t)room * sizeof *f->json);
    f->changed = mem_grow(f->changed, (size_t)room * sizeof *f->changed);
    memset(f->json + f->json_room, 0, (size_t)(room - f->json_room) * sizeof *f->json);
    memset(f->changed + f->json_room, 0, (size_t)(room - f->json_room) * sizeof *f->changed);
    f->json_room = room;
}

static void *copy_row(const struct record *r, const void *row)
{
    if (!row)
        return NULL;
    void *copy = mem_new(r->size);
    memcpy(copy, row, r->size);
    return copy;
}

static void ring_add(struct feed *f, const void *before, const void *after, int64_t seq)
{
    struct change *c = &f->ring[f->ring_count % FEED_RING];
    if (f->ring_count >= FEED_RING) {
        f->base = c->seq;
        free(c->before);
        free(c->after);
    }
    *c = (struct change){seq, copy_row(f->record, before), copy_row(f->record, after)};
    f->ring_count++;
}

static void gone_add(struct feed *f, const void *row, int64_t seq)
{
    int64_t at = f->gone_count++ % FEED_GONE;
    f->gone[at].seq = seq;
    record_key_text(f->record, row, f->gone[at].key, sizeof f->gone[at].key);
    snprintf(f->gone[at].scope, sizeof f->gone[at].scope, "%s", record_scope(f->record, row));
}

static void put(struct feed *f, const void *row, int64_t seq)
{
    int i = table_index(&f->rows, row);
    if (!f->conflated)
        ring_add(f, i >= 0 ? f->rows.rows[i] : NULL, row, seq);
    i = table_put(&f->rows, row);
    make_room(f, i);
    free(f->json[i]);
    f->json[i] = NULL;
    f->changed[i] = f->seq = seq;
}

static void removed(struct feed *f, const void *row, int64_t seq)
{
    int i = table_index(&f->rows, row);
    if (i < 0)
        return;
    if (f->conflated)
        gone_add(f, f->rows.rows[i], seq);
    else
        ring_add(f, f->rows.rows[i], NULL, seq);
    free(f->json[i]);
    f->json[i] = NULL;
    table_remove(&f->rows, row);
    f->seq = seq;
}

static void on_fact(void *arg, const struct store_fact *fact)
{
    struct feeds *all = arg;
    struct feed *f = all->list[fact->record];
    if (!f)
        return;
    int64_t seq = f->conflated ? ++all->next : fact->seq;
    if (fact->removed) {
        removed(f, fact->row, seq);
        return;
    }
    if (f->elsewhere && f->record->flags & RECORD_VALUED && table_index(&f->rows, fact->row) >= 0)
        return; /* its owner follows the fact with the row as it is valued; this one would show blanks */
    void *row = copy_row(f->record, fact->row);
    node_value(all->node, fact->record, row);
    put(f, row, seq);
    free(row);
}

static void on_published(void *arg, enum record_id record, const void *row)
{
    struct feeds *all = arg;
    if (all->list[record])
        put(all->list[record], row, ++all->next);
}

const char *feed_json(struct feed *f, int row)
{
    if (!f->json[row]) {
        struct buf b = {0};
        record_json(f->record, f->rows.rows[row], &b);
        f->json[row] = b.data;
    }
    return f->json[row];
}

bool feed_visible(const struct feeds *all, const struct feed *f, const struct actor *actor, const void *row)
{
    const struct record *r = f->record;
    if (r->flags & RECORD_PUBLIC || !strcmp(actor->books, "*"))
        return true;
    if (r->scope >= 0)
        return actor_scope(actor, record_scope(r, row));
    const char *parent = (const char *)row + r->fields[r->parent].offset;
    const struct feed *deals = all->list[RECORD_deal];
    const void *deal = deals ? table_find(&deals->rows, parent) : NULL;
    return deal && actor_scope(actor, record_scope(deals->record, deal));
}

static void load_row(void *arg, const void *row)
{
    struct feed *f = arg;
    int i = table_put(&f->rows, row);
    make_room(f, i);
}

bool feeds_start(struct feeds *all, struct node *n, const char *log, const char *boot, char *why, size_t room)
{
    struct store *s = node_store(n);
    all->node = n;
    for (int i = 0; i < RECORD_COUNT; i++) {
        if (record_of((enum record_id)i)->flags & (RECORD_PRIVATE | RECORD_TRANSIENT))
            continue;
        struct feed *f = all->list[i] = mem_new(sizeof *f);
        f->record = record_of((enum record_id)i);
        f->id = (enum record_id)i;
        f->conflated = (f->record->flags & (RECORD_CONFLATED | RECORD_VALUED)) != 0;
        table_init(&f->rows, f->record);
        int64_t head = node_durable(n);
        const char *other = node_log(n, f->id, &head);
        f->elsewhere = other != NULL;
        snprintf(f->log, sizeof f->log, "%s", f->conflated ? boot : other ? other : log);
        if (f->conflated)
            f->gone = mem_new(FEED_GONE * sizeof *f->gone);
        else
            f->ring = mem_new(FEED_RING * sizeof *f->ring);
        f->seq = f->base = f->conflated ? 0 : head;
        if (!(f->record->flags & RECORD_CONFLATED) && !node_load(n, f->id, load_row, f)) {
            snprintf(why, room, "cannot read %s: %s", f->record->plural, s->ops->error(s));
            return false;
        }
        for (int k = 0; k < f->rows.count; k++)
            if (f->rows.rows[k])
                node_value(n, f->id, f->rows.rows[k]);
    }
    node_observe(n, (struct node_observer){.fact = on_fact, .published = on_published, .arg = all});
    return true;
}

void feeds_free(struct feeds *all)
{
    for (int i = 0; i < RECORD_COUNT; i++) {
        struct feed *f = all->list[i];
        if (!f)
            continue;
        for (int k = 0; k < f->json_room; k++)
            free(f->json[k]);
        for (int64_t k = 0; f->ring && k < FEED_RING && k < f->ring_count; k++) {
            free(f->ring[k].before);
            free(f->ring[k].after);
        }
        free(f->json);
        free(f->changed);
        free(f->ring);
        free(f->gone);
        table_free(&f->rows);
        free(f);
    }
}

struct feed *feeds_plural(struct feeds *all, const char *plural)
{
    const struct record *r = record_plural(plural);
    return r ? all->list[record_index(r)] : NULL;
}
