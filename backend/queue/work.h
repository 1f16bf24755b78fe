/* Work between services on RabbitMQ: one quorum queue a destination, publisher confirms, a single active
 * consumer, a delivery limit, and a dead-letter queue that the consumer reads too. What is confirmed is on
 * the broker's disk; what is done is acknowledged only when its effect is durable. The local stand-in is the
 * courier.
 *
 * Address: amqp[s]://USER:PASSWORD@HOST:PORT/VHOST[?prefix=NAME&cacertfile=F&certfile=F&keyfile=F]. */
#pragma once
#include "backend/queue/health.h"
#include "backend/queue/message.h"

#define WORK_CONSUMES_MAX 4

struct work;
struct work_config {
    const char *address;
    const char *consumes[WORK_CONSUMES_MAX]; /* destinations whose work this process does */
    int consume_count;
    void (*wake)(void *arg); /* from a thread: mail has come */
    void *arg;
};
/* Checks the address and starts a thread a destination that it consumes; the broker may come later. NULL with
 * one line in `why`. */
struct work *work_open(const struct work_config *config, char *why, size_t room);
void work_close(struct work *w);

int work_boxes(const struct work *w);
const char *work_consumes(const struct work *w, int i);
/* What has come for consumes[i], and by its dead-letter queue. */
struct mailbox *work_mail(struct work *w, int i);
struct mailbox *work_dead(struct work *w, int i);
/* The effect of the message is durable: the broker may forget it. */
void work_done(struct work *w, int i, uint64_t tag);

/* A publisher of one destination, for one thread. */
struct publisher;
struct publisher *publisher_new(struct work *w, const char *destination);
void publisher_free(struct publisher *p);
/* Sends them in order and waits until the broker has confirmed each. False with one line in `why`: some of
 * them may be there; send them again. */
bool publisher_send(struct publisher *p, const struct message *list, int count, char *why, size_t room);

/* Newest state of the consumers, for the health pane and /metrics. */
void work_health(struct work *w, struct link_health *out);
