/* The embedded backend: found by endpoint.json in its directory, started when it is not there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct endpoint {
    char url[128], token_file[400];
    int pid;
};
/* Starts it if need be and waits until it serves; false with one line in `why`. */
bool embed_join(const char *dir, const char *quantad, const char *market, struct endpoint *out, char *why,
                size_t room);
/* Reads a token from a file that only its owner may read. */
bool embed_token(const char *path, char *out, size_t room, char *why, size_t why_room);
