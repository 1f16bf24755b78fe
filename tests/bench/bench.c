/* Measures what the README's table says, peers in the same run. Prints one line a figure; asserts nothing. */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/buf.h"
#include "common/clock.h"
#include "common/uuid.h"
#include "tests/support/server.h"
#include "tests/support/term.h"

static char tui[300], url[60], token[120], home[120];
static struct server s;

static void row(const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("| %-62s | ", what);
    vprintf(format, args);
    printf(" |\n");
    fflush(stdout);
    va_end(args);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *list, int n, double q)
{
    qsort(list, (size_t)n, sizeof *list, ascending);
    return n ? list[(int)(q * (n - 1))] : 0;
}

static double ms_now(void)
{
    return (double)clock_mono(&clock_system) / 1e6;
}

/* ---- start ---- */

static double paint(char *const argv[], char *const env[], const char *text, const char *key)
{
    struct term t;
    double begun = ms_now();
    term_start(&t, 48, 160, argv, env);
    bool seen = term_wait(&t, text, 20000) >= 0;
    double took = ms_now() - begun;
    term_keys(&t, key);
    term_end(&t, 0);
    return seen ? took : -1;
}

static void start_times(void)
{
    enum { RUNS = 21 };
    double cold[7], warm[RUNS], peer[RUNS];
    int n = 0;
    for (int i = 0; i < 7; i++) {
        char dir[120], *argv[] = {tui, NULL}, *env[] = {dir, NULL}, path[200], line[300];
        snprintf(dir, sizeof dir, "XDG_DATA_HOME=%s", temp_dir());
        cold[i] = paint(argv, env, "b buy", "q");
        snprintf(path, sizeof path, "%s/quanta/endpoint.json", dir + 14);
        FILE *f = fopen(path, "r");
        if (f && fgets(line, sizeof line, f))
            kill(atoi(strstr(line, "\"pid\":") + 6), SIGTERM);
        if (f)
            fclose(f);
    }
    char *argv[] = {tui, "--url", url, "--token-file", token, NULL}, *env[] = {home, NULL};
    for (int i = 0; i < RUNS; i++)
        warm[i] = paint(argv, env, "b buy", "q");
    char *htop[] = {"/usr/bin/htop", NULL};
    for (int i = 0; i < RUNS && access(htop[0], X_OK) == 0; i++)
        peer[n++] = paint(htop, env, "F10", "q");
    row("first live paint, embedded backend started cold (ms, median)", "%.0f", quantile(cold, 7, 0.5));
    row("first live paint, backend running (ms, median)", "%.1f", quantile(warm, RUNS, 0.5));
    if (n)
        row("htop in the same run (ms, median)", "%.1f", quantile(peer, n, 0.5));
    else
        row("htop in the same run", "not installed");
}

/* ---- CPU, memory, bytes ---- */

static double cpu_ms(pid_t pid)
{
    char path[60], line[600];
    unsigned long user = 0, system_time = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f))
        sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system_time);
    if (f)
        fclose(f);
    return (double)(user + system_time) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mb(pid_t pid)
{
    char path[60], line[200];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kb);
    if (f)
        fclose(f);
    return (double)kb / 1024;
}

static void idle(const char *what, const char *action, const char *option, int seconds)
{
    char body[60], text[100],
        *argv[] = {tui, "--url", url, "--token-file", token, (char *)(uintptr_t)option, NULL},
        *env[] = {home, NULL};
    struct term t;
    snprintf(body, sizeof body, "{\"action\":\"%s\"}", action);
    struct reply r = server_post(&s, "/v1/trading/market", body);
    free(r.body);
    term_start(&t, 48, 160, argv, env);
    term_wait(&t, "b buy", 5000);
    term_run(&t, 2000);
    double a = cpu_ms(s.pid), b = cpu_ms(t.pid);
    uint64_t bytes = t.bytes;
    term_run(&t, seconds * 1000);
    a = cpu_ms(s.pid) - a;
    b = cpu_ms(t.pid) - b;
    snprintf(text, sizeof text, "CPU %s: quantad + quanta-tui (%% of a core)", what);
    row(text, "%.2f + %.2f", a / seconds / 10, b / seconds / 10);
    snprintf(text, sizeof text, "bytes to the terminal %s (per second)", what);
    row(text, "%.0f", (double)(t.bytes - bytes) / seconds);
    if (!option) {
        snprintf(text, sizeof text, "resident memory %s: quantad, quanta-tui (MB)", what);
        row(text, "%.1f, %.1f", rss_mb(s.pid), rss_mb(t.pid));
    }
    term_keys(&t, "q");
    term_end(&t, 0);
}

