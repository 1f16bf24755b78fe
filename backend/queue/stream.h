/* Events and live rows between processes on Kafka. Events (every committed fact that others may follow) are
 * keyed by shard and go by an idempotent producer, each delivery report checked; live rows (quotes,
 * valuations) are keyed by record and row, and only the newest matters. A follower reads every partition from
 * the moment that stream_follow returns; what came before is in the stores. The local stand-in is the
 * courier.
 *
 * Address: kafka://HOST:PORT[,HOST:PORT...][/PREFIX][?OPTION=VALUE&...], where options that begin with
 * security., sasl. or ssl. go to librdkafka as they are, and replicas=N is for topics that are made. */
#pragma once
#include "backend/queue/health.h"
#include "backend/queue/message.h"

struct stream;
struct stream_config {
    const char *address, *shard; /* messages of the own shard are not handed back */
    void (*wake)(void *arg);     /* from a thread: mail has come */
    void *arg;
};
/* Makes the topics where they are missing. NULL with one line in `why`. */
struct stream *stream_open(const struct stream_config *config, char *why, size_t room);
void stream_close(struct stream *s);
/* For one thread: sends in order and waits until every one is acknowledged. False with one line in `why`:
 * some of them may be there; send them again. */
bool stream_send(struct stream *s, const struct message *list, int count, char *why, size_t room);
/* Loop's thread; never waits: a row that cannot go is dropped, the next one replaces it. */
void stream_publish(struct stream *s, enum record_id record, const void *row);
/* Everything sent after this returns will come. Starts the reader. False with one line in `why`. */
bool stream_follow(struct stream *s, char *why, size_t room);
struct mailbox *stream_mail(struct stream *s);
/* Lag: messages in the partitions that were not read yet. */
void stream_health(struct stream *s, struct link_health *out);
