/* librdkafka's mock cluster as a program, for `make tiers-up` where Kafka's own distribution cannot be had:
 * prints its address and runs until SIGTERM. Memory only. */
#include <librdkafka/rdkafka.h>
/* rdkafka.h comes first: the blank line keeps it so */

#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>

int main(void)
{
    char why[200] = "";
    int signal = 0;
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rk ? rd_kafka_mock_cluster_new(rk, 1) : NULL;
    if (!mock || rd_kafka_mock_topic_create(mock, "desk.events", 6, 1) ||
        rd_kafka_mock_topic_create(mock, "desk.live", 6, 1)) {
        fprintf(stderr, "mock_kafka: %s\n", *why ? why : "the cluster cannot be made");
        return 1;
    }
    puts(rd_kafka_mock_cluster_bootstraps(mock));
    fflush(stdout);
    sigwait(&end, &signal);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    return 0;
}
