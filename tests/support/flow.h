/* Order flow: threads that send orders to a quantad as fast as they are answered, and what was answered. */
#pragma once
#include <pthread.h>
#include "common/buf.h"
#include "common/uuid.h"
#include "tests/support/server.h"

#define FLOW_THREADS 4
#define FLOW_MAX     200000

struct flow {
    struct server *server;
    char instrument[25];
    double mark;
    /* A taken order (201) or one that a rule refused (422): both are kept. */
    struct {
        struct uuid id;
        int status;
    } told[FLOW_MAX];
    int count, unanswered, other; /* other: answered by neither */
    double slowest;               /* ms of one answer */
    int threads, prices;
    int rest;     /* ms between two orders of a thread */
    bool crosses; /* orders that trade at once, by turns both ways; otherwise few do */
    bool running;
    pthread_mutex_t lock;
    pthread_t thread[FLOW_THREADS];
};
#define FLOW_INIT(s)                                                                                         \
    {                                                                                                        \
        .server = (s), .lock = PTHREAD_MUTEX_INITIALIZER                                                     \
    }
/* Finds a contract and its price, and starts `threads` of them. A thread ends when it gets no answer. */
void flow_start(struct flow *f, int threads);
void flow_stop(struct flow *f);
int flow_count(struct flow *f);
bool flow_ended(struct flow *f); /* every thread found nobody there */
/* Orders flow before, while and after `happens` does: at least `some` are answered on each side of it.
 * Returns how many were answered. */
int flow_under(struct flow *f, int some, void (*happens)(void));
/* SELECT that answers true when `table` holds each order that was answered once. */
void flow_question(struct flow *f, const char *table, struct buf *sql);
