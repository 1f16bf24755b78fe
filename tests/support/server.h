/* A quantad of the test's own: private directory, free port; and requests to it over a raw socket. */
#pragma once
#include <sys/types.h>
#include "tests/support/support.h"

struct server {
    pid_t pid;
    char dir[64], market[320];
    const char *store;    /* NULL: a file in its directory */
    const char *more[24]; /* further arguments, ended by NULL */
    int port;
    char desk_token[80], token[80]; /* of the desk, and of the user last signed in */
};
struct reply {
    int status; /* 0: the connection ended without one */
    char *body; /* owned */
    double ms;
};
/* Starts it on `dir` (NULL: a new one) and waits until it serves. */
void server_start(struct server *s, const char *dir, const char *market);
/* The two halves of it: for one that stands by first. */
void server_launch(struct server *s, const char *dir, const char *market);
bool server_serves(struct server *s);
bool server_logged(const struct server *s, const char *words); /* whether its log holds them */
/* Asks until a member of what is at `path` has that value; fails after `ms`. */
void server_until(const struct server *s, const char *path, const char *member, const char *value, int ms);
void server_sign_in(struct server *s, const char *user);
void server_stop(struct server *s); /* SIGTERM; its exit status must be 0 */
void server_kill(struct server *s); /* SIGKILL */
/* One request on a connection of its own. `headers` are extra lines, each ended by \r\n. */
struct reply server_request(const struct server *s, const char *method, const char *path, const char *headers,
                            const char *body);
struct reply server_get(const struct server *s, const char *path);
struct reply server_post(const struct server *s, const char *path, const char *body);
/* Bytes as they are; the answer until the server closes or `ms` pass. */
char *server_raw(const struct server *s, const char *bytes, size_t n, int ms);
int server_connect(const struct server *s);
/* A string member of a JSON body; "" when there is none. */
const char *reply_text_of(const struct reply *r, const char *name, char *out, size_t room);
/* Runs a program to its end; its output (stdout then stderr) into out. Returns the exit status. */
int run_program(char *const argv[], char *out, size_t room);
