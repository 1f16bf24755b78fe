#include "client/embed.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/clock.h"
#include "common/dirs.h"

#define START_SECONDS 20
#define LOG_MAX       (1 << 20)

/* Whether that process is a quantad that runs: numbers are used again, and one that was killed stays a
 * zombie until its parent, which may be this program, takes notice. */
static bool alive(int pid)
{
    char path[40], name[32] = "", state = 'X';
    waitpid(pid, NULL, WNOHANG);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    bool read = f && fscanf(f, "%*d (%31[^)]) %c", name, &state) == 2;
    if (f)
        fclose(f);
    return read && !strcmp(name, "quantad") && state != 'Z' && state != 'X';
}

static bool read_endpoint(const char *dir, struct endpoint *out)
{
    char path[420];
    json_error_t e;
    snprintf(path, sizeof path, "%s/endpoint.json", dir);
    json_t *j = json_load_file(path, 0, &e);
    const char *url = json_string_value(json_object_get(j, "url")),
               *token = json_string_value(json_object_get(j, "token_file"));
    bool ok = url && token;
    if (ok) {
        snprintf(out->url, sizeof out->url, "%s", url);
        snprintf(out->token_file, sizeof out->token_file, "%s", token);
        out->pid = (int)json_integer_value(json_object_get(j, "pid"));
        ok = out->pid > 0 && alive(out->pid);
    }
    json_decref(j);
    return ok;
}

/* The child outlives this program by its --linger; its log is a file beside the store. */
static pid_t start(const char *dir, const char *quantad, const char *market, const char *log)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    int null = open("/dev/null", O_RDWR), out = open(log, O_CREAT | O_APPEND | O_WRONLY, 0600);
    sigset_t
        none; /* the screen's program takes its signals by a descriptor; its child must not inherit that */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(null, 0);
    dup2(null, 1);
    dup2(out >= 0 ? out : null, 2);
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    execl(quantad, quantad, "--data-dir", dir, "--linger", "10", "--market", market ? market : "none",
          (char *)NULL);
    fprintf(stderr, "quantad: %s cannot be run\n", quantad);
    _exit(127);
}

/* The last line since `from` that was not a log record: what quantad said when it gave up. */
static void last_words(const char *log, long from, char *why, size_t room)
{
    char line[500];
    FILE *f = fopen(log, "r");
    if (f && fseek(f, from, SEEK_SET) != 0)
        rewind(f);
    snprintf(why, room, "the backend did not start; its log is %s", log);
    while (f && fgets(line, sizeof line, f))
        if (*line != '{')
            snprintf(why, room, "%.*s", (int)strcspn(line, "\n"), line);
    if (f)
        fclose(f);
}

/* Whether a quantad holds the directory. Asking takes the lock for an instant; quantad tries for longer. */
static bool held(const char *dir)
{
    char path[420];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool taken = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return taken;
}

/* Where the log ends now; one that has grown large is begun again. */
static long log_end(const char *log)
{
    struct stat st;
    if (stat(log, &st) != 0 || (st.st_size > LOG_MAX && truncate(log, 0) == 0))
        return 0;
    return (long)st.st_size;
}

bool embed_join(const char *dir, const char *quantad, const char *market, struct endpoint *out, char *why,
                size_t room)
{
    char log[440], stamp[440], events[1024];
    if (read_endpoint(dir, out))
        return true;
    if (!dirs_make(dir)) {
        snprintf(why, room, "data directory %s: %s", dir, strerror(errno));
        return false;
    }
    snprintf(log, sizeof log, "%s/quantad.log", dir);
    snprintf(stamp, sizeof stamp, "%s/stamp", dir);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inotify_add_watch(watch, dir, IN_MOVED_TO | IN_CREATE) < 0) {
        snprintf(why, room, "data directory %s: %s", dir, strerror(errno));
        close(watch);
        return false;
    }
    long from = log_end(log);
    pid_t pid = start(dir, quantad, market ? market : access(stamp, F_OK) == 0 ? "none" : "sim", log);
    int64_t until = clock_mono(&clock_system) + START_SECONDS * SECOND;
    bool ok = false, ended = false;
    while (!(ok = read_endpoint(dir, out)) && clock_mono(&clock_system) < until) {
        struct pollfd p = {.fd = watch, .events = POLLIN};
        if (!ended && waitpid(pid, NULL, WNOHANG) == pid)
            ended = true;
        if (ended && !held(dir) && !read_endpoint(dir, out))
            break; /* it gave up; a neighbour that started first would hold the lock, and its file would come
                    */
        poll(&p, 1, 50);
        while (read(watch, events, sizeof events) > 0)
            ;
    }
    if (!ok && !(ok = read_endpoint(dir, out)))
        last_words(log, from, why, room);
    close(watch);
    return ok;
}

bool embed_token(const char *path, char *out, size_t room, char *why, size_t why_room)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, why_room, "token file %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool private_file = (st.st_mode & 077) == 0;
    ssize_t n = private_file ? read(fd, out, room - 1) : -1;
    close(fd);
    if (!private_file) {
        snprintf(why, why_room, "token file %s: others may read it; expected mode 0600", path);
        return false;
    }
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\r\n")] = 0;
    if (!*out)
        snprintf(why, why_room, "token file %s: is empty", path);
    return *out != 0;
}
