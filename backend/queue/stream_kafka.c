#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/queue/stream.h"
#include "common/log.h"

#define PARTITIONS  6 /* shards spread over them; a shard's order is its partition's */
#define MAIL        20000
#define ASK_MS      5000
#define SEND_MS     10000 /* a message that is not acknowledged by then is sent again by the relay */
#define TOPIC_COUNT 2

enum topic { EVENTS, LIVE };
static const char *const topic_names[] = {"events", "live"};

struct stream {
    struct stream_config config;
    char brokers[300], prefix[60], topics[TOPIC_COUNT][80], options[600];
    int replicas;
    rd_kafka_t *events, *live, *reader; /* two producers and a consumer */
    struct mailbox *mail;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    bool stopping;
    struct link_health health;
};

/* ---- settings ---- */

static bool set(rd_kafka_conf_t *c, const char *name, const char *value, char *why, size_t room)
{
    char text[200];
    if (rd_kafka_conf_set(c, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return true;
    snprintf(why, room, "stream: %.150s", text);
    return false;
}

static bool set_options(rd_kafka_conf_t *c, const struct stream *s, char *why, size_t room)
{
    char copy[600], *save = NULL;
    snprintf(copy, sizeof copy, "%s", s->options);
    for (char *p = strtok_r(copy, "&", &save); p; p = strtok_r(NULL, "&", &save)) {
        char *equals = strchr(p, '=');
        if (!equals || !strncmp(p, "replicas=", 9))
            continue;
        *equals = 0;
        if (strncmp(p, "security.", 9) != 0 && strncmp(p, "sasl.", 5) != 0 && strncmp(p, "ssl.", 4) != 0) {
            snprintf(why, room, "stream: option '%.40s': expected security.*, sasl.*, ssl.* or replicas", p);
            return false;
        }
        if (!set(c, p, equals + 1, why, room))
            return false;
    }
    explicit_bzero(copy, sizeof copy);
    return true;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    log_event(level <= 3 ? LOG_WARNING : LOG_DEBUG, "kafka", "event.action", facility, "error.message", text,
              NULL);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    int *counts = m->_private; /* acknowledged, refused; NULL for a live row */
    (void)rk;
    (void)opaque;
    if (counts)
        counts[m->err ? 1 : 0]++;
}

static rd_kafka_t *client(struct stream *s, rd_kafka_type_t type, const char *const (*settings)[2], char *why,
                          size_t room)
{
    char text[200] = "";
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(c, on_log);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(c, on_delivery);
    bool ok = set(c, "bootstrap.servers", s->brokers, why, room) &&
              set(c, "client.id", s->config.shard, why, room) &&
              set(c, "reconnect.backoff.max.ms", "1000", why, room) &&
              set(c, "topic.metadata.refresh.interval.ms", "5000", why, room) && set_options(c, s, why, room);
    for (int i = 0; ok && settings[i][0]; i++)
        ok = set(c, settings[i][0], settings[i][1], why, room);
    rd_kafka_t *k = ok ? rd_kafka_new(type, c, text, sizeof text) : NULL;
    if (k)
        return k;
    if (ok)
        snprintf(why, room, "stream: %.150s", text);
    rd_kafka_conf_destroy(c);
    return NULL;
}

static rd_kafka_t *events_producer(struct stream *s, char *why, size_t room)
{
    static const char *const settings[][2] = {{"enable.idempotence", "true"},
                                              {"acks", "all"},
                                              {"linger.ms", "1"},
                                              {"message.timeout.ms", "8000"},
                                              {"socket.timeout.ms", "4000"},
                                              {"request.timeout.ms", "4000"},
                                              {NULL, NULL}};
    return client(s, RD_KAFKA_PRODUCER, settings, why, room);
}

static rd_kafka_t *live_producer(struct stream *s, char *why, size_t room)
{
    static const char *const settings[][2] = {{"acks", "1"},
                                              {"linger.ms", "5"},
                                              {"message.timeout.ms", "2000"},
                                              {"queue.buffering.max.messages", "20000"},
                                              {NULL, NULL}};
    return client(s, RD_KAFKA_PRODUCER, settings, why, room);
}

static rd_kafka_t *reader(struct stream *s, char *why, size_t room)
{
    static const char *const settings[][2] = {
        {"group.id", "quanta-followers"}, /* a name only: partitions are assigned */
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", "50"},
        {NULL, NULL}};
    return client(s, RD_KAFKA_CONSUMER, settings, why, room);
}

static bool read_address(struct stream *s, const char *address, char *why, size_t room)
{
    if (strncmp(address, "kafka://", 8) != 0 || !address[8]) {
        snprintf(why, room, "stream: expected kafka://HOST:PORT[,HOST:PORT...][/PREFIX][?OPTION=VALUE]");
        return false;
    }
    const char *at = address + 8, *slash = strchr(at, '/'), *query = strchr(at, '?');
    size_t hosts = strcspn(at, "/?");
    snprintf(s->brokers, sizeof s->brokers, "%.*s", (int)hosts, at);
    snprintf(s->options, sizeof s->options, "%s", query ? query + 1 : "");
    snprintf(s->prefix, sizeof s->prefix, "%.*s",
             slash && slash[1] && slash[1] != '?' ? (int)strcspn(slash + 1, "?") : 6,
             slash && slash[1] && slash[1] != '?' ? slash + 1 : "quanta");
    s->replicas = 1;
    const char *replicas = strstr(s->options, "replicas=");
    if (replicas)
        s->replicas = atoi(replicas + 9);
    for (int i = 0; i < TOPIC_COUNT; i++)
        snprintf(s->topics[i], sizeof s->topics[i], "%s.%s", s->prefix, topic_names[i]);
    return true;
}

/* ---- topics ---- */

static const char *topics_result(rd_kafka_event_t *e)
{
    size_t n;
    const rd_kafka_CreateTopics_result_t *r = e ? rd_kafka_event_CreateTopics_result(e) : NULL;
    const rd_kafka_topic_result_t **list = r ? rd_kafka_CreateTopics_result_topics(r, &n) : NULL;
    if (!list)
        return "no answer";
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(list[i]);
        if (err && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return rd_kafka_err2str(err);
    }
    return NULL;
}

/* A broker that makes topics by itself may refuse to be asked; whether they are there is seen when they are
 * used. */
static void make_topics(struct stream *s)
{
    char text[200];
    rd_kafka_NewTopic_t *list[TOPIC_COUNT];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(s->live);
    for (int i = 0; i < TOPIC_COUNT; i++)
        list[i] = rd_kafka_NewTopic_new(s->topics[i], PARTITIONS, s->replicas, text, sizeof text);
    rd_kafka_CreateTopics(s->live, list, TOPIC_COUNT, NULL, queue);
    rd_kafka_event_t *e = rd_kafka_queue_poll(queue, ASK_MS);
    const char *why = topics_result(e);
    if (why)
        log_event(LOG_WARNING, "the topics were not made", "error.message", why, NULL);
    if (e)
        rd_kafka_event_destroy(e);
    rd_kafka_NewTopic_destroy_array(list, TOPIC_COUNT);
    rd_kafka_queue_destroy(queue);
}

/* ---- sending ---- */

static bool produce(rd_kafka_t *k, const char *topic, const char *key, const struct message *m, int *counts)
{
    struct buf b = {0};
    message_json(m, &b);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(k, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(b.data, b.length),
                          RD_KAFKA_V_OPAQUE(counts), RD_KAFKA_V_END);
    buf_free(&b);
    return !err;
}

/* After "possibly persisted" an idempotent producer is dead for good: a new one takes its place, and the
 * relay sends again from the last acknowledged sequence. */
static void renew_when_fatal(struct stream *s)
{
    char text[200];
    if (!rd_kafka_fatal_error(s->events, text, sizeof text))
        return;
    log_event(LOG_WARNING, "kafka: the producer is replaced", "error.message", text, NULL);
    rd_kafka_destroy(s->events);
    s->events = events_producer(s, text, sizeof text);
}

static bool stopping(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool yes = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

bool stream_send(struct stream *s, const struct message *list, int count, char *why, size_t room)
{
    int *counts = mem_new(2 * sizeof *counts), sent = 0;
    int64_t until = clock_mono(&clock_system) + SEND_MS * MILLI;
    if (!s->events && !(s->events = events_producer(s, why, room))) {
        free(counts);
        return false;
    }
    while (sent < count && produce(s->events, s->topics[EVENTS], list[sent].shard, &list[sent], counts))
        sent++;
    while (counts[0] + counts[1] < sent && clock_mono(&clock_system) < until)
        rd_kafka_poll(s->events, 20);
    bool ok = counts[0] == count;
    if (!ok)
        snprintf(why, room, "%d of %d events acknowledged", counts[0], count);
    if (counts[0] + counts[1] < sent) { /* reports that are still owed would write into counts */
        rd_kafka_purge(s->events, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (counts[0] + counts[1] < sent)
            rd_kafka_poll(s->events, 20);
    }
    free(counts);
    renew_when_fatal(s);
    return ok;
}

void stream_publish(struct stream *s, enum record_id record, const void *row)
{
    char key[130];
    struct message m = {.time = clock_utc(&clock_system), .record = record, .row = (void *)(uintptr_t)row};
    const struct record *r = record_of(record);
    snprintf(m.shard, sizeof m.shard, "%s", s->config.shard);
    int n = snprintf(key, sizeof key, "%s/", r->name);
    record_key_text(r, row, key + n, sizeof key - (size_t)n);
    produce(s->live, s->topics[LIVE], key, &m, NULL);
    rd_kafka_poll(s->live, 0);
}

/* ---- following ---- */

static void tell(struct stream *s, const char *state)
{
    pthread_mutex_lock(&s->lock);
    bool ok = !strcmp(state, "ok");
    if (!ok && !strcmp(s->health.state, "ok"))
        s->health.reconnects++;
    snprintf(s->health.state, sizeof s->health.state, "%s", state);
    if (ok)
        s->health.seen = clock_utc(&clock_system);
    pthread_mutex_unlock(&s->lock);
}

static void read_one(struct stream *s, const rd_kafka_message_t *k)
{
    struct message m;
    bool live = !strcmp(rd_kafka_topic_name(k->rkt), s->topics[LIVE]);
    enum message_read how = message_parse(k->payload, k->len, &m);
    if (how != MESSAGE_READ || !strcmp(m.shard, s->config.shard)) {
        if (how == MESSAGE_BAD)
            log_event(LOG_ERROR, "an event cannot be read", "error.message", m.why, NULL);
        message_free(&m); /* what it held shows as a gap in its shard's sequence */
        return;
    }
    while (!mailbox_put(s->mail, &m))
        if (live || stopping(s)) {
            message_free(&m);
            return;
        }
}

/* What the partitions hold beyond what was read, by the numbers of the last fetches. */
static void measure(struct stream *s)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    int64_t lag = 0;
    if (rd_kafka_assignment(s->reader, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (rd_kafka_position(s->reader, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int i = 0; i < list->cnt; i++) {
            int64_t low, high;
            if (list->elems[i].offset >= 0 &&
                !rd_kafka_get_watermark_offsets(s->reader, list->elems[i].topic, list->elems[i].partition,
                                                &low, &high) &&
                high > list->elems[i].offset)
                lag += high - list->elems[i].offset;
        }
    rd_kafka_topic_partition_list_destroy(list);
    pthread_mutex_lock(&s->lock);
    s->health.lag = lag;
    pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
    struct stream *s = arg;
    int64_t measured = 0;
    while (!stopping(s)) {
        rd_kafka_message_t *k = rd_kafka_consumer_poll(s->reader, 100);
        if (k && !k->err) {
            read_one(s, k);
            tell(s, "ok");
        } else if (k && k->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            tell(s, "away");
            log_event(LOG_WARNING, "kafka", "error.message", rd_kafka_message_errstr(k), NULL);
        }
        if (k)
            rd_kafka_message_destroy(k);
        if (clock_mono(&clock_system) - measured > SECOND) {
            measured = clock_mono(&clock_system);
            measure(s);
        }
    }
    return NULL;
}

/* From the end of every partition, as it stands now. */
static bool at_the_end(struct stream *s, rd_kafka_topic_partition_list_t *list, char *why, size_t room)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(s->reader, s->topics[t], NULL);
        const struct rd_kafka_metadata *about = NULL;
        rd_kafka_resp_err_t err = rd_kafka_metadata(s->reader, 0, topic, &about, ASK_MS);
        int partitions = !err && about->topic_cnt == 1 ? about->topics[0].partition_cnt : 0;
        for (int p = 0; !err && p < partitions; p++) {
            int64_t low, high = 0;
            err = rd_kafka_query_watermark_offsets(s->reader, s->topics[t], p, &low, &high, ASK_MS);
            rd_kafka_topic_partition_list_add(list, s->topics[t], p)->offset = high;
        }
        if (about)
            rd_kafka_metadata_destroy(about);
        rd_kafka_topic_destroy(topic);
        if (err || !partitions) {
            snprintf(why, room, "stream: %s: %s", s->topics[t],
                     err ? rd_kafka_err2str(err) : "no partitions");
            return false;
        }
    }
    return true;
}

bool stream_follow(struct stream *s, char *why, size_t room)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(2 * PARTITIONS);
    if (!s->reader && (s->reader = reader(s, why, room)))
        rd_kafka_poll_set_consumer(s->reader);
    bool ok = s->reader && at_the_end(s, list, why, room);
    rd_kafka_resp_err_t err = ok ? rd_kafka_assign(s->reader, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        snprintf(why, room, "stream: %s", rd_kafka_err2str(err));
    if (!ok || err)
        return false;
    tell(s, "ok");
    s->running = pthread_create(&s->thread, NULL, run, s) == 0;
    if (!s->running)
        snprintf(why, room, "stream: no thread for the reader");
    return s->running;
}

/* ---- opening ---- */

struct stream *stream_open(const struct stream_config *config, char *why, size_t room)
{
    struct stream *s = mem_new(sizeof *s);
    s->config = *config;
    pthread_mutex_init(&s->lock, NULL);
    snprintf(s->health.state, sizeof s->health.state, "connecting");
    s->mail = mailbox_new(MAIL, config->wake, config->arg);
    bool ok = read_address(s, config->address, why, room) && (s->events = events_producer(s, why, room)) &&
              (s->live = live_producer(s, why, room));
    if (ok) {
        make_topics(s);
        return s;
    }
    stream_close(s);
    return NULL;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    if (s->running)
        pthread_join(s->thread, NULL);
    if (s->reader) {
        rd_kafka_consumer_close(s->reader);
        rd_kafka_destroy(s->reader);
    }
    if (s->live) {
        rd_kafka_flush(s->live, 200);
        rd_kafka_destroy(s->live);
    }
    if (s->events)
        rd_kafka_destroy(s->events);
    mailbox_free(s->mail);
    pthread_mutex_destroy(&s->lock);
    explicit_bzero(s->options, sizeof s->options);
    free(s);
}

struct mailbox *stream_mail(struct stream *s)
{
    return s->mail;
}

void stream_health(struct stream *s, struct link_health *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->health;
    pthread_mutex_unlock(&s->lock);
}