static void history_memory(void)
{
    struct server h = {0};
    char market[320], real[300];
    if (!shared_data() || !realpath(shared_data(), real)) {
        row("resident memory of quantad with the real history", "shared/data is not here");
        return;
    }
    snprintf(market, sizeof market, "replay:%.250s/prices/futures?from=2025-01-02", real);
    server_start(&h, NULL, market);
    poll(NULL, 0, 2000);
    row("resident memory of quantad with 687,434 real settlements (MB)", "%.1f", rss_mb(h.pid));
    server_stop(&h);
}

/* ---- durable orders ---- */

struct client {
    pthread_t thread;
    int number;
    double *times;
    int count, refused;
};
static volatile bool running;
static char months[12][25];
static double marks[12];
#define TIMES 200000

static void find_months(void)
{
    struct reply r = server_get(&s, "/v1/trading/quotes?filter=product=CL");
    json_t *j = json_loads(r.body, 0, NULL);
    for (size_t i = 0; i < 12; i++) {
        json_t *q = json_array_get(json_object_get(j, "rows"), i);
        snprintf(months[i], 25, "%s", json_string_value(json_object_get(q, "instrument")));
        marks[i] = strtod(json_string_value(json_object_get(q, "last")), NULL);
    }
    json_decref(j);
    free(r.body);
}

/* Orders in flight count as working: the position limit of the book must not be what is measured. */
static void raise_limit(void)
{
    char text[60], path[100];
    struct server other = s;
    server_sign_in(&other, "risk");
    struct reply r = server_post(&other, "/v1/compliance/approvals",
                                 "{\"number\":\"L-9\",\"limit\":\"1000000\",\"reason\":\"measurement\"}");
    snprintf(path, sizeof path, "/v1/compliance/approvals/%s", reply_text_of(&r, "id", text, sizeof text));
    free(r.body);
    server_sign_in(&other, "compliance");
    r = server_post(&other, path, "{\"state\":\"approved\"}");
    if (r.status != 200)
        fprintf(stderr, "the limit stays: %s\n", r.body);
    free(r.body);
}

/* One keep-alive connection: an order, its answer, the next. Orders are far away and ioc: each is checked,
 * committed, sent to the venue and cancelled there. */
