/* What travels between processes: one row of one record, with the shard that made it and its sequence there.
 * The same JSON on Kafka and RabbitMQ. A reader leaves out fields that it does not know and rows of records
 * that it does not know, so that two versions run side by side. */
#pragma once
#include "common/records/records.h"

struct message {
    char shard[16]; /* the process that made the row: firm, or the name of its service */
    int64_t seq;    /* in the shard; 0 for a row that follows the market */
    int64_t prev;   /* the one sent before it to the same place; 0: not known */
    int64_t time;   /* of the fact, ns UTC */
    enum record_id record;
    bool removed;
    bool dead;     /* it came from a dead-letter queue */
    uint64_t tag;  /* the broker's name for this delivery */
    void *row;     /* owned; NULL when `text` could not be read */
    char *text;    /* owned; the bytes as they came, when they could not be read or are dead */
    char why[121]; /* what could not be read */
};
void message_json(const struct message *m, struct buf *out);
enum message_read { MESSAGE_READ, MESSAGE_STRANGE /* a record of a newer version */, MESSAGE_BAD };
/* Fills *out, which the caller frees by message_free. */
enum message_read message_parse(const char *json, size_t n, struct message *out);
void message_free(struct message *m);

/* A bounded queue from a broker's thread to the loop. */
struct mailbox;
struct mailbox *mailbox_new(int room, void (*wake)(void *arg), void *arg);
void mailbox_free(struct mailbox *b);
/* Takes the message over; waits at most 100 ms for room. False when there is none. */
bool mailbox_put(struct mailbox *b, struct message *m);
/* The oldest one, still in the box; NULL when it is empty. Loop's thread only. */
struct message *mailbox_first(struct mailbox *b);
/* Takes the oldest one out. */
void mailbox_drop(struct mailbox *b);
int mailbox_count(struct mailbox *b);
