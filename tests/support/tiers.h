/* Real servers of the test's own on this machine: started on private directories and sockets, stopped by
 * their own pid. */
#pragma once
#include <sys/types.h>
#include "tests/support/support.h"

/* A command line, as printf makes it; whether it ended with 0. */
bool shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
int free_port(void); /* of 127.0.0.1, free a moment ago */

struct postgres {
    char dir[80], address[300];
    bool running;
};
/* False, with the reason printed, when this machine has no PostgreSQL server: the test skips itself. */
bool postgres_start(struct postgres *p);
/* A database of its own for a test; its address for store_open. */
const char *postgres_database(struct postgres *p, const char *name);
void postgres_crash(struct postgres *p);   /* as kill -9 of the server: immediate shutdown */
void postgres_restart(struct postgres *p); /* after a crash */
void postgres_stop(struct postgres *p);
/* A standby that the primary waits for before it says that a batch is committed. */
void postgres_standby(struct postgres *primary, struct postgres *standby);
void postgres_promote(struct postgres *standby);
/* An address of `name` that names both, the primary first. */
void postgres_either(const struct postgres *a, const struct postgres *b, const char *name, char *out,
                     size_t room);
/* From now on it takes TLS alone on 127.0.0.1: the certificate is for localhost, of an authority of its own
 * (DIR/ca.crt). Restarts it. Returns the port. */
int postgres_tls(struct postgres *p);
/* Statements as the superuser; false when one fails. */
bool postgres_run(struct postgres *p, const char *database, const char *sql);
/* Whether a question is answered by true. */
bool postgres_holds(struct postgres *p, const char *database, const char *question);

/* A RabbitMQ node on free ports of 127.0.0.1, with a user `desk` whose password is `desk`. */
struct rabbit {
    char dir[80], address[300]; /* for --queue */
    int port, epmd, dist;
    pid_t pid; /* of the broker; 0: not running */
};
bool rabbit_start(struct rabbit *r); /* false, with the reason printed, when this machine has none */
void rabbit_kill(struct rabbit *r);  /* kill -9 */
void rabbit_again(struct rabbit *r); /* on the same directory and ports */
void rabbit_stop(struct rabbit *r);
/* A queue's number of messages, ready and not acknowledged; -1: no answer. */
int rabbit_depth(const struct rabbit *r, const char *queue);
/* Puts bytes on a queue, as any program could. */
void rabbit_publish(const struct rabbit *r, const char *queue, const char *id, const char *bytes);

/* A Kafka broker of the test's own on 127.0.0.1: Apache Kafka in KRaft mode where its libraries are in
 * $QUANTA_KAFKA or build/tiers/kafka and Java is here, otherwise librdkafka's mock cluster in this process.
 */
struct kafka {
    char dir[80], address[200]; /* for --stream */
    int port, controller;
    pid_t pid;           /* of the broker; 0: the mock, or not running */
    void *mock, *holder; /* the mock cluster, and the rd_kafka_t that holds it */
};
void kafka_start(struct kafka *k); /* says which it is */
void kafka_kill(struct kafka *k);  /* kill -9; not with the mock */
void kafka_again(struct kafka *k);
void kafka_stop(struct kafka *k);

/* Certificates for 127.0.0.1 of an authority of their own: DIR/ca.crt, peer.crt, peer.key. */
void certificates(const char *dir);
