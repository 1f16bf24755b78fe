/* 128-bit ids (RFC 9562). Clients make version 7, services derive version 8 from shard and sequence. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct uuid {
    uint8_t b[16];
};
#define UUID_TEXT 37

/* Time-ordered, random tail; utc in nanoseconds. */
struct uuid uuid_v7(int64_t utc);
/* The same for the same arguments: `part` tells apart what one sequence number makes. */
struct uuid uuid_v8(uint32_t shard, int64_t sequence, uint16_t part);
/* When a version 7 was made, ns UTC, to the millisecond. */
int64_t uuid_time(const struct uuid *u);
bool uuid_none(const struct uuid *u);
bool uuid_same(const struct uuid *a, const struct uuid *b);
char *uuid_format(const struct uuid *u, char out[UUID_TEXT]);
bool uuid_parse(const char *text, struct uuid *out);
