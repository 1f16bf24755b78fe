#include "tests/support/websocket.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/buf.h"

static bool more(struct ws *w, int ms)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    if (ms <= 0 || w->used == sizeof w->in || poll(&p, 1, ms) <= 0)
        return false;
    ssize_t n = recv(w->fd, w->in + w->used, sizeof w->in - w->used, 0);
    if (n > 0)
        w->used += (size_t)n;
    return n > 0;
}

static void take(struct ws *w, size_t n)
{
    memmove(w->in, w->in + n, w->used - n);
    w->used -= n;
}

int ws_open(struct ws *w, const struct server *s, const char *token, const char *headers)
{
    char request[600];
    int status = 0;
    w->used = 0;
    w->fd = server_connect(s);
    assert_true(w->fd >= 0);
    int n =
        snprintf(request, sizeof request,
                 "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
                 "13\r\nSec-WebSocket-Protocol: quanta.v1\r\n%s%s%s%s\r\n",
                 token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
                 headers ? headers : "");
    assert_int_equal(send(w->fd, request, (size_t)n, MSG_NOSIGNAL), n);
    for (int64_t until = millis() + 5000;;) {
        char *end = w->used ? memmem(w->in, w->used, "\r\n\r\n", 4) : NULL;
        if (end) {
            sscanf(w->in, "HTTP/1.1 %d", &status);
            if (status == 101)
                take(w, (size_t)(end + 4 - w->in));
            return status;
        }
        if (!more(w, (int)(until - millis())))
            return 0;
    }
}

void ws_close(struct ws *w)
{
    close(w->fd);
}

void ws_send_frame(struct ws *w, int first, const char *bytes, size_t n)
{
    struct buf b = {0};
    static const char mask[4] = {0x11, 0x22, 0x33, 0x44};
    buf_char(&b, (char)first);
    if (n < 126)
        buf_char(&b, (char)(0x80 | n));
    else if (n < 65536) {
        char head[3] = {(char)(0x80 | 126), (char)(n >> 8), (char)n};
        buf_add(&b, head, 3);
    } else {
        char head[9] = {(char)(0x80 | 127), 0,      0, 0, 0, (char)(n >> 24), (char)(n >> 16),
                        (char)(n >> 8),     (char)n};
        buf_add(&b, head, 9);
    }
    buf_add(&b, mask, 4);
    for (size_t i = 0; i < n; i++)
        buf_char(&b, (char)(bytes[i] ^ mask[i % 4]));
    for (size_t at = 0; at < b.length;) {
        ssize_t k = send(w->fd, b.data + at, b.length - at, MSG_NOSIGNAL);
        if (k <= 0)
            break; /* it hung up: ws_next tells how */
        at += (size_t)k;
    }
    buf_free(&b);
}

void ws_send(struct ws *w, const char *text)
{
    ws_send_frame(w, 0x81, text, strlen(text));
}

json_t *ws_next(struct ws *w, int ms, int *code)
{
    int64_t until = millis() + ms;
    if (code)
        *code = 0;
    for (;;) {
        const unsigned char *p = (unsigned char *)w->in;
        size_t head = w->used < 2 ? 2 : p[1] < 126 ? 2 : p[1] == 126 ? 4 : 10, n = 0;
        if (w->used >= head) {
            n = p[1] < 126 ? p[1] : 0;
            for (size_t i = 2; i < head; i++)
                n = n << 8 | p[i];
        }
        if (w->used >= head && w->used >= head + n) {
            int op = p[0] & 15;
            json_t *j = op == 1 ? json_loadb(w->in + head, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
            if (op == 8 && code)
                *code = n >= 2 ? p[head] << 8 | p[head + 1] : 1005;
            take(w, head + n);
            if (op == 1)
                return j;
            if (op == 8)
                return NULL;
            continue; /* ping */
        }
        if (!more(w, (int)(until - millis())))
            return NULL;
    }
}
