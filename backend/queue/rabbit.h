/* What the files of the RabbitMQ queue share; nobody else includes it. */
#pragma once
#include <amqp.h>
#include "backend/queue/work.h"

struct rabbit_address {
    char host[128], user[64], password[128], vhost[64], prefix[40];
    char cacert[200], cert[200], key[200];
    int port;
    bool tls;
};
/* False with one line in `why`, which never holds the password. */
bool rabbit_address(const char *text, struct rabbit_address *out, char *why, size_t room);

/* rabbit_link.c: one connection with one channel. `heartbeat` in seconds: 0 for one that often rests. NULL
 * with one line in `why`. */
amqp_connection_state_t rabbit_dial(const struct rabbit_address *a, int heartbeat, char *why, size_t room);
void rabbit_hang_up(amqp_connection_state_t c);
/* The queue of a destination and its dead-letter queue, as they must be. */
bool rabbit_declare(amqp_connection_state_t c, const struct rabbit_address *a, const char *destination,
                    char *why, size_t room);
/* False with the broker's or the library's words in `why`. */
bool rabbit_ok(amqp_rpc_reply_t r, const char *what, char *why, size_t room);
/* PREFIX.work.DESTINATION, or PREFIX.dead.DESTINATION. */
const char *rabbit_queue(const struct rabbit_address *a, const char *kind, const char *destination,
                         char out[120]);
