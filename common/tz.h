/* Zones from the system's tz database (TZif, RFC 8536), read once and kept. */
#pragma once
#include "common/date.h"

struct tz;
/* A zone by its database name ("Europe/Berlin"), or NULL when it cannot be read. Owned by the cache.
 * Read from $QUANTA_TZDIR or /usr/share/zoneinfo. Not for two threads' first use at once. */
const struct tz *tz_get(const char *name);
/* Seconds east of UTC at that instant (seconds since 1970). */
int tz_offset(const struct tz *tz, int64_t utc_seconds);
/* The instant (seconds UTC) at which local clocks show `second_of_day` on `day`; the earlier one when
 * clocks show it twice; the instant of the change when they skip it. */
int64_t tz_instant(const struct tz *tz, date day, int second_of_day);
/* The local civil date and second of day of an instant. */
date tz_local(const struct tz *tz, int64_t utc_seconds, int *second_of_day);
