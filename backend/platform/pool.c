#include "backend/platform/pool.h"
#include <pthread.h>
#include <stdlib.h>
#include "common/buf.h"

#define THREADS_MAX 8
#define JOBS_MAX    256

struct task {
    struct task *next;
    void (*run)(void *job);
    void (*done)(void *job);
    void *job;
};
struct list {
    struct task *first, *last;
    int count;
};
struct pool {
    pthread_t threads[THREADS_MAX];
    int thread_count;
    bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waiting, finished;
    void (*wake)(void *arg);
    void *arg;
};

static void push(struct list *l, struct task *t)
{
    t->next = NULL;
    if (l->last)
        l->last->next = t;
    else
        l->first = t;
    l->last = t;
    l->count++;
}

static struct task *pop(struct list *l)
{
    struct task *t = l->first;
    if (!t)
        return NULL;
    l->first = t->next;
    if (!l->first)
        l->last = NULL;
    l->count--;
    return t;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct task *t = pop(&p->waiting);
        if (!t) {
            if (p->stopping)
                break;
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        t->run(t->job);
        pthread_mutex_lock(&p->lock);
        push(&p->finished, t);
        if (p->wake)
            p->wake(p->arg);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct pool *pool_new(int threads, void (*wake)(void *arg), void *arg)
{
    struct pool *p = mem_new(sizeof *p);
    p->wake = wake;
    p->arg = arg;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (int i = 0; i < threads && i < THREADS_MAX; i++)
        if (pthread_create(&p->threads[p->thread_count], NULL, work, p) == 0)
            p->thread_count++;
    return p;
}

bool pool_submit(struct pool *p, void (*run)(void *job), void (*done)(void *job), void *job)
{
    pthread_mutex_lock(&p->lock);
    bool room = p->waiting.count < JOBS_MAX;
    if (room) {
        struct task *t = mem_new(sizeof *t);
        *t = (struct task){.run = run, .done = done, .job = job};
        push(&p->waiting, t);
        pthread_cond_signal(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_poll(struct pool *p)
{
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct task *t = p->thread_count ? NULL : pop(&p->waiting);
        bool run = t != NULL;
        if (!t)
            t = pop(&p->finished);
        pthread_mutex_unlock(&p->lock);
        if (!t)
            return;
        if (run)
            t->run(t->job);
        t->done(t->job);
        free(t);
    }
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pool_poll(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
}
