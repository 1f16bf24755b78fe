#include "backend/gateway/forward.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backend/gateway/private.h"
#include "common/log.h"

#define WORKERS   6
#define LANE      1 /* more, for cancel and halt alone */
#define WAITING   1000
#define PARK_NS   (2 * SECOND) /* for an owner that is being replaced */
#define ANSWER_MS 5000L
#define AGAIN_MS  25

struct parcel {
    struct parcel *next;
    struct request *request;
    char service[16], method[8], path[800], actor[400], key[101], token[80];
    int64_t version, until;
    struct buf body, answer;
    char type[60];
    int status;
};
struct line {
    struct parcel *first, *last;
    int count;
};
struct worker {
    struct forward *forward;
    bool lane, running;
    pthread_t thread;
    CURL *curl;
    char service[16], address[160]; /* of the last owner that answered */
};
struct forward {
    struct gateway *gateway;
    forward_fn *done;
    struct worker workers[WORKERS + LANE];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct line waiting[2], finished; /* waiting: the others, and the lane */
    bool stopping;
};

static void push(struct line *l, struct parcel *p)
{
    p->next = NULL;
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    l->count++;
}

static struct parcel *pop(struct line *l)
{
    struct parcel *p = l->first;
    if (!p)
        return NULL;
    l->first = p->next;
    if (!l->first)
        l->last = NULL;
    l->count--;
    return p;
}

static void parcel_free(struct parcel *p)
{
    explicit_bzero(p->token, sizeof p->token);
    buf_free(&p->body);
    buf_free(&p->answer);
    free(p);
}

/* ---- one try ---- */

static size_t receive(char *bytes, size_t size, size_t n, void *arg)
{
    struct parcel *p = arg;
    buf_add(&p->answer, bytes, size * n);
    return size * n;
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value)
{
    char text[600];
    snprintf(text, sizeof text, "%s: %s", name, value);
    return *value ? curl_slist_append(list, text) : list;
}

static struct curl_slist *headers(const struct parcel *p)
{
    char version[24] = "";
    struct curl_slist *l = curl_slist_append(NULL, "Expect:");
    if (p->version != INT64_MIN)
        snprintf(version, sizeof version, "%lld", (long long)p->version);
    l = header(l, "Content-Type", "application/json");
    l = header(l, "X-Quanta-Actor", p->actor);
    l = header(l, "Idempotency-Key", p->key);
    l = header(l, "If-Match", version);
    if (*p->token) {
        char bearer[100];
        snprintf(bearer, sizeof bearer, "Bearer %s", p->token);
        l = header(l, "Authorization", bearer);
    }
    return l;
}

enum attempt { ANSWERED, NOT_REACHED, UNKNOWN };

static enum attempt try_once(struct worker *w, struct parcel *p)
{
    char url[1000];
    long status = 0;
    char *type = NULL;
    struct curl_slist *list = headers(p);
    CURL *c = w->curl;
    buf_clear(&p->answer);
    snprintf(url, sizeof url, "%s%s", w->address, p->path);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, p->method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    if (p->body.length || strcmp(p->method, "DELETE") != 0) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)p->body.length);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, p->body.data ? p->body.data : "");
    }
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(c, CURLOPT_SSLCERT, w->forward->gateway->config.peer_cert);
    curl_easy_setopt(c, CURLOPT_SSLKEY, w->forward->gateway->config.peer_key);
    curl_easy_setopt(c, CURLOPT_CAINFO, w->forward->gateway->config.peer_ca);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    CURLcode code = curl_easy_perform(c);
    curl_slist_free_all(list);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    snprintf(p->type, sizeof p->type, "%s", type ? type : "application/json");
    p->status = (int)status;
    if (code == CURLE_OK)
        return ANSWERED;
    long sent = 0;
    curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &sent);
    log_event(LOG_WARNING, "a request was not carried", "error.message", curl_easy_strerror(code),
              "service.target.name", p->service, NULL);
    return sent ? UNKNOWN : NOT_REACHED;
}

