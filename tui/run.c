/* The loop with a terminal: keys, the backend's news and signals, a frame at most so often. Signals come
 * by a descriptor, so that nothing runs in a handler but the rescue of the terminal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "tui/app.h"

#define FRAME_NS     (100 * MILLI)
#define LOW_FRAME_NS (250 * MILLI)

static void sigset_of(sigset_t *set)
{
    static const int list[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        sigaddset(set, list[i]);
}

void run_block_signals(void)
{
    sigset_t set;
    sigset_of(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void suspend(struct app *a)
{
    sigset_t tstp;
    screen_suspend(a->screen);
    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* stops here until SIGCONT */
    sigprocmask(SIG_BLOCK, &tstp, NULL);
    screen_resume(a->screen);
}

/* False when the program must end. */
static bool take_signals(struct app *a, int fd, bool *redraw)
{
    struct signalfd_siginfo s;
    while (read(fd, &s, sizeof s) == (ssize_t)sizeof s) {
        if (s.ssi_signo == SIGWINCH) {
            screen_resized(a->screen);
            *redraw = true;
        } else if (s.ssi_signo == SIGTSTP) {
            suspend(a);
            *redraw = true;
        } else if (s.ssi_signo == SIGCONT) {
            screen_resume(a->screen);
            *redraw = true;
        } else
            return false;
    }
    return true;
}

static void frame(struct app *a)
{
    int rows, cols, y, x;
    screen_size(a->screen, &rows, &cols);
    app_draw(a, rows, cols, &y, &x);
    screen_show(a->screen, &a->canvas, y, x);
}

static void take_keys(struct app *a)
{
    char key[32];
    while (!a->quit && screen_key(a->screen, key, sizeof key)) {
        if (!strcmp(key, "Resize"))
            continue;
        if (!strcmp(key, "C-z"))
            raise(SIGTSTP);
        else
            app_key(a, key);
    }
}

/* Orders of unknown delivery are asked for when the link comes back, and again until that is settled. */
static void follow_link(struct app *a, bool *was, int64_t *asked)
{
    struct link_state s;
    int64_t now = clock_mono(&clock_system);
    client_state(a->client, &s);
    if (s.connected && (!*was || (sent_count(a->sent) && now - *asked > 2 * SECOND))) {
        app_resolve_sent(a);
        *asked = now;
    }
    if (s.connected != *was)
        a->urgent = true;
    *was = s.connected;
}

int run_screen(struct app *a)
{
    sigset_t set;
    sigset_of(&set);
    int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), status = 0;
    int64_t gap = a->low_bandwidth ? LOW_FRAME_NS : FRAME_NS, shown = 0, asked = 0;
    bool dirty = true, linked = false;
    while (!a->quit) {
        int64_t now = clock_mono(&clock_system);
        if (dirty && (a->urgent || now - shown >= gap)) {
            frame(a);
            shown = now;
            dirty = a->urgent = false;
        }
        int64_t due = dirty ? shown + gap : shown + SECOND,
                left = due - clock_mono(&clock_system); /* a clock ticks on */
        struct pollfd p[] = {{.fd = screen_fd(a->screen), .events = POLLIN},
                             {.fd = client_fd(a->client), .events = POLLIN},
                             {.fd = signals, .events = POLLIN}};
        if (poll(p, 3, left > 0 ? (int)(left / MILLI) + 1 : 0) < 0 && errno != EINTR) {
            status = 1;
            break;
        }
        if (p[2].revents && !take_signals(a, signals, &a->urgent))
            break;
        if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            break; /* the terminal is gone */
        if (p[0].revents)
            take_keys(a);
        if (p[1].revents)
            client_poll(a->client);
        follow_link(a, &linked, &asked);
        dirty |= p[0].revents || p[1].revents || p[2].revents || clock_mono(&clock_system) >= due;
    }
    close(signals);
    return status;
}
