#include "tests/support/server.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/buf.h"
#include "common/clock.h"

bool server_serves(struct server *s)
{
    char path[200];
    snprintf(path, sizeof path, "%s/endpoint.json", s->dir);
    json_t *j = json_load_file(path, 0, NULL);
    const char *url = json_string_value(json_object_get(j, "url")),
               *token = json_string_value(json_object_get(j, "token_file"));
    bool ok = url && token && json_integer_value(json_object_get(j, "pid")) == s->pid &&
              sscanf(url, "http://127.0.0.1:%d", &s->port) == 1;
    FILE *f = ok ? fopen(token, "r") : NULL;
    ok = f && fgets(s->desk_token, sizeof s->desk_token, f);
    if (f)
        fclose(f);
    s->desk_token[strcspn(s->desk_token, "\n")] = 0;
    json_decref(j);
    return ok;
}

void server_launch(struct server *s, const char *dir, const char *market)
{
    char program[300], log[200], stale[200];
    if (dir != s->dir)
        snprintf(s->dir, sizeof s->dir, "%s", dir ? dir : temp_dir());
    snprintf(s->market, sizeof s->market, "%s", market ? market : "sim:7");
    snprintf(program, sizeof program, "%s/quantad", build_dir());
    snprintf(log, sizeof log, "%s/quantad.log", s->dir);
    snprintf(stale, sizeof stale, "%s/endpoint.json", s->dir);
    unlink(stale); /* of one that was killed */
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (!s->pid) {
        int fd = open(log, O_CREAT | O_APPEND | O_WRONLY, 0600);
        dup2(fd, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
        const char *arguments[40] = {program, "--data-dir", s->dir, "--market", s->market};
        int n = 5;
        for (int i = 0; i < 24 && s->more[i]; i++)
            arguments[n++] = s->more[i];
        if (s->store) {
            arguments[n++] = "--store";
            arguments[n] = s->store;
        }
        execv(program, (char **)(uintptr_t)arguments);
        _exit(127);
    }
}

/* With the end of its log, which goes with the test's directory. */
static void fail_unstarted(const struct server *s)
{
    char path[200], line[600], last[600] = "";
    snprintf(path, sizeof path, "%s/quantad.log", s->dir);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        snprintf(last, sizeof last, "%s", line);
    if (f)
        fclose(f);
    fail_msg("quantad did not start: %s", last);
}

void server_start(struct server *s, const char *dir, const char *market)
{
    server_launch(s, dir, market);
    for (int64_t until = millis() + 60000; !server_serves(s);) {
        int status;
        if (millis() > until || waitpid(s->pid, &status, WNOHANG) == s->pid)
            fail_unstarted(s);
        poll(NULL, 0, 2);
    }
    server_sign_in(s, "trader");
}

static void finish(struct server *s, int signal, int *status)
{
    kill(s->pid, signal);
    assert_int_equal(waitpid(s->pid, status, 0), s->pid);
    s->pid = 0;
}

void server_stop(struct server *s)
{
    int status;
    if (!s->pid)
        return;
    finish(s, SIGTERM, &status);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void server_kill(struct server *s)
{
    int status;
    finish(s, SIGKILL, &status);
}

int server_connect(const struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Whether a whole response has come: headers and as many bytes as they name. */
static bool whole(const struct buf *b)
{
    const char *end = b->data ? strstr(b->data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(b->data, "content-length:") : NULL;
    return length && length < end &&
           b->length >= (size_t)(end + 4 - b->data) + strtoul(length + 15, NULL, 10);
}

static void receive(int fd, struct buf *in, int ms, bool until_whole)
{
    char part[16384];
    int64_t until = millis() + ms;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int left = (int)(until - millis());
        if (left <= 0 || poll(&p, 1, left) <= 0)
            return;
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0)
            return;
        buf_add(in, part, (size_t)n);
        if (until_whole && whole(in))
            return;
    }
}

char *server_raw(const struct server *s, const char *bytes, size_t n, int ms)
{
    struct buf in = {0};
    int fd = server_connect(s);
    if (fd >= 0 && send_all(fd, bytes, n))
        receive(fd, &in, ms, false);
    if (fd >= 0)
        close(fd);
    buf_text(&in, "");
    return in.data;
}

struct reply server_request(const struct server *s, const char *method, const char *path, const char *headers,
                            const char *body)
{
    struct buf out = {0}, in = {0};
    struct reply r = {0};
    int64_t begun = clock_mono(&clock_system);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n%s", method, path,
               s->token, headers ? headers : "");
    if (body || strcmp(method, "GET") != 0)
        buf_printf(&out, "Content-Length: %zu\r\n", body ? strlen(body) : (size_t)0);
    buf_printf(&out, "\r\n%s", body ? body : "");
    int fd = server_connect(s);
    if (fd >= 0 && send_all(fd, out.data, out.length))
        receive(fd, &in, 30000, true);
    if (fd >= 0)
        close(fd);
    const char *end = in.data ? strstr(in.data, "\r\n\r\n") : NULL;
    if (whole(&in) && sscanf(in.data, "HTTP/1.1 %d", &r.status) == 1)
        r.body = strdup(end + 4);
    else
        r.body = strdup("");
    r.ms = (double)(clock_mono(&clock_system) - begun) / 1e6;
    buf_free(&out);
    buf_free(&in);
    return r;
}

struct reply server_get(const struct server *s, const char *path)
{
    return server_request(s, "GET", path, NULL, NULL);
}

struct reply server_post(const struct server *s, const char *path, const char *body)
{
    return server_request(s, "POST", path, "Content-Type: application/json\r\n", body);
}

void server_sign_in(struct server *s, const char *user)
{
    char body[100];
    snprintf(s->token, sizeof s->token, "%s", s->desk_token);
    snprintf(body, sizeof body, "{\"user\":\"%s\"}", user);
    struct reply r = server_post(s, "/v1/session", body);
    if (r.status != 201)
        fail_msg("sign-in: %d %s", r.status, r.body);
    reply_text_of(&r, "token", s->token, sizeof s->token);
    free(r.body);
}

const char *reply_text_of(const struct reply *r, const char *name, char *out, size_t room)
{
    json_t *j = json_loads(r->body, 0, NULL), *v = json_object_get(j, name);
    if (json_is_integer(v))
        snprintf(out, room, "%lld", (long long)json_integer_value(v));
    else
        snprintf(out, room, "%s", json_is_string(v) ? json_string_value(v) : "");
    json_decref(j);
    return out;
}

int run_program(char *const argv[], char *out, size_t room)
{
    int pipes[2], status;
    size_t used = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        execv(argv[0], argv);
        _exit(127);
    }
    close(pipes[1]);
    for (ssize_t n; (n = read(pipes[0], out + used, room - 1 - used)) > 0;)
        used += (size_t)n;
    out[used] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool server_logged(const struct server *s, const char *words)
{
    char path[200], line[2000];
    bool found = false;
    snprintf(path, sizeof path, "%s/quantad.log", s->dir);
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, words) != NULL;
    if (f)
        fclose(f);
    return found;
}

static bool has(const struct server *s, const char *path, const char *member, const char *value)
{
    char text[200];
    struct reply r = server_get(s, path);
    assert_int_equal(r.status, 200);
    bool same = !strcmp(reply_text_of(&r, member, text, sizeof text), value);
    free(r.body);
    return same;
}

void server_until(const struct server *s, const char *path, const char *member, const char *value, int ms)
{
    AWAIT(has(s, path, member, value), ms);
}