static void *send_orders(void *arg)
{
    struct client *c = arg;
    int fd = server_connect(&s);
    struct buf out = {0};
    char in[8192], id[UUID_TEXT], body[400];
    while (running && fd >= 0 && c->count < TIMES) {
        struct uuid u = uuid_v7(clock_utc(&clock_system));
        int k = (c->count + c->refused) * 64 + c->number,
            month = k / 1200 % 12; /* no two alike within a second */
        int n = snprintf(body, sizeof body,
                         "{\"id\":\"%s\",\"book\":\"OIL\",\"instrument\":\"%s\",\"side\":\"buy\","
                         "\"quantity\":\"%d\",\"price\":\"%.2f\",\"time_in_force\":\"ioc\"}",
                         uuid_format(&u, id), months[month], 1 + k / 14400 % 50,
                         marks[month] * 0.91 + (double)(k % 1200) / 100);
        buf_clear(&out);
        buf_printf(&out,
                   "POST /v1/trading/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                   "%s\r\nContent-Length: %d\r\n\r\n%s",
                   s.token, n, body);
        double begun = ms_now();
        if (send(fd, out.data, out.length, MSG_NOSIGNAL) != (ssize_t)out.length)
            break;
        size_t used = 0;
        for (;;) {
            ssize_t got = recv(fd, in + used, sizeof in - 1 - used, 0);
            if (got <= 0)
                goto done;
            used += (size_t)got;
            in[used] = 0;
            char *end = strstr(in, "\r\n\r\n"), *length = strstr(in, "content-length: ");
            if (end && length && used >= (size_t)(end + 4 - in) + strtoul(length + 16, NULL, 10))
                break;
        }
        int status = atoi(in + 9);
        if (status == 201)
            c->times[c->count++] = ms_now() - begun;
        else if (status != 422) { /* a price that came twice within a second */
            fprintf(stderr, "%.200s\n", in);
            break;
        } else
            c->refused++;
    }
done:
    buf_free(&out);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void orders(int clients, int seconds)
{
    static struct client list[64];
    char what[100];
    running = true;
    double begun = ms_now();
    for (int i = 0; i < clients; i++) {
        list[i] = (struct client){.number = i, .times = malloc(TIMES * sizeof(double))};
        pthread_create(&list[i].thread, NULL, send_orders, &list[i]);
    }
    poll(NULL, 0, seconds * 1000);
    running = false;
    int total = 0, refused = 0;
    for (int i = 0; i < clients; i++) {
        pthread_join(list[i].thread, NULL);
        total += list[i].count;
        refused += list[i].refused;
    }
    double took = (ms_now() - begun) / 1000, *all = malloc(((size_t)total + 1) * sizeof *all);
    int n = 0;
    for (int i = 0; i < clients; i++) {
        memcpy(all + n, list[i].times, (size_t)list[i].count * sizeof *all);
        n += list[i].count;
        free(list[i].times);
    }
    snprintf(what, sizeof what, "durable orders acknowledged, %d client%s (per second; ms median, 99%%)",
             clients, clients > 1 ? "s" : "");
    double half = quantile(all, n, 0.5), most = quantile(all, n, 0.99);
    row(what, "%.0f; %.2f, %.2f", total / took, half, most);
    if (refused)
        printf("(%d refused are not counted)\n", refused);
    free(all);
}

static void peers(int seconds)
{
    char path[200], page[4096] = "x";
    snprintf(path, sizeof path, "%s/fsync", s.dir);
    int fd = open(path, O_CREAT | O_RDWR, 0600), n = 0;
    double until = ms_now() + seconds * 1000;
    for (; ms_now() < until; n++)
        if (pwrite(fd, page, sizeof page, (n % 256) * 4096) != 4096 || fdatasync(fd) != 0)
            break;
    close(fd);
    row("plain write of 4 KiB and fdatasync, same directory (per second)", "%.0f", (double)n / seconds);
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/peer.db", s.dir);
    sqlite3_open(path, &db);
    sqlite3_exec(
        db, "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;CREATE TABLE t(a INTEGER PRIMARY KEY,b TEXT)",
        NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO t(b) VALUES(?)", -1, &st, NULL);
    memset(page, 'x', 200);
    sqlite3_bind_text(st, 1, page, 200, SQLITE_STATIC);
    until = ms_now() + seconds * 1000;
    for (n = 0; ms_now() < until; n++)
        if (sqlite3_step(st) != SQLITE_DONE || sqlite3_reset(st) != SQLITE_OK)
            break;
    row("SQLite's own commits of one 200-byte row, WAL, FULL (per second)", "%.0f", (double)n / seconds);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* ---- key to screen ---- */

/* y on a reviewed ticket until its order stands in the blotter as acknowledged. */
static void key_to_screen(int runs)
{
    char *argv[] = {tui, "--url", url, "--token-file", token, NULL}, *env[] = {home, NULL}, text[80];
    struct term t;
    double *times = malloc((size_t)runs * sizeof *times);
    int n = 0;
    term_start(&t, 48, 160, argv, env);
    term_wait(&t, "b buy", 5000);
    for (int i = 0; i < runs; i++) {
        snprintf(text, sizeof text, ":buy 1 TTFF27 %.3f\r", 30 + (i % 200) * 0.005);
        term_keys(&t, text);
        if (term_wait(&t, "ORDER TICKET", 2000) < 0)
            break;
        term_keys(&t, "\r");
        if (term_wait(&t, "y sends it", 3000) < 0)
            break;
        term_run(&t, 120); /* between two frames */
        t.tail_used = 0;   /* the raw bytes: keeping a screen is slower than what is measured */
        t.raw = true;
        double begun = ms_now();
        term_keys(&t, "y");
        while (ms_now() - begun < 3000 && !memmem(t.tail, t.tail_used, "pending-new", 11))
            term_step(&t, 100);
        times[n++] = ms_now() - begun;
        t.raw = false;
        vterm_input_write(t.vt, t.tail, t.tail_used);
        struct reply r =
            server_post(&s, "/v1/trading/orders/cancel-all", "{\"halted\":false,\"book\":\"TTF-PROP\"}");
        free(r.body);
        term_run(&t, 60);
    }
    double half = quantile(times, n, 0.5), most = quantile(times, n, 0.99);
    row("key press to acknowledged order on screen (ms median, 99%; orders)", "%.1f, %.1f; %d", half, most,
        n);
    term_keys(&t, "q");
    term_end(&t, 0);
    free(times);
}

/* Two such flushes are in every order: one of its id here, one of the order there. */
static void idle_flush(int runs)
{
    char path[200], page[4096] = "x";
    double *times = malloc((size_t)runs * sizeof *times);
    snprintf(path, sizeof path, "%s/flush", s.dir);
    int fd = open(path, O_CREAT | O_RDWR, 0600), n = 0;
    for (; n < runs; n++) {
        poll(NULL, 0, 150);
        double begun = ms_now();
        if (pwrite(fd, page, sizeof page, n * 4096) != 4096 || fdatasync(fd) != 0)
            break;
        times[n] = ms_now() - begun;
    }
    close(fd);
    double half = quantile(times, n, 0.5), most = quantile(times, n, 0.99);
    row("one write and fdatasync every 150 ms, the same disk (ms median, 99%)", "%.1f, %.1f", half, most);
    free(times);
}

int main(void)
{
    int seconds = getenv("QUANTA_BENCH_SECONDS") ? atoi(getenv("QUANTA_BENCH_SECONDS")) : 10;
    server_start(&s, NULL, "sim:7");
    snprintf(tui, sizeof tui, "%s/quanta-tui", build_dir());
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    snprintf(token, sizeof token, "%s/token", s.dir);
    snprintf(home, sizeof home, "XDG_DATA_HOME=%s", s.dir);
    if (getenv("QUANTA_BENCH_KEYS")) {
        key_to_screen(atoi(getenv("QUANTA_BENCH_KEYS")));
        server_stop(&s);
        return 0;
    }
    if (getenv("QUANTA_BENCH_ORDERS")) { /* that part alone, for a profiler */
        find_months();
        raise_limit();
        orders(atoi(getenv("QUANTA_BENCH_ORDERS")), seconds);
        server_stop(&s);
        return 0;
    }
    start_times();
    idle("with the market paused", "pause", NULL, seconds);
    idle("at 200 ticks/s and 10 frames/s", "resume", NULL, seconds);
    idle("at 200 ticks/s with --low-bandwidth", "resume", "--low-bandwidth", seconds);
    history_memory();
    key_to_screen(100);
    idle_flush(60);
    find_months();
    raise_limit();
    static const int clients[] = {1, 16, 64};
    for (int i = 0; i < 3; i++)
        orders(clients[i], seconds / 2 > 1 ? seconds / 2 : 1);
    peers(seconds / 3 > 1 ? seconds / 3 : 1);
    server_stop(&s);
    return 0;
}
