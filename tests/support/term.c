#include "tests/support/term.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int property(VTermProp prop, VTermValue *value, void *user)
{
    struct term *t = user;
    if (prop == VTERM_PROP_ALTSCREEN)
        t->alternate = value->boolean;
    if (prop == VTERM_PROP_CURSORVISIBLE)
        t->cursor = value->boolean;
    return 1;
}

static VTermScreenCallbacks callbacks = {.settermprop = property};

void term_start(struct term *t, int rows, int cols, char *const argv[], char *const env[])
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    *t = (struct term){.rows = rows, .cols = cols, .cursor = true};
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    assert_true(t->pid >= 0);
    if (!t->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("TERM", "xterm-256color", 1);
        for (int i = 0; env && env[i]; i++)
            putenv(env[i]);
        execv(argv[0], argv);
        _exit(127);
    }
    t->vt = vterm_new(rows, cols);
    vterm_set_utf8(t->vt, 1);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
}

static void keep(struct term *t, const char *bytes, size_t n)
{
    if (t->tail_used + n > sizeof t->tail) {
        size_t drop = t->tail_used + n - sizeof t->tail;
        drop = drop > t->tail_used ? t->tail_used : drop;
        memmove(t->tail, t->tail + drop, t->tail_used - drop);
        t->tail_used -= drop;
    }
    memcpy(t->tail + t->tail_used, bytes, n);
    t->tail_used += n;
}

bool term_step(struct term *t, int ms)
{
    char part[32768], answer[256];
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0)
        return true;
    ssize_t n = read(t->fd, part, sizeof part);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    t->bytes += (uint64_t)n;
    t->writes++;
    keep(t, part, (size_t)n);
    if (!t->raw)
        vterm_input_write(t->vt, part, (size_t)n);
    size_t m = vterm_output_read(t->vt, answer, sizeof answer); /* answers to what the program asks */
    if (m && write(t->fd, answer, m) < 0)
        return false;
    return true;
}

void term_run(struct term *t, int ms)
{
    int64_t until = millis() + ms;
    for (int left; (left = (int)(until - millis())) > 0;)
        if (!term_step(t, left))
            return;
}

void term_keys(struct term *t, const char *bytes)
{
    size_t n = strlen(bytes);
    assert_int_equal(write(t->fd, bytes, n), n);
}

void term_resize(struct term *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    t->rows = rows;
    t->cols = cols;
    vterm_set_size(t->vt, rows, cols);
    assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

VTermScreenCell term_cell(struct term *t, int row, int col)
{
    VTermScreenCell c;
    vterm_screen_get_cell(t->screen, (VTermPos){row, col}, &c);
    vterm_screen_convert_color_to_rgb(t->screen, &c.fg);
    vterm_screen_convert_color_to_rgb(t->screen, &c.bg);
    return c;
}

char *term_line(struct term *t, int row, char out[2048])
{
    VTermRect r = {row, row + 1, 0, t->cols};
    size_t n = vterm_screen_get_text(t->screen, out, 2047, r);
    while (n && (out[n - 1] == ' ' || out[n - 1] == '\n'))
        n--;
    out[n] = 0;
    return out;
}

int term_find(struct term *t, const char *text, int *col)
{
    char line[2048];
    for (int row = 0; row < t->rows; row++) {
        char *at = strstr(term_line(t, row, line), text);
        if (at && col) { /* columns are characters, not bytes */
            *col = 0;
            for (char *p = line; p < at; p++)
                *col += ((unsigned char)*p & 0xc0) != 0x80;
        }
        if (at)
            return row;
    }
    return -1;
}

int term_wait(struct term *t, const char *text, int ms)
{
    int64_t until = millis() + ms;
    for (;;) {
        int row = term_find(t, text, NULL);
        if (row >= 0)
            return row;
        if (millis() > until || !term_step(t, 20))
            return term_find(t, text, NULL);
    }
}

int term_end(struct term *t, int signal)
{
    int status = 0;
    if (signal)
        kill(t->pid, signal);
    for (int64_t until = millis() + 5000; millis() < until;) {
        term_step(t, 10);
        if (waitpid(t->pid, &status, WNOHANG) == t->pid) {
            while (term_step(t, 0)) {
                struct pollfd p = {.fd = t->fd, .events = POLLIN};
                if (poll(&p, 1, 0) <= 0)
                    break;
            }
            t->pid = 0;
            break;
        }
    }
    if (t->pid) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, &status, 0);
        fail_msg("the program did not end");
    }
    close(t->fd);
    vterm_free(t->vt);
    return status;
}

void term_print(struct term *t)
{
    char line[2048];
    for (int row = 0; row < t->rows; row++)
        print_message("%2d|%s\n", row, term_line(t, row, line));
}
