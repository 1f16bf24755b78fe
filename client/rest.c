#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client/private.h"

#define ANSWER_MAX (16 << 20)

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct buf *b = arg;
    if (b->length + size * n > ANSWER_MAX)
        return 0;
    buf_add(b, data, size * n);
    return size * n;
}

static void set_headers(struct curl_slist **list, const char *token, const struct call *k)
{
    char text[160];
    snprintf(text, sizeof text, "Authorization: Bearer %s", token);
    *list = curl_slist_append(*list, text);
    *list = curl_slist_append(*list, "Expect:");
    *list = curl_slist_append(*list, "Content-Type: application/json");
    if (*k->key) {
        snprintf(text, sizeof text, "Idempotency-Key: %s", k->key);
        *list = curl_slist_append(*list, text);
    }
    if (k->version != INT64_MIN) {
        snprintf(text, sizeof text, "If-Match: \"%lld\"", (long long)k->version);
        *list = curl_slist_append(*list, text);
    }
}

/* One exchange on a handle that keeps its connection. */
static void perform(struct client *c, CURL *h, struct call *k, const char *token)
{
    char url[460], base[128], path[110] = "", problem[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    struct buf answer = {0};
    long status = 0;
    pthread_mutex_lock(&c->lock); /* a restarted backend has another address */
    bool local = *c->host == '+';
    snprintf(base, sizeof base, "%s", local ? "http://localhost" : c->url);
    snprintf(path, sizeof path, "%s", local ? c->host + 1 : "");
    pthread_mutex_unlock(&c->lock);
    snprintf(url, sizeof url, "%s%s", base, k->path);
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, local ? path : NULL);
    set_headers(&headers, token, k);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, k->method);
    if (k->body || strcmp(k->method, "GET") != 0) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, k->body ? k->body : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)(k->body ? strlen(k->body) : 0));
    } else
        curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, k->method);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, 15L);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    int64_t begun = clock_mono(&clock_system);
    CURLcode rc = curl_easy_perform(h);
    if (rc == CURLE_OK)
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    else {
        buf_clear(&answer);
        buf_printf(&answer, "no answer from %s: %s", local ? path : base,
                   *problem ? problem : curl_easy_strerror(rc));
    }
    k->status = (int)status;
    k->answer = answer.data ? answer.data : mem_text("");
    curl_slist_free_all(headers);
    pthread_mutex_lock(&c->lock);
    if (status)
        c->state.latency_ms = (double)(clock_mono(&clock_system) - begun) / 1e6;
    pthread_mutex_unlock(&c->lock);
}

static void push(struct call **first, struct call **last, struct call *k)
{
    k->next = NULL;
    if (*last)
        (*last)->next = k;
    else
        *first = k;
    *last = k;
}

static struct call *pop(struct call **first, struct call **last)
{
    struct call *k = *first;
    if (k)
        *first = k->next;
    if (!*first)
        *last = NULL;
    return k;
}

static void *work(void *arg)
{
    struct lane *lane = arg;
    struct client *c = lane->client;
    char token[80];
    CURL *h = curl_easy_init();
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        struct call *k = pop(&lane->waiting, &lane->waiting_last);
        if (!k) {
            pthread_cond_wait(&lane->more, &c->lock);
            continue;
        }
        snprintf(token, sizeof token, "%s", c->token);
        pthread_mutex_unlock(&c->lock);
        perform(c, h, k, token);
        pthread_mutex_lock(&c->lock);
        push(&c->done, &c->done_last, k);
        client_signal(c);
    }
    pthread_mutex_unlock(&c->lock);
    curl_easy_cleanup(h);
    return NULL;
}

static struct call *make_call(const char *method, const char *path, const char *body)
{
    struct call *k = mem_new(sizeof *k);
    snprintf(k->method, sizeof k->method, "%s", method);
    snprintf(k->path, sizeof k->path, "%s", path);
    k->body = body ? mem_text(body) : NULL;
    k->version = INT64_MIN;
    return k;
}

static void free_call(struct call *k)
{
    free(k->body);
    free(k->answer);
    free(k);
}

bool rest_start(struct client *c)
{
    for (int i = 0; i < 2; i++) {
        c->lanes[i].client = c;
        pthread_cond_init(&c->lanes[i].more, NULL);
        if (pthread_create(&c->lanes[i].thread, NULL, work, &c->lanes[i]) != 0)
            return false;
    }
    return true;
}

