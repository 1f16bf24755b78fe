#include "backend/queue/courier.h"
#include <stdlib.h>
#include <string.h>

#define LANES 64 /* destination x source */

struct lane {
    struct event *events;
    int head, count, room;
};
struct courier {
    struct lane lanes[LANES];
    uint64_t random; /* 0: deliver in order, at once */
    int waiting;
};

struct courier *courier_new(uint64_t seed)
{
    struct courier *c = mem_new(sizeof *c);
    c->random = seed;
    return c;
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    for (int i = 0; i < LANES; i++) {
        struct lane *l = &c->lanes[i];
        for (int k = l->head; k < l->count; k++)
            free(l->events[k].row);
        free(l->events);
    }
    free(c);
}

static uint64_t draw(struct courier *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return c->random;
}

static void push(struct courier *c, const struct event *event)
{
    struct lane *l = &c->lanes[(event->destination * 8 + event->source) % LANES];
    if (l->head > 64 && l->head * 2 > l->count) {
        memmove(l->events, l->events + l->head, (size_t)(l->count - l->head) * sizeof *l->events);
        l->count -= l->head;
        l->head = 0;
    }
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 16;
        l->events = mem_grow(l->events, (size_t)l->room * sizeof *l->events);
    }
    struct event *e = &l->events[l->count++];
    *e = *event;
    size_t size = record_of(event->record)->size;
    e->row = mem_new(size);
    memcpy(e->row, event->row, size);
    c->waiting++;
}

void courier_send(struct courier *c, const struct event *event)
{
    push(c, event);
}

bool courier_next(struct courier *c, bool drain, struct event *event)
{
    if (!c->waiting || (c->random && !drain && draw(c) % 4 == 0))
        return false;
    int full[LANES], n = 0;
    for (int i = 0; i < LANES; i++)
        if (c->lanes[i].head < c->lanes[i].count)
            full[n++] = i;
    struct lane *l = &c->lanes[full[c->random ? draw(c) % (uint64_t)n : 0]];
    *event = l->events[l->head++];
    c->waiting--;
    if (c->random && !drain && draw(c) % 8 == 0)
        push(c, event); /* delivered once more, later than its successors */
    return true;
}

int courier_waiting(const struct courier *c)
{
    return c->waiting;
}