static void carry(struct worker *w, struct parcel *p)
{
    bool doubtful = false; /* an attempt may have been carried out */
    for (enum attempt a = NOT_REACHED;;) {
        struct timespec pause = {0, AGAIN_MS * MILLI};
        bool known = *w->address && !strcmp(w->service, p->service);
        snprintf(w->service, sizeof w->service, "%s", p->service);
        if (!known &&
            !node_meta(w->forward->gateway->node, p->service, "address", w->address, sizeof w->address))
            *w->address = 0;
        if (*w->address)
            a = try_once(w, p);
        /* 503: it ends, or is not the owner yet; nothing was done. */
        if (a == ANSWERED && p->status != 503)
            return;
        doubtful = doubtful || a == UNKNOWN;
        *w->address = 0; /* after an answer that never came too: its key makes a repetition harmless */
        if (clock_mono(&clock_system) > p->until) {
            if (a != ANSWERED || doubtful)
                p->status = doubtful ? -1 : 0;
            return;
        }
        nanosleep(&pause, NULL);
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct forward *f = w->forward;
    pthread_mutex_lock(&f->lock);
    while (!f->stopping) {
        struct parcel *p = pop(&f->waiting[1]);
        if (!p && !w->lane)
            p = pop(&f->waiting[0]);
        if (!p) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        pthread_mutex_unlock(&f->lock);
        carry(w, p);
        pthread_mutex_lock(&f->lock);
        push(&f->finished, p);
        gateway_wake(f->gateway);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- the loop's side ---- */

struct forward *forward_new(struct gateway *g, forward_fn *done, char *why, size_t room)
{
    struct forward *f = mem_new(sizeof *f);
    *f = (struct forward){.gateway = g, .done = done};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    for (int i = 0; i < WORKERS + LANE; i++) {
        struct worker *w = &f->workers[i];
        *w = (struct worker){.forward = f, .lane = i >= WORKERS, .curl = curl_easy_init()};
        w->running = w->curl && pthread_create(&w->thread, NULL, run, w) == 0;
        if (!w->running) {
            snprintf(why, room, "no thread to carry requests to other services");
            forward_free(f);
            return NULL;
        }
    }
    return f;
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    for (int i = 0; i < WORKERS + LANE; i++) {
        if (f->workers[i].running)
            pthread_join(f->workers[i].thread, NULL);
        curl_easy_cleanup(f->workers[i].curl);
    }
    struct line *lines[] = {&f->waiting[0], &f->waiting[1], &f->finished};
    for (int i = 0; i < 3; i++)
        for (struct parcel *p; (p = pop(lines[i]));)
            parcel_free(p);
    free(f);
}

static void actor_text(const struct actor *a, char *out, size_t room)
{
    struct sign_in in;
    struct buf b = {0};
    record_clear(RECORD(sign_in), &in);
    snprintf(in.user, sizeof in.user, "%s", a->user);
    snprintf(in.session, sizeof in.session, "%s", a->session);
    snprintf(in.books, sizeof in.books, "%s", a->books);
    in.role = a->role;
    record_json(RECORD(sign_in), &in, &b);
    snprintf(out, room, "%s", b.data);
    buf_free(&b);
}

bool forward_send(struct forward *f, struct request *r, const char *service, bool lane)
{
    struct parcel *p = mem_new(sizeof *p);
    p->request = r;
    p->version = r->version;
    p->until = clock_mono(&clock_system) + PARK_NS;
    snprintf(p->service, sizeof p->service, "%s", service);
    snprintf(p->method, sizeof p->method, "%s", r->method);
    snprintf(p->path, sizeof p->path, "%s%s%s", r->path, *r->query ? "?" : "", r->query);
    snprintf(p->key, sizeof p->key, "%s", r->key);
    if (!*p->key) { /* so that it may be carried again */
        struct uuid id = uuid_v7(node_now(f->gateway->node));
        memcpy(p->key, "carried-", 8);
        uuid_format(&id, p->key + 8);
    }
    if (!strcmp(r->path, "/v1/session"))
        snprintf(p->token, sizeof p->token, "%s", r->token);
    actor_text(&r->actor, p->actor, sizeof p->actor);
    buf_add(&p->body, r->body.data ? r->body.data : "", r->body.length);
    pthread_mutex_lock(&f->lock);
    bool room = f->waiting[lane].count < WAITING;
    if (room) {
        push(&f->waiting[lane], p);
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    if (!room)
        parcel_free(p);
    return room;
}

void forward_poll(struct forward *f)
{
    for (;;) {
        pthread_mutex_lock(&f->lock);
        struct parcel *p = pop(&f->finished);
        pthread_mutex_unlock(&f->lock);
        if (!p)
            return;
        f->done(p->request, p->status, p->type, p->answer.data ? p->answer.data : "", p->answer.length);
        parcel_free(p);
    }
}
