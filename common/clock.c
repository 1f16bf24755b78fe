#include "common/clock.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t system_utc(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_utc, system_mono, 0, 0};

static int64_t fixed_utc(const struct clock *clock)
{
    return clock->fixed_utc;
}

static int64_t fixed_mono(const struct clock *clock)
{
    return clock->fixed_mono;
}

struct clock clock_fixed(int64_t utc)
{
    return (struct clock){fixed_utc, fixed_mono, utc, 0};
}

struct timespec clock_deadline(int64_t ns)
{
    int64_t at = read_clock(CLOCK_MONOTONIC) + ns;
    return (struct timespec){at / SECOND, at % SECOND};
}
