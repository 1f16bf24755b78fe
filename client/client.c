#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "client/embed.h"
#include "client/private.h"

bool client_address(struct client *c)
{
    if (strncmp(c->url, "unix:/", 6) != 0)
        return sscanf(c->url, "http://%99[^:/]:%d", c->host, &c->port) == 2;
    snprintf(c->host, sizeof c->host, "+%.108s", c->url + 5);
    c->port = 0;
    return strlen(c->url + 5) < 108;
}

static bool locate(struct client *c, char *why, size_t room)
{
    struct endpoint e;
    if (c->config.url) {
        snprintf(c->url, sizeof c->url, "%s", c->config.url);
        if (c->config.token_file)
            snprintf(c->token_file, sizeof c->token_file, "%s", c->config.token_file);
    } else {
        snprintf(c->data_dir, sizeof c->data_dir, "%s", c->config.data_dir);
        snprintf(c->quantad, sizeof c->quantad, "%s", c->config.quantad);
        if (!embed_join(c->data_dir, c->quantad, c->config.market, &e, why, room))
            return false;
        snprintf(c->url, sizeof c->url, "%s", e.url);
        snprintf(c->token_file, sizeof c->token_file, "%s", e.token_file);
    }
    if (!client_address(c)) {
        snprintf(why, room, "url '%s': expected http://HOST:PORT or unix:PATH", c->url);
        return false;
    }
    if (!*c->token_file) {
        snprintf(why, room,
                 "token-file is missing: with --url it names the file that holds the desk's token");
        return false;
    }
    return embed_token(c->token_file, c->desk_token, sizeof c->desk_token, why, room);
}

/* An embedded backend may be ending just now, ten seconds after its last client: then another is started. */
static bool reach(struct client *c, char *why, size_t room)
{
    for (int tries = 0; tries < 20; tries++) {
        struct timespec pause = {0, 200000000};
        if (!locate(c, why, room))
            return false;
        int status = rest_sign_in(c, c->user, why, room);
        if (status == 201)
            return true;
        if (c->config.url || (status && status != 401)) /* a new one has a new token */
            return false;
        nanosleep(&pause, NULL);
    }
    return false;
}

struct client *client_open(const struct client_config *config, char *why, size_t room)
{
    struct client *c = mem_new(sizeof *c);
    c->config = *config;
    if (c->config.max_hz <= 0)
        c->config.max_hz = 10;
    if (c->config.value_hz <= 0)
        c->config.value_hz = c->config.max_hz;
    snprintf(c->user, sizeof c->user, "%s", config->user);
    for (int i = 0; i < RECORD_COUNT; i++) {
        table_init(&c->streams[i].rows, record_of((enum record_id)i));
        c->streams[i].seq = -1;
    }
    pthread_mutex_init(&c->lock, NULL);
    c->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    curl_global_init(CURL_GLOBAL_NOTHING); /* plain HTTP on loopback needs no TLS library awake */
    if (!reach(c, why, room) || !rest_start(c)) {
        close(c->event);
        free(c);
        return NULL;
    }
    if (!link_start(c)) {
        snprintf(why, room, "no thread for the websocket");
        rest_stop(c);
        free(c);
        return NULL;
    }
    return c;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    link_stop(c);
    rest_stop(c);
    for (int i = 0; i < RECORD_COUNT; i++)
        table_free(&c->streams[i].rows);
    close(c->event);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void client_subscribe(struct client *c, enum record_id record, const char *filter)
{
    pthread_mutex_lock(&c->lock);
    struct stream *s = &c->streams[record];
    if (!s->wanted || strcmp(s->filter, filter) != 0) {
        s->wanted = true;
        s->sent = s->answered = false;
        s->seq = -1;
        snprintf(s->filter, sizeof s->filter, "%s", filter);
        link_wake(c);
    }
    pthread_mutex_unlock(&c->lock);
}

bool client_wait(struct client *c, double seconds)
{
    int64_t until = clock_mono(&clock_system) + (int64_t)(seconds * 1e9);
    for (;;) {
        bool all = true;
        pthread_mutex_lock(&c->lock);
        for (int i = 0; i < RECORD_COUNT; i++)
            all &= !c->streams[i].wanted || c->streams[i].answered;
        pthread_mutex_unlock(&c->lock);
        int64_t left = until - clock_mono(&clock_system);
        if (all || left <= 0)
            return all;
        struct pollfd p = {.fd = c->event, .events = POLLIN};
        poll(&p, 1, (int)(left / MILLI) + 1);
        client_poll(c);
    }
}

int client_fd(struct client *c)
{
    return c->event;
}

void client_lock(struct client *c)
{
    pthread_mutex_lock(&c->lock);
}

void client_unlock(struct client *c)
{
    pthread_mutex_unlock(&c->lock);
}

struct table *client_table(struct client *c, enum record_id record)
{
    return &c->streams[record].rows;
}

uint64_t client_changes(struct client *c, enum record_id record)
{
    return c->streams[record].changes;
}

void client_state(struct client *c, struct link_state *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->state;
    pthread_mutex_unlock(&c->lock);
}

bool client_user(struct client *c, const char *user, char *why, size_t room)
{
    if (rest_sign_in(c, user, why, room) != 201)
        return false;
    pthread_mutex_lock(&c->lock);
    snprintf(c->user, sizeof c->user, "%s", user);
    c->renew = true;
    for (int i = 0; i < RECORD_COUNT; i++)
        c->streams[i].seq = -1; /* other eyes, other rows */
    link_wake(c);
    pthread_mutex_unlock(&c->lock);
    return true;
}
