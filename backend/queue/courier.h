/* The local stream and the local queue: events from sources to destinations, in order within a source.
 * With a seed other than 0 it delays, duplicates and reorders across sources, as brokers do; consumers
 * must give the same result. Kafka and RabbitMQ take its place behind the same two calls. */
#pragma once
#include "common/records/records.h"

struct event {
    int destination; /* index of the consumer */
    int source;      /* index of the service that made the row */
    int64_t seq;     /* within the source, ascending */
    enum record_id record;
    bool removed;
    void *row; /* owned by the event */
};

struct courier;
struct courier *courier_new(uint64_t seed);
void courier_free(struct courier *c);
/* Copies the row. */
void courier_send(struct courier *c, const struct event *event);
/* The next event to deliver, or false. The caller frees event->row. With a seed it may hold events back
 * unless `drain`. */
bool courier_next(struct courier *c, bool drain, struct event *event);
int courier_waiting(const struct courier *c);
