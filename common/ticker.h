/* A thread that calls a function every so often, for loops whose own timers spin through the last
 * millisecond before they fire. */
#pragma once

struct ticker;
/* NULL when there is no thread. `tick` runs in the ticker's thread: it only wakes the loop. */
struct ticker *ticker_start(int ms, void (*tick)(void *arg), void *arg);
void ticker_stop(struct ticker *t); /* no call comes after it returns */
