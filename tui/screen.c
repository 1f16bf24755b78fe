#include "tui/screen.h"
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

struct screen {
    SCREEN *curses;
    FILE *out, *in;
    int terminal, memory, colours; /* memory: where curses writes; copied to the terminal once a frame */
    struct canvas shown;
    struct theme theme;
    short pairs[INKS];
    uint64_t bytes;
};

/* What a signal handler needs: prepared strings, raw descriptors. */
static struct {
    volatile sig_atomic_t active;
    int fd;
    struct termios before;
    char restore[256];
    size_t length;
} rescue;

static void write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno != EINTR && errno != EAGAIN)
            return; /* the terminal is gone */
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        }
    }
}

static void on_fatal(int signal_number)
{
    if (rescue.active) {
        rescue.active = 0;
        write_all(rescue.fd, rescue.restore, rescue.length);
        tcsetattr(rescue.fd, TCSANOW, &rescue.before);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void add_capability(const char *name)
{
    char *text = tigetstr((char *)(uintptr_t)name);
    if (!text || text == (char *)-1)
        return;
    size_t n = strlen(text);
    if (rescue.length + n < sizeof rescue.restore) {
        memcpy(rescue.restore + rescue.length, text, n);
        rescue.length += n;
    }
}

static void prepare_rescue(int fd, const struct termios *before)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
    rescue.fd = fd;
    rescue.before = *before;
    rescue.length = 0;
    add_capability("sgr0");
    add_capability("op");
    add_capability("cnorm");
    add_capability("rmkx");
    add_capability("rmcup");
    rescue.active = 1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction a = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND};
        sigaction(signals[i], &a, NULL);
    }
}

/* Curses' output of this frame goes to the terminal in one write. */
static void drain(struct screen *s)
{
    off_t n = lseek(s->memory, 0, SEEK_END);
    if (n <= 0)
        return;
    char *copy = mem_new((size_t)n);
    if (pread(s->memory, copy, (size_t)n, 0) == n) {
        write_all(s->terminal, copy, (size_t)n);
        s->bytes += (uint64_t)n;
    }
    free(copy);
    if (ftruncate(s->memory, 0) == 0)
        lseek(s->memory, 0, SEEK_SET);
}

static void set_pairs(struct screen *s)
{
    for (int i = 0; i < INKS; i++) {
        const struct style *t = &s->theme.styles[i];
        s->pairs[i] = 0;
        if (s->colours < 8)
            continue;
        int fg = theme_colour(t->fg, s->colours), bg = theme_colour(t->bg, s->colours);
        if (fg < 0 && bg < 0)
            continue;
        s->pairs[i] = (short)(i + 1);
        init_pair((short)(i + 1), (short)fg, (short)bg);
    }
}

void screen_theme(struct screen *s, const struct theme *theme)
{
    s->theme = *theme;
    set_pairs(s);
    screen_redraw(s);
}

bool screen_possible(char *why, size_t room)
{
    const char *term = getenv("TERM");
    int error = 0;
    if (!isatty(0) || !isatty(1)) {
        snprintf(why, room, "there is no terminal here; use --screenshot or -e");
        return false;
    }
    bool known = term && *term && setupterm(NULL, 1, &error) == 0;
    const char *move_to = known ? tigetstr((char *)(uintptr_t) "cup") : NULL;
    bool moves = move_to && move_to != (char *)-1;
    if (known)
        del_curterm(cur_term);
    if (moves)
        return true;
    snprintf(why, room, "TERM '%.40s': %s; try TERM=xterm-256color", term ? term : "",
             known ? "the terminal cannot move its cursor" : "this terminal is not known");
    return false;
}

struct screen *screen_open(const struct theme *theme, char *why, size_t room)
{
    struct termios before;
    const char *term = getenv("TERM");
    if (!screen_possible(why, room) || tcgetattr(1, &before) != 0)
        return NULL;
    struct screen *s = mem_new(sizeof *s);
    s->terminal = dup(1);
    s->memory = memfd_create("quanta-frame", MFD_CLOEXEC);
    s->out = fdopen(dup(1), "w");
    s->in = stdin;
    setenv("ESCDELAY", "25", 0);
    use_env(TRUE);
    s->curses = s->out && s->memory >= 0 ? newterm(NULL, s->out, s->in) : NULL;
    if (!s->curses) {
        snprintf(why, room, "TERM '%.40s': the terminal cannot be used", term);
        free(s);
        return NULL;
    }
    prepare_rescue(s->terminal, &before);
    fflush(s->out);
    dup2(s->memory, fileno(s->out));
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    s->colours = 0;
    if (has_colors() && start_color() == OK && !getenv("NO_COLOR")) {
        use_default_colors();
        s->colours = COLORS;
    }
    screen_theme(s, theme);
    return s;
}

void screen_suspend(struct screen *s)
{
    fflush(s->out);
    drain(s);
    dup2(s->terminal, fileno(s->out));
    endwin();
    fflush(s->out);
    rescue.active = 0;
}

