/* The compute pool: jobs run off the loop, results come back to it. */
#pragma once
#include <stdbool.h>

struct pool;
/* `wake` is called from a worker when pool_poll has results. Without threads jobs run in pool_poll. */
struct pool *pool_new(int threads, void (*wake)(void *arg), void *arg);
void pool_free(struct pool *p); /* waits for running jobs; their `done` is called */
/* run(job) in a worker, then done(job) in the loop. False when too many wait. */
bool pool_submit(struct pool *p, void (*run)(void *job), void (*done)(void *job), void *job);
void pool_poll(struct pool *p);
