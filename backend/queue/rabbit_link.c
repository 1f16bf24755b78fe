#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "backend/queue/rabbit.h"
#include "common/config.h"

#define TIMEOUT_S      4
#define STUCK_MS       6000 /* bytes that nobody takes: the kernel ends the connection */
#define DELIVERY_LIMIT 5    /* deliveries without an acknowledgement; then the dead-letter queue */

bool rabbit_address(const char *text, struct rabbit_address *a, char *why, size_t room)
{
    char copy[600];
    struct amqp_connection_info parsed;
    amqp_default_connection_info(&parsed);
    *a = (struct rabbit_address){0};
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(text, "?"), text);
    if (amqp_parse_url(copy, &parsed) != AMQP_STATUS_OK) {
        snprintf(why, room, "queue: expected amqp[s]://USER:PASSWORD@HOST:PORT/VHOST");
        return false;
    }
    snprintf(a->host, sizeof a->host, "%s", parsed.host);
    snprintf(a->user, sizeof a->user, "%s", parsed.user);
    snprintf(a->password, sizeof a->password, "%s", parsed.password);
    snprintf(a->vhost, sizeof a->vhost, "%s", *parsed.vhost ? parsed.vhost : "/"); /* as people write it */
    a->port = parsed.port;
    a->tls = parsed.ssl;
    if (!*config_option(text, "prefix", a->prefix, sizeof a->prefix))
        snprintf(a->prefix, sizeof a->prefix, "quanta");
    config_option(text, "cacertfile", a->cacert, sizeof a->cacert);
    config_option(text, "certfile", a->cert, sizeof a->cert);
    config_option(text, "keyfile", a->key, sizeof a->key);
    if (a->tls && !*a->cacert) {
        snprintf(why, room,
                 "queue: amqps needs ?cacertfile=FILE, the authority that signed the broker's certificate");
        return false;
    }
    return true;
}

bool rabbit_ok(amqp_rpc_reply_t r, const char *what, char *why, size_t room)
{
    if (r.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    if (r.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && r.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = r.reply.decoded;
        snprintf(why, room, "%s: %.*s", what, (int)m->reply_text.len, (const char *)m->reply_text.bytes);
    } else if (r.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && r.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = r.reply.decoded;
        snprintf(why, room, "%s: %.*s", what, (int)m->reply_text.len, (const char *)m->reply_text.bytes);
    } else
        snprintf(why, room, "%s: %s", what,
                 r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? amqp_error_string2(r.library_error)
                                                                 : "no answer");
    return false;
}

static void openssl_is_ready(void)
{
    amqp_set_initialize_ssl_library(0); /* OpenSSL initialises itself */
}

static amqp_socket_t *new_socket(amqp_connection_state_t c, const struct rabbit_address *a, char *why,
                                 size_t room)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, openssl_is_ready);
    amqp_socket_t *s = a->tls ? amqp_ssl_socket_new(c) : amqp_tcp_socket_new(c);
    if (!s || !a->tls)
        return s;
    amqp_ssl_socket_set_verify_peer(s, 1);
    amqp_ssl_socket_set_verify_hostname(s, 1);
    if (amqp_ssl_socket_set_ssl_versions(s, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK ||
        amqp_ssl_socket_set_cacert(s, a->cacert) != AMQP_STATUS_OK ||
        (*a->cert && amqp_ssl_socket_set_key(s, a->cert, a->key) != AMQP_STATUS_OK)) {
        snprintf(why, room, "queue: a certificate file cannot be used: %.60s %.60s", a->cacert, a->cert);
        return NULL;
    }
    return s;
}