void screen_resume(struct screen *s)
{
    dup2(s->terminal, fileno(s->out));
    refresh(); /* back into the modes that endwin left */
    fflush(s->out);
    dup2(s->memory, fileno(s->out));
    rescue.active = 1;
    screen_resized(s);
}

void screen_close(struct screen *s)
{
    if (!s)
        return;
    screen_suspend(s);
    delscreen(s->curses);
    canvas_free(&s->shown);
    close(s->terminal);
    close(s->memory);
    fclose(s->out);
    free(s);
}

void screen_size(struct screen *s, int *rows, int *cols)
{
    (void)s;
    getmaxyx(stdscr, *rows, *cols);
}

void screen_resized(struct screen *s)
{
    struct winsize w;
    if (ioctl(s->terminal, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col)
        resizeterm(w.ws_row, w.ws_col);
    canvas_free(&s->shown);
    clearok(curscr, TRUE);
}

void screen_redraw(struct screen *s)
{
    canvas_free(&s->shown);
    clearok(curscr, TRUE);
}

static attr_t attributes(const struct screen *s, const struct cell *c)
{
    const struct style *t = &s->theme.styles[c->role];
    attr_t a = A_NORMAL;
    if (t->bold || c->bold)
        a |= A_BOLD;
    if (t->dim)
        a |= A_DIM;
    if (t->underline)
        a |= A_UNDERLINE;
    if (t->reverse)
        a |= A_REVERSE;
    return a;
}

void screen_show(struct screen *s, const struct canvas *c, int y, int x)
{
    bool fresh = s->shown.rows != c->rows || s->shown.cols != c->cols;
    if (fresh)
        canvas_resize(&s->shown, c->rows, c->cols);
    for (int i = 0; i < c->rows * c->cols; i++) {
        const struct cell *k = &c->cells[i];
        if (!fresh && !memcmp(k, &s->shown.cells[i], sizeof *k))
            continue;
        s->shown.cells[i] = *k;
        if (!*k->text) /* the right half of a wide character */
            continue;
        wchar_t wide[4] = {0};
        cchar_t cell;
        if (mbstowcs(wide, k->text, 3) == (size_t)-1)
            wide[0] = L'?';
        setcchar(&cell, wide, attributes(s, k), s->pairs[k->role], NULL);
        mvadd_wch(i / c->cols, i % c->cols, &cell);
    }
    curs_set(y >= 0);
    if (y >= 0)
        move(y, x);
    else
        move(c->rows - 1, c->cols - 1);
    wnoutrefresh(stdscr);
    doupdate();
    fflush(s->out);
    drain(s);
}

static const struct {
    int code;
    const char *name;
} keys[] = {
    {KEY_UP, "Up"},        {KEY_DOWN, "Down"},      {KEY_LEFT, "Left"},
    {KEY_RIGHT, "Right"},  {KEY_HOME, "Home"},      {KEY_END, "End"},
    {KEY_PPAGE, "PageUp"}, {KEY_NPAGE, "PageDown"}, {KEY_BACKSPACE, "Backspace"},
    {KEY_DC, "Delete"},    {KEY_IC, "Insert"},      {KEY_BTAB, "S-Tab"},
    {KEY_ENTER, "Enter"},  {KEY_RESIZE, "Resize"},
};

static void name_character(wint_t c, char *name, size_t room)
{
    if (c == '\r' || c == '\n')
        snprintf(name, room, "Enter");
    else if (c == '\t')
        snprintf(name, room, "Tab");
    else if (c == 27)
        snprintf(name, room, "Esc");
    else if (c == 127 || c == 8)
        snprintf(name, room, "Backspace");
    else if (c == ' ')
        snprintf(name, room, "Space");
    else if (c < 32)
        snprintf(name, room, "C-%c", (char)(c + 96));
    else
        snprintf(name, room, "%lc", c);
}

bool screen_key(struct screen *s, char *name, size_t room)
{
    wint_t c;
    (void)s;
    int kind = get_wch(&c);
    if (kind == ERR)
        return false;
    *name = 0;
    if (kind == KEY_CODE_YES) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (keys[i].code == (int)c)
                snprintf(name, room, "%s", keys[i].name);
        if (c >= (wint_t)KEY_F(1) && c <= (wint_t)KEY_F(12))
            snprintf(name, room, "F%d", (int)c - KEY_F(0));
        return *name != 0;
    }
    if (c == 27) { /* Alt and a key arrive as ESC and the key */
        wint_t next;
        if (get_wch(&next) == OK && next >= 32 && next < 127) {
            snprintf(name, room, "M-%lc", next);
            return true;
        }
    }
    name_character(c, name, room);
    return true;
}

int screen_fd(struct screen *s)
{
    return fileno(s->in);
}

uint64_t screen_bytes(const struct screen *s)
{
    return s->bytes;
}

int screen_colours(const struct screen *s)
{
    return s->colours;
}
