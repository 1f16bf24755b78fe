/* The outbox on its way to a broker: a thread that reads committed facts from the store, in order, and hands
 * them to a sender; what the broker has confirmed goes back to the loop, which commits it as the cursor. The
 * same facts are sent again after any doubt: consumers keep the last sequence that they applied. */
#pragma once
#include "backend/queue/health.h"
#include "backend/queue/message.h"

#define RELAY_BATCH 500

struct relay;
struct relay_config {
    const char *store, *shard;
    int outbox;   /* destination; -1: every fact */
    int64_t from; /* everything up to here was confirmed */
    /* Sends them in order and waits until they are safe there. False with one line in `why`: send again. */
    bool (*send)(void *arg, const struct message *list, int count, char *why, size_t room);
    void *arg;
    void (*wake)(void *arg); /* something was confirmed */
    void *wake_arg;
};
/* NULL when there is no thread. */
struct relay *relay_start(const struct relay_config *config);
void relay_stop(struct relay *r); /* what is not sent stays in the outbox */
/* Everything up to `seq` is committed. Loop's thread. */
void relay_durable(struct relay *r, int64_t seq);
int64_t relay_confirmed(struct relay *r);
void relay_health(struct relay *r, struct link_health *out);
