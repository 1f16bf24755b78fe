/* A websocket client of the test's own: frames as RFC 6455 says, nothing hidden. */
#pragma once
#include <jansson.h>
#include "tests/support/server.h"

struct ws {
    int fd;
    char in[1 << 20];
    size_t used;
};
/* Answers the HTTP status of the handshake; 101 is success. `token` may be NULL. */
int ws_open(struct ws *w, const struct server *s, const char *token, const char *headers);
void ws_close(struct ws *w);
void ws_send(struct ws *w, const char *text);
void ws_send_frame(struct ws *w, int first_byte, const char *bytes, size_t n);
/* The next message as JSON, NULL after `ms` or when the server closed; *code is then the close code. */
json_t *ws_next(struct ws *w, int ms, int *code);
