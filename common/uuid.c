#include "common/uuid.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void put(uint8_t *to, uint64_t value, int n)
{
    for (int i = n - 1; i >= 0; i--, value >>= 8)
        to[i] = (uint8_t)value;
}

struct uuid uuid_v7(int64_t utc)
{
    struct uuid u;
    if (getrandom(u.b, sizeof u.b, 0) != (ssize_t)sizeof u.b)
        abort();
    put(u.b, (uint64_t)(utc / 1000000), 6);
    u.b[6] = (uint8_t)(0x70 | (u.b[6] & 0x0f));
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

struct uuid uuid_v8(uint32_t shard, int64_t sequence, uint16_t part)
{
    struct uuid u;
    put(u.b, shard, 4);
    put(u.b + 4, part, 2);
    put(u.b + 6, 0x8000, 2);
    put(u.b + 8, (uint64_t)sequence, 8);
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

int64_t uuid_time(const struct uuid *u)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | u->b[i];
    return ms * 1000000;
}

bool uuid_none(const struct uuid *u)
{
    static const struct uuid zero;
    return !memcmp(u, &zero, sizeof zero);
}

bool uuid_same(const struct uuid *a, const struct uuid *b)
{
    return !memcmp(a, b, sizeof *a);
}

char *uuid_format(const struct uuid *u, char out[UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[u->b[i] >> 4];
        *p++ = hex[u->b[i] & 15];
    }
    *p = 0;
    return out;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool uuid_parse(const char *t, struct uuid *out)
{
    struct uuid u;
    if (strlen(t) != 36)
        return false;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            if (*t++ != '-')
                return false;
        int high = digit(t[0]), low = digit(t[1]);
        if (high < 0 || low < 0)
            return false;
        u.b[i] = (uint8_t)(high << 4 | low);
        t += 2;
    }
    *out = u;
    return true;
}
