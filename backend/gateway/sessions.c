#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/gateway/private.h"

#define SESSION_HOURS 12

static bool random_token(char out[65])
{
    unsigned char bytes[32];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

bool same_token(const char *a, const char *b)
{
    return strlen(a) == 64 && strlen(b) == 64 && CRYPTO_memcmp(a, b, 64) == 0;
}

/* The desk's token: random at every start, in a file that only its owner reads. */
bool desk_token_make(struct gateway *g, char *why, size_t room)
{
    char path[400], line[66];
    snprintf(path, sizeof path, "%s/token", g->config.data_dir);
    unlink(path);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && random_token(g->desk_token);
    snprintf(line, sizeof line, "%s\n", g->desk_token);
    ok = ok && write(fd, line, 65) == 65;
    if (fd >= 0)
        close(fd);
    if (!ok)
        snprintf(why, room, "%s: the token cannot be written", path);
    return ok;
}

const struct session_row *session_find(struct gateway *g, const char *token)
{
    for (struct session_row *s = g->sessions; s; s = s->next)
        if (same_token(s->token, token))
            return node_now(g->node) < s->expires ? s : NULL;
    return NULL;
}

const struct session_row *session_make(struct gateway *g, const struct actor *actor)
{
    struct session_row *s = mem_new(sizeof *s);
    struct uuid id = uuid_v7(node_now(g->node));
    s->actor = *actor;
    s->expires = node_now(g->node) + SESSION_HOURS * 3600 * SECOND;
    uuid_format(&id, s->actor.session);
    if (!random_token(s->token)) {
        free(s);
        return NULL;
    }
    s->next = g->sessions;
    g->sessions = s;
    return s;
}

void session_end(struct gateway *g, const char *token)
{
    for (struct session_row **at = &g->sessions; *at; at = &(*at)->next)
        if (same_token((*at)->token, token)) {
            struct session_row *gone = *at;
            *at = gone->next;
            OPENSSL_cleanse(gone->token, sizeof gone->token);
            free(gone);
            break;
        }
    for (struct client *c = g->clients; c; c = c->next)
        if (same_token(c->token, token)) {
            c->closing = true;
            lws_callback_on_writable(c->wsi);
        }
}

void sessions_free(struct gateway *g)
{
    while (g->sessions) {
        struct session_row *next = g->sessions->next;
        free(g->sessions);
        g->sessions = next;
    }
}