amqp_connection_state_t rabbit_dial(const struct rabbit_address *a, int heartbeat, char *why, size_t room)
{
    struct timeval limit = {TIMEOUT_S, 0};
    amqp_connection_state_t c = amqp_new_connection();
    snprintf(why, room, "queue: no memory for a connection");
    amqp_socket_t *s = c ? new_socket(c, a, why, room) : NULL;
    if (!s) {
        if (c)
            amqp_destroy_connection(c);
        return NULL;
    }
    amqp_set_handshake_timeout(c, &limit);
    amqp_set_rpc_timeout(c, &limit);
    int status = amqp_socket_open_noblock(s, a->host, a->port, &limit);
    if (status != AMQP_STATUS_OK) {
        snprintf(why, room, "%.100s:%d: %s", a->host, a->port, amqp_error_string2(status));
        amqp_destroy_connection(c);
        return NULL;
    }
    unsigned stuck = STUCK_MS;
    setsockopt(amqp_get_sockfd(c), IPPROTO_TCP, TCP_USER_TIMEOUT, &stuck, sizeof stuck);
    if (rabbit_ok(amqp_login(c, a->vhost, 1, 131072, heartbeat, AMQP_SASL_METHOD_PLAIN, a->user, a->password),
                  "signing in", why, room)) {
        amqp_channel_open(c, 1);
        if (rabbit_ok(amqp_get_rpc_reply(c), "a channel", why, room))
            return c;
    }
    rabbit_hang_up(c);
    return NULL;
}

void rabbit_hang_up(amqp_connection_state_t c)
{
    if (!c)
        return;
    amqp_connection_close(
        c, AMQP_REPLY_SUCCESS); /* a broker that is gone does not answer; nothing is owed to it */
    amqp_destroy_connection(c);
}

const char *rabbit_queue(const struct rabbit_address *a, const char *kind, const char *destination,
                         char out[120])
{
    snprintf(out, 120, "%s.%s.%s", a->prefix, kind, destination);
    return out;
}

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    amqp_table_entry_t e = {.key = amqp_cstring_bytes(key)};
    e.value.kind = AMQP_FIELD_KIND_UTF8;
    e.value.value.bytes = amqp_cstring_bytes(value);
    return e;
}

static amqp_table_entry_t int_entry(const char *key, int32_t value)
{
    amqp_table_entry_t e = {.key = amqp_cstring_bytes(key)};
    e.value.kind = AMQP_FIELD_KIND_I32;
    e.value.value.i32 = value;
    return e;
}

static amqp_table_entry_t true_entry(const char *key)
{
    amqp_table_entry_t e = {.key = amqp_cstring_bytes(key)};
    e.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    e.value.value.boolean = 1;
    return e;
}

/* Durable and of quorum type; dead letters are kept until the dead-letter queue has confirmed them. */
bool rabbit_declare(amqp_connection_state_t c, const struct rabbit_address *a, const char *destination,
                    char *why, size_t room)
{
    char work[120], dead[120];
    rabbit_queue(a, "work", destination, work);
    rabbit_queue(a, "dead", destination, dead);
    amqp_table_entry_t for_work[] = {text_entry("x-queue-type", "quorum"),
                                     true_entry("x-single-active-consumer"),
                                     int_entry("x-delivery-limit", DELIVERY_LIMIT),
                                     text_entry("x-dead-letter-exchange", ""),
                                     text_entry("x-dead-letter-routing-key", dead),
                                     text_entry("x-dead-letter-strategy", "at-least-once"),
                                     text_entry("x-overflow", "reject-publish")},
                       for_dead[] = {text_entry("x-queue-type", "quorum"),
                                     true_entry("x-single-active-consumer")};
    amqp_table_t work_table = {sizeof for_work / sizeof *for_work, for_work},
                 dead_table = {sizeof for_dead / sizeof *for_dead, for_dead};
    amqp_queue_declare(c, 1, amqp_cstring_bytes(dead), 0, 1, 0, 0, dead_table);
    if (!rabbit_ok(amqp_get_rpc_reply(c), dead, why, room))
        return false;
    amqp_queue_declare(c, 1, amqp_cstring_bytes(work), 0, 1, 0, 0, work_table);
    return rabbit_ok(amqp_get_rpc_reply(c), work, why, room);
}