/* Nobody waits for it any more; what its owner kept for the answer is his to let go. */
static void abandon(struct call *k)
{
    if (k->done)
        k->done(k->arg, k->status, k->answer ? k->answer : "the program ends");
    free_call(k);
}

void rest_stop(struct client *c)
{
    struct call *k;
    pthread_mutex_lock(&c->lock);
    __atomic_store_n(&c->stopping, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
        pthread_cond_signal(&c->lanes[i].more);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < 2; i++) {
        pthread_join(c->lanes[i].thread, NULL);
        while ((k = pop(&c->lanes[i].waiting, &c->lanes[i].waiting_last)))
            abandon(k);
    }
    while ((k = pop(&c->done, &c->done_last)))
        abandon(k);
}

static struct lane *lane_of(struct client *c, const char *method, const char *path)
{
    bool question = !strcmp(method, "GET") || strstr(path, "/risk/") || strstr(path, "/precheck");
    return &c->lanes[question];
}

void client_request(struct client *c, const char *method, const char *path, const char *body, const char *key,
                    int64_t version, client_done_fn *done, void *arg)
{
    struct call *k = make_call(method, path, body);
    if (key)
        snprintf(k->key, sizeof k->key, "%s", key);
    k->version = version;
    k->done = done;
    k->arg = arg;
    pthread_mutex_lock(&c->lock);
    struct lane *lane = lane_of(c, method, path);
    push(&lane->waiting, &lane->waiting_last, k);
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&c->lock);
}

void client_poll(struct client *c)
{
    uint64_t n;
    struct call *k;
    if (read(c->event, &n, sizeof n) < 0)
        n = 0; /* nothing was signalled */
    for (;;) {
        pthread_mutex_lock(&c->lock);
        k = pop(&c->done, &c->done_last);
        pthread_mutex_unlock(&c->lock);
        if (!k)
            return;
        if (k->done)
            k->done(k->arg, k->status, k->answer);
        free_call(k);
    }
}

static int call_now(struct client *c, const char *token, const char *method, const char *path,
                    const char *body, int64_t version, char **answer)
{
    struct call *k = make_call(method, path, body);
    k->version = version;
    CURL *h = curl_easy_init();
    perform(c, h, k, token);
    curl_easy_cleanup(h);
    int status = k->status;
    if (answer) {
        *answer = k->answer;
        k->answer = NULL;
    }
    free_call(k);
    return status;
}

int client_call(struct client *c, const char *method, const char *path, const char *body, int64_t version,
                char **answer)
{
    char token[80];
    pthread_mutex_lock(&c->lock);
    snprintf(token, sizeof token, "%s", c->token);
    pthread_mutex_unlock(&c->lock);
    return call_now(c, token, method, path, body, version, answer);
}

void client_problem(const char *body, char *out, size_t room)
{
    json_error_t e;
    json_t *j = json_loads(body, 0, &e);
    const char *detail = json_string_value(json_object_get(j, "detail"));
    snprintf(out, room, "%s", detail ? detail : body);
    json_decref(j);
}

int rest_sign_in(struct client *c, const char *user, char *why, size_t room)
{
    struct session_request q;
    struct session s;
    struct buf b = {0};
    char *answer = NULL;
    record_clear(RECORD(session_request), &q);
    snprintf(q.user, sizeof q.user, "%s", user);
    record_json(RECORD(session_request), &q, &b);
    int status = call_now(c, c->desk_token, "POST", "/v1/session", b.data, INT64_MIN, &answer);
    bool ok = status == 201 && record_parse(RECORD(session), answer, strlen(answer), &s);
    if (ok) {
        pthread_mutex_lock(&c->lock);
        snprintf(c->token, sizeof c->token, "%s", s.token);
        snprintf(c->state.user, sizeof c->state.user, "%s", s.user);
        snprintf(c->state.role, sizeof c->state.role, "%s", field_enum_text(RECORD(session), "role", s.role));
        snprintf(c->state.books, sizeof c->state.books, "%s", s.books);
        pthread_mutex_unlock(&c->lock);
    } else
        client_problem(answer, why, room);
    buf_free(&b);
    free(answer);
    return ok ? 201 : status == 201 ? 502 : status;
}
