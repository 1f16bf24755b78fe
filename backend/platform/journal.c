#include "backend/platform/journal.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "common/clock.h"

#define RENEW_NS (500 * MILLI)

enum stage { IDLE, SUBMITTED, DONE };

struct journal {
    struct store *store;
    pthread_t thread;
    bool threaded, stopping, keeps;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum stage stage;
    struct store_batch batch;
    enum store_result result;
    void (*wake)(void *arg);
    void *arg;
};

/* Waits for a batch, or until the lease wants renewing; true when it does. */
static bool rest(struct journal *j)
{
    if (!j->keeps) {
        pthread_cond_wait(&j->changed, &j->lock);
        return false;
    }
    struct timespec until = clock_deadline(RENEW_NS);
    return pthread_cond_clockwait(&j->changed, &j->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT;
}

/* With the lock held, and given back for the time that the store takes. */
static void keep(struct journal *j)
{
    pthread_mutex_unlock(&j->lock);
    bool ours = j->store->ops->renew(j->store);
    pthread_mutex_lock(&j->lock);
    if (ours)
        return;
    j->keeps = false;
    if (j->stage == SUBMITTED)
        return; /* that batch will be told the same */
    j->batch = (struct store_batch){0};
    j->result = STORE_NOT_OWNER;
    j->stage = DONE;
    if (j->wake)
        j->wake(j->arg);
}

static void *work(void *arg)
{
    struct journal *j = arg;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        while (j->stage != SUBMITTED && !j->stopping)
            if (rest(j) && j->stage == IDLE)
                keep(j);
        if (j->stage != SUBMITTED)
            break;
        pthread_mutex_unlock(&j->lock);
        enum store_result result = j->store->ops->commit(j->store, &j->batch);
        pthread_mutex_lock(&j->lock);
        j->result = result;
        j->stage = DONE;
        if (j->wake)
            j->wake(j->arg);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

struct journal *journal_new(struct store *store, bool threaded, void (*wake)(void *arg), void *arg)
{
    struct journal *j = mem_new(sizeof *j);
    j->store = store;
    j->threaded = threaded;
    j->wake = wake;
    j->arg = arg;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->changed, NULL);
    if (threaded && pthread_create(&j->thread, NULL, work, j) != 0) {
        free(j);
        return NULL;
    }
    return j;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    if (j->threaded) {
        pthread_mutex_lock(&j->lock);
        j->stopping = true;
        pthread_cond_signal(&j->changed);
        pthread_mutex_unlock(&j->lock);
        pthread_join(j->thread, NULL);
    }
    if (j->stage == DONE)
        store_batch_free(&j->batch);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->changed);
    free(j);
}

void journal_submit(struct journal *j, struct store_batch batch)
{
    pthread_mutex_lock(&j->lock);
    j->batch = batch;
    j->stage = SUBMITTED;
    if (!j->threaded) {
        j->result = j->store->ops->commit(j->store, &j->batch);
        j->stage = DONE;
    } else
        pthread_cond_signal(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

void journal_keep_lease(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->keeps = j->threaded && j->store->ops->renew;
    pthread_cond_signal(&j->changed);
    pthread_mutex_unlock(&j->lock);
}

bool journal_idle(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    bool idle = j->stage == IDLE;
    pthread_mutex_unlock(&j->lock);
    return idle;
}

bool journal_take(struct journal *j, struct store_batch *batch, enum store_result *result)
{
    pthread_mutex_lock(&j->lock);
    bool done = j->stage == DONE;
    if (done) {
        *batch = j->batch;
        *result = j->result;
        j->stage = IDLE;
    }
    pthread_mutex_unlock(&j->lock);
    return done;
}
