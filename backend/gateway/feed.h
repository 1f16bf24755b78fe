/* Feeds: the durable rows of each record, as streams and listings show them. A record whose columns do
 * not follow the market streams every change from a ring, with rows before and after; one whose columns
 * do is conflated: the newest row of what changed. Loop's thread only. */
#pragma once
#include "backend/platform/node.h"
#include "common/filter.h"

#define FEED_RING 4096
#define FEED_GONE 512

struct change {
    int64_t seq;
    void *before, *after; /* NULL: there was none, or it was removed */
};
struct feed {
    const struct record *record;
    enum record_id id;
    bool conflated;
    bool elsewhere; /* another process makes its rows */
    struct table rows;
    char **json;      /* by row index; NULL when the row changed since it was encoded */
    int64_t *changed; /* by row index: seq of the last change */
    int json_room;
    int64_t seq;  /* of the last change */
    int64_t base; /* changes after it are all in the ring */
    char log[40];
    struct change *ring; /* journaled feeds: the last FEED_RING changes */
    int64_t ring_count;  /* changes ever; ring[i % FEED_RING] */
    struct {
        int64_t seq;
        char key[100];
        char scope[32];
    } * gone; /* conflated feeds: the last FEED_GONE removals */
    int64_t gone_count;
};
struct feeds {
    struct feed *list[RECORD_COUNT]; /* NULL: not streamed */
    int64_t next;                    /* of conflated feeds */
    struct node *node;
};

/* Loads every stored row. `log` names the journal, `boot` this process. */
bool feeds_start(struct feeds *f, struct node *n, const char *log, const char *boot, char *why, size_t room);
void feeds_free(struct feeds *f);
struct feed *feeds_plural(struct feeds *f, const char *plural);
/* The row as JSON; borrowed until it changes. */
const char *feed_json(struct feed *f, int row);
/* Whether the books of the actor let him see the row. */
bool feed_visible(const struct feeds *f, const struct feed *feed, const struct actor *actor, const void *row);
