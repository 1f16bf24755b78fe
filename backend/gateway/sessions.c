#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
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

static bool read_token(const char *path, char out[65])
{
    char line[66] = "";
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 077) &&
              read(fd, line, 65) >= 64 && strspn(line, "0123456789abcdef") == 64;
    if (fd >= 0)
        close(fd);
    if (ok)
        snprintf(out, 65, "%.64s", line);
    return ok;
}

/* The desk's token: random at every start, in a file that only its owner reads; or the one that several
 * processes of a desk are given. */
bool desk_token_make(struct gateway *g, char *why, size_t room)
{
    char path[400], line[66];
    if (g->config.token_file) {
        if (read_token(g->config.token_file, g->desk_token))
            return true;
        snprintf(why, room, "token-file %.200s: expected 64 hexadecimal digits that nobody else can read",
                 g->config.token_file);
        return false;
    }
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

/* ---- sessions: rows of compliance, known by the digest of their token ---- */

static void digest(const char *token, char out[65])
{
    unsigned char hash[32];
    SHA256((const unsigned char *)token, strlen(token), hash);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

bool session_find(struct gateway *g, const char *token, struct actor *out)
{
    char id[65];
    digest(token, id);
    const struct sign_in *s = strlen(token) == 64 ? table_find(&g->sign_ins, id) : NULL;
    if (!s || node_now(g->node) >= s->expires)
        return false;
    *out = (struct actor){.role = s->role};
    snprintf(out->user, sizeof out->user, "%s", s->user);
    snprintf(out->session, sizeof out->session, "%s", s->session);
    snprintf(out->books, sizeof out->books, "%s", s->books);
    return true;
}

bool session_make(struct gateway *g, const char *user, char token[65], struct sign_in *out)
{
    struct uuid id = uuid_v7(node_now(g->node));
    record_clear(RECORD(sign_in), out);
    if (!random_token(token))
        return false;
    digest(token, out->id);
    snprintf(out->user, sizeof out->user, "%s", user);
    uuid_format(&id, out->session);
    out->expires = node_now(g->node) + SESSION_HOURS * 3600 * SECOND;
    return true;
}

void session_id(const char *token, char id[65])
{
    digest(token, id);
}

/* A session that ends, wherever it was ended, closes its streams here. */
static void on_fact(void *arg, const struct store_fact *f)
{
    struct gateway *g = arg;
    const struct sign_in *s = f->row;
    if (f->record != RECORD_sign_in)
        return;
    if (!f->removed) {
        table_put(&g->sign_ins, s);
        return;
    }
    for (struct client *c = g->clients; c; c = c->next)
        if (c->signed_in && !strcmp(c->actor.session, s->session)) {
            c->closing = true;
            lws_callback_on_writable(c->wsi);
        }
    table_remove(&g->sign_ins, s);
}

static void load_row(void *arg, const void *row)
{
    table_put(arg, row);
}

bool sessions_start(struct gateway *g, char *why, size_t room)
{
    table_init(&g->sign_ins, RECORD(sign_in));
    node_observe(g->node, (struct node_observer){.fact = on_fact, .arg = g});
    if (node_load(g->node, RECORD_sign_in, load_row, &g->sign_ins))
        return true;
    snprintf(why, room, "sign-ins cannot be read");
    return false;
}

void sessions_free(struct gateway *g)
{
    table_free(&g->sign_ins);
}
