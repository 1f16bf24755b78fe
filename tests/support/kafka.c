#include <arpa/inet.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
/* rdkafka.h comes first: the blank line keeps it so */

#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/tiers.h"

static const char *libraries(void)
{
    static char dir[300];
    const char *given = getenv("QUANTA_KAFKA");
    snprintf(dir, sizeof dir, "%s", given ? given : "build/tiers/kafka");
    return shell("ls %s/kafka_2.13-*.jar >/dev/null 2>&1 && command -v java >/dev/null", dir) ? dir : NULL;
}

static bool answers(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return yes;
}

void kafka_again(struct kafka *k)
{
    char classes[320], properties[120], log[120];
    snprintf(classes, sizeof classes, "%s/*", libraries());
    snprintf(properties, sizeof properties, "%s/server.properties", k->dir);
    snprintf(log, sizeof log, "%s/log", k->dir);
    k->pid = fork();
    assert_true(k->pid >= 0);
    if (!k->pid) {
        int fd = open(log, O_CREAT | O_APPEND | O_WRONLY, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("java", "java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes,
               "kafka.Kafka", properties, (char *)NULL);
        _exit(127);
    }
    AWAIT(answers(k->port), 60000);
}

static void start_real(struct kafka *k, const char *dir)
{
    snprintf(k->dir, sizeof k->dir, "%s", temp_dir());
    k->port = free_port();
    k->controller = free_port();
    assert_true(shell(
        "printf "
        "'process.roles=broker,controller\\nnode.id=1\\ncontroller.quorum.voters=1@127.0.0.1:%d\\nlisteners="
        "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\\nadvertised.listeners=PLAINTEXT://"
        "127.0.0.1:%d\\ncontroller.listener.names=CONTROLLER\\nlog.dirs=%s/data\\noffsets.topic.replication."
        "factor=1\\ngroup.initial.rebalance.delay.ms=0\\n' > %s/server.properties",
        k->controller, k->port, k->controller, k->port, k->dir, k->dir));
    assert_true(shell("java -Xmx256m -cp '%s/*' kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c "
                      "%s/server.properties >%s/format 2>&1",
                      dir, k->dir, k->dir));
    snprintf(k->address, sizeof k->address, "kafka://127.0.0.1:%d/desk", k->port);
    kafka_again(k);
    print_message("Kafka: a broker in KRaft mode\n");
}

static void start_mock(struct kafka *k)
{
    char why[200];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(rk);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
    assert_non_null(mock);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "desk.events", 6, 1), 0);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "desk.live", 6, 1), 0);
    snprintf(k->address, sizeof k->address, "kafka://%s/desk", rd_kafka_mock_cluster_bootstraps(mock));
    k->mock = mock;
    k->holder = rk;
    print_message("Kafka: librdkafka's mock cluster (no broker's libraries here)\n");
}

void kafka_start(struct kafka *k)
{
    const char *dir = libraries();
    *k = (struct kafka){0};
    if (dir)
        start_real(k, dir);
    else
        start_mock(k);
}

void kafka_kill(struct kafka *k)
{
    int status;
    kill(k->pid, SIGKILL);
    waitpid(k->pid, &status, 0);
    k->pid = 0;
}

void kafka_stop(struct kafka *k)
{
    if (k->pid)
        kafka_kill(k);
    if (!k->mock)
        return;
    rd_kafka_mock_cluster_destroy(k->mock);
    rd_kafka_destroy(k->holder);
    k->mock = NULL;
}

void certificates(const char *dir)
{
    assert_true(shell(
        "cd %s && (openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
        "ca.crt -days 2 -subj '/CN=desk' && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-keyout "
        "peer.key -out peer.csr -subj /CN=peer && printf 'subjectAltName=IP:127.0.0.1' > san && openssl x509 "
        "-req -in "
        "peer.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out peer.crt -days 2 -extfile san) 2>/dev/null "
        "&& chmod 600 "
        "*.key",
        dir));
}
