/* Time: int64 nanoseconds UTC; intervals by the monotonic clock. Tests put their own clock in place. */
#pragma once
#include <stdint.h>
#include <time.h>

#define TIME_NONE INT64_MIN
#define SECOND    INT64_C(1000000000)
#define MILLI     INT64_C(1000000)

struct clock {
    int64_t (*utc)(const struct clock *clock);  /* ns since 1970-01-01T00:00Z */
    int64_t (*mono)(const struct clock *clock); /* ns since some start, never backwards */
    int64_t fixed_utc, fixed_mono;              /* what a test's clock answers */
};

extern const struct clock clock_system;
/* A clock that stands still at `utc` until a test moves its fields. */
struct clock clock_fixed(int64_t utc);
static inline int64_t clock_utc(const struct clock *c)
{
    return c->utc(c);
}
static inline int64_t clock_mono(const struct clock *c)
{
    return c->mono(c);
}
/* `ns` from now on CLOCK_MONOTONIC, as pthread_cond_clockwait takes it. */
struct timespec clock_deadline(int64_t ns);
