/* The workstation as people see it: through a pseudo-terminal, cell by cell. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/server.h"
#include "tests/support/term.h"

static struct server s;
static struct term t;
static char program[300], url[60], token[120];

static int start(void **state)
{
    (void)state;
    server_start(&s, NULL, "sim:7");
    snprintf(program, sizeof program, "%s/quanta-tui", build_dir());
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
    snprintf(token, sizeof token, "%s/token", s.dir);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    server_stop(&s);
    return 0;
}

static char *home(void)
{
    static char text[100];
    snprintf(text, sizeof text, "XDG_DATA_HOME=%s", s.dir);
    return text;
}

static void open_desk(int rows, int cols, const char *option)
{
    char *argv[] = {program, "--url", url, "--token-file", token, (char *)(uintptr_t)option, NULL};
    char *env[] = {home(), NULL};
    term_start(&t, rows, cols, argv, env);
    if (term_wait(&t, "b buy", 5000) < 0) {
        term_print(&t);
        fail_msg("no desk");
    }
}

static void quit(void)
{
    char line[2048];
    term_keys(&t, "q");
    int status = 0;
    struct term *x = &t;
    for (int64_t until = millis() + 5000; millis() < until && waitpid(x->pid, &status, WNOHANG) != x->pid;)
        term_run(x, 10);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    term_run(x, 50);
    assert_false(x->alternate);
    assert_true(x->cursor);
    assert_string_equal(term_line(x, 0, line), "");
    close(x->fd);
    vterm_free(x->vt);
}

static void must_show(const char *text, int ms)
{
    if (term_wait(&t, text, ms) < 0) {
        term_print(&t);
        fail_msg("'%s' is not on the screen", text);
    }
}

static void the_first_screen_is_a_working_desk(void **state)
{
    (void)state;
    char line[2048];
    open_desk(48, 160, NULL);
    assert_int_equal(strncmp(term_line(&t, 0, line), " SIM ", 5), 0);
    assert_non_null(strstr(line, "business date"));
    assert_non_null(strstr(line, "marks LIVE"));
    static const char *const seen[] = {"QUOTES", "BLOTTER [Orders]", "PORTFOLIO", "RISK",    "COMPLIANCE",
                                       "NGF27",  "TTFF27",           "DEBF27",    "EURUSD",  "FIRM",
                                       "VaR ",   "book:NG-US",       "WARN open", "D-1038/1"};
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        must_show(seen[i], 3000);
    term_line(&t, 47, line);
    static const char *const parts[] = {"SIM",      "trader ", "| NYMEX ", "link ", "3 working 0 in doubt",
                                        "alerts 1", "VaR ",    "day ",     " EUR"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(line, parts[i]))
            fail_msg("'%s' lacks '%s'", line, parts[i]);
    /* SIM is black on cyan; the focused pane's title is brighter than the others. */
    VTermScreenCell mark = term_cell(&t, 0, 1), other = term_cell(&t, 0, 20);
    assert_false(vterm_color_is_equal(&mark.bg, &other.bg));
    assert_true(mark.bg.rgb.green > 150 && mark.bg.rgb.blue > 150 && mark.bg.rgb.red < 100);
    VTermScreenCell focus = term_cell(&t, 1, 0);
    int col, row = term_find(&t, "PORTFOLIO", &col);
    VTermScreenCell quiet = term_cell(&t, row, col);
    assert_true(focus.attrs.bold);
    assert_true(focus.fg.rgb.red > quiet.fg.rgb.red);
    quit();
}

static void an_order_goes_from_key_to_fill(void **state)
{
    (void)state;
    open_desk(48, 160, NULL);
    term_keys(&t, "b");
    must_show("ORDER TICKET", 2000);
    must_show("nothing is sent before y", 1000);
    term_keys(&t, "2");
    term_keys(&t, "\r");
    must_show("y sends it", 3000);
    must_show("max-quantity", 100);
    must_show("if it is filled", 2000); /* VaR before and after */
    must_show("-> ", 100);
    term_keys(&t, "y");
    must_show("BUY 2 NGF27", 2000);
    int row = term_wait(&t, "filled", 3000), col;
    assert_true(row > 0);
    row = term_find(&t, "filled", &col);
    VTermScreenCell c = term_cell(&t, row, col); /* green */
    assert_true(c.fg.rgb.green > c.fg.rgb.red);
    char line[2048];
    assert_non_null(strstr(term_line(&t, row, line), "BUY"));
    assert_non_null(strstr(line, "NGF27"));
    quit();
}

static void a_refusal_shows_rule_limit_and_value_under_its_row_and_in_red(void **state)
{
    (void)state;
    char line[2048];
    open_desk(48, 160, NULL);
    term_keys(&t, "b900\r");
    must_show("It will be REFUSED", 3000);
    term_keys(&t, "y");
    must_show("   max-quantity: 900 > 50 lots (limit L-12)", 3000);
    int col, row = term_find(&t, "REJECTED", &col);
    assert_true(row > 0);
    VTermScreenCell c = term_cell(&t, row, col);
    assert_true(c.fg.rgb.red > 150 && c.fg.rgb.red > c.fg.rgb.green + 50);
    assert_non_null(strstr(term_line(&t, row + 1, line), "max-quantity: 900 > 50 lots (limit L-12)"));
    must_show("HIGH open", 3000);
    must_show("900/50", 100);
    term_run(&t, 1100);
    assert_non_null(strstr(term_line(&t, 47, line), "HIGH"));
    /* Compliance acknowledges it and closes it with a reason. */
    term_keys(&t, ":user compliance\r");
    must_show("signed in as compliance", 3000);
    term_keys(&t, "5ga");
    must_show("HIGH ack", 3000);
    term_keys(&t, "c");
    must_show(":close", 1000);
    term_keys(&t, "typing error\r");
    must_show("alert closed", 3000);
    must_show("HIGH closed", 3000);
    must_show("typing error", 100);
    quit();
}

static void a_wrong_price_or_instrument_gets_one_clear_line(void **state)
{
    (void)state;
    open_desk(48, 160, NULL);
    term_keys(&t, "b5\t\t\tabc1.2.3\r");
    must_show("price: '1.2.3' is not a decimal number", 2000);
    term_keys(&t, "\x1b");
    must_show("nothing was sent", 2000);
    term_keys(&t, "b5\tNGX99\r");
    must_show("instrument 'NGX99': no such contract is listed", 2000);
    term_keys(&t, "\x1b");
    term_run(&t, 100);
    term_keys(&t, "b0\r");
    must_show("quantity '0': expected a whole number of lots, at least 1", 2000);
    term_keys(&t, "\x1b");
    term_run(&t, 100);
    term_keys(&t, ":explode\r");
    must_show("explode: no such command", 2000);
    term_keys(&t, "/qty>>\r");
    must_show("filter, column", 2000);
    term_keys(&t, ":open nothing\r");
    must_show("open 'nothing': expected a pane", 2000);
    term_keys(&t, ":theme neon\r");
    must_show("no theme 'neon'; there are:", 2000);
    quit();
}

static void rows_filter_sort_and_drill(void **state)
{
    (void)state;
    char line[2048];
    open_desk(48, 160, NULL);
    term_keys(&t, "/product=TTF\r");
    must_show("QUOTES held and worked  /product=TTF", 2000);
    for (int row = 3; row < 20; row++) {
        term_line(&t, row, line);
        line[12] = 0;
        assert_null(strstr(line, "NGF27"));
    }
    must_show("TTFX28", 1000); /* a filter looks at everything */
    term_keys(&t, ":filter\r");
    must_show("QUOTES held and worked", 1000);
    term_keys(&t, ":sort change\r");
    must_show("sort change", 1000);
    must_show("Chg^", 1000);
    term_keys(&t, ":sort change\r");
    must_show("Chgv", 1000);
    term_keys(&t, ":sort\r3");
    term_run(&t, 200);
    term_keys(&t, "\r"); /* behind the first position are its fills */
    must_show("[Trades]", 2000);
    must_show("book=DE-POWER and instrument=DEBF27", 100);
    term_keys(&t, "u");
    must_show("BLOTTER [Orders]", 2000);
    quit();
}

static void help_lists_the_keys_of_the_pane_it_was_asked_in(void **state)
{
    (void)state;
    open_desk(60, 160, NULL);
    term_keys(&t, "5?");
    must_show("HELP  keys in compliance", 2000);
    must_show("acknowledge the row's alert", 100);
    assert_true(term_find(&t, "quotes of everything", NULL) < 0); /* that key is the quotes pane's */
    term_keys(&t, "\x1b");
    must_show("COMPLIANCE", 2000);
    term_keys(&t, "1?");
    must_show("HELP  keys in quotes", 2000);
    must_show("quotes of everything", 100);
    term_keys(&t, "?");
    must_show("BLOTTER", 2000);
    quit();
}

static void any_size_is_drawn_and_too_small_says_so(void **state)
{
    (void)state;
    static const int sizes[][2] = {{24, 80}, {40, 120}, {70, 250}, {8, 40},  {7, 60},
                                   {1, 1},   {2, 9},    {30, 39},  {3, 200}, {48, 160}};
    open_desk(48, 160, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        term_resize(&t, sizes[i][0], sizes[i][1]);
        term_run(&t, 350);
        bool small = sizes[i][0] < 8 || sizes[i][1] < 40;
        if (small && sizes[i][1] >= 30)
            must_show("is too small; 40x8 at least", 2000);
        if (!small) {
            must_show(" SIM ", 2000);
            must_show("QUOTES", 2000);
        }
    }
    uint64_t seed = test_seed(71);
    for (int i = 0; i < 60; i++) {
        term_resize(&t, 1 + (int)(draw(&seed) % 70), 1 + (int)(draw(&seed) % 250));
        term_run(&t, 5);
    }
    term_resize(&t, 48, 160);
    term_run(&t, 300);
    must_show("COMPLIANCE", 3000);
    must_show("NGF27", 100);
    quit();
}

/* Escapes, line feeds, tabs and bidirectional marks in a counterparty's name stay in their column. */
static void hostile_text_cannot_touch_a_neighbouring_cell(void **state)
{
    (void)state;
    char body[500], line[2048];
    snprintf(body, sizeof body,
             "{\"book\":\"OIL\",\"counterparty\":\"Evil\\u001b[31m\\u001b["
             "2J\\r\\n\\tX\\u202egnp\\u200b\\u0007\",\"side\":\"buy\",\"instrument\":\"CLH27\","
             "\"quantity\":\"1000\",\"price\":\"80\",\"agreement\":\"ISDA\"}");
    struct reply r = server_post(&s, "/v1/trading/deals", body);
    assert_int_equal(r.status, 201);
    free(r.body);
    open_desk(48, 160, NULL);
    term_keys(&t, "2:tab deals\rz");
    must_show("[Deals]", 2000);
    must_show("Evil", 2000);
    int col, row = term_find(&t, "Evil", &col), neighbour = term_find(&t, "Harbor Refining", NULL);
    assert_true(row > 0 && neighbour > 0);
    /* Both rows have their next columns in the same cells. */
    char mine[2048], theirs[2048];
    term_line(&t, row, mine);
    term_line(&t, neighbour, theirs);
    assert_non_null(strstr(mine, "ISDA"));
    assert_non_null(strstr(mine, "confirmed"));
    for (int k = 0; k < t.cols; k++) {
        VTermScreenCell a = term_cell(&t, row, k), b = term_cell(&t, neighbour, k);
        if (k < col || k >= col + 24) /* outside the name: the same figures in the same places and colours */
            assert_true(vterm_color_is_equal(&a.fg, &b.fg) && vterm_color_is_equal(&a.bg, &b.bg));
        if (k >= col + 24 && k < col + 34)
            assert_int_equal(a.chars[0], b.chars[0]);
        assert_true(a.chars[0] == 0 || a.chars[0] >= 32);
        assert_true(a.chars[0] != 0x202e && a.chars[0] != 0x200b && a.chars[0] != 27);
    }
    assert_int_equal(term_find(&t, " SIM ", NULL), 0); /* nothing was cleared */
    (void)line;
    quit();
}

static void the_terminal_is_intact_after_every_way_out(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int status = 0;
        open_desk(30, 140, NULL);
        assert_true(t.alternate);
        assert_false(t.cursor);
        kill(t.pid, signals[i]);
        for (int64_t until = millis() + 5000; millis() < until && waitpid(t.pid, &status, WNOHANG) != t.pid;)
            term_run(&t, 10);
        term_run(&t, 50);
        bool polite = signals[i] == SIGTERM || signals[i] == SIGHUP || signals[i] == SIGINT;
        assert_int_equal(WIFEXITED(status), polite);
        if (!polite)
            assert_int_equal(WTERMSIG(status), signals[i]);
        if (t.alternate || !t.cursor)
            fail_msg("after signal %d the terminal is not what it was", signals[i]);
        close(t.fd);
        vterm_free(t.vt);
    }
}

/* Under a shell with job control, as Control-Z would: a program without one is never stopped. */
static void it_stops_and_goes_on_in_the_shell(void **state)
{
    (void)state;
    char script[800], file[200], line[40];
    snprintf(file, sizeof file, "%s/pid", temp_dir());
    snprintf(script, sizeof script,
             "set -m; %s --url %s --token-file %s & echo $! > %s; fg >/dev/null; echo STOPPED; read x; fg > "
             "/dev/null; echo DONE",
             program, url, token, file);
    char *argv[] = {"/bin/bash", "-c", script, NULL}, *env[] = {home(), NULL};
    term_start(&t, 30, 140, argv, env);
    must_show("b buy", 5000);
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    kill(atoi(line), SIGTSTP);
    must_show("STOPPED", 3000);
    assert_false(t.alternate);
    assert_true(t.cursor);
    term_keys(&t, "\n");
    must_show("QUOTES", 3000);
    assert_true(t.alternate);
    term_keys(&t, "q");
    must_show("DONE", 3000);
    assert_false(t.alternate);
    int status = term_end(&t, 0);
    assert_true(WIFEXITED(status));
}

static void a_lost_link_is_told_and_comes_back_with_every_row(void **state)
{
    (void)state;
    /* Its own embedded backend: killed, started again by the workstation, nothing missed. */
    char dir[120], *argv[] = {program, NULL}, env[140], *envs[] = {env, NULL}, path[200], line[2048];
    snprintf(dir, sizeof dir, "%s", temp_dir());
    snprintf(env, sizeof env, "XDG_DATA_HOME=%s", dir);
    term_start(&t, 48, 160, argv, envs);
    must_show("b buy", 10000);
    term_keys(&t, "b3\ry"); /* y before the review has come sends nothing and types nothing */
    must_show("y sends it", 4000);
    must_show("Lots 3 ", 100);
    term_keys(&t, "y");
    must_show("filled", 4000);
    snprintf(path, sizeof path, "%s/quanta/endpoint.json", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    int pid = atoi(strstr(line, "\"pid\":") + 6);
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    must_show("NO LINK", 5000);
    must_show("link ", 15000);
    for (int64_t until = millis() + 15000; millis() < until && term_find(&t, "NO LINK", NULL) >= 0;)
        term_run(&t, 50);
    assert_true(term_find(&t, "NO LINK", NULL) < 0);
    must_show("filled", 3000);
    must_show("0 in doubt", 3000);
    term_keys(&t, "b1\r");
    must_show("y sends it", 5000);
    term_keys(&t, "y");
    must_show("BUY 1 NGF27", 5000);
    quit();
    AWAIT(access(path, F_OK) != 0, 15000); /* the backend ends 10 s after its last client */
}

static void read_only_sends_nothing(void **state)
{
    (void)state;
    open_desk(48, 160, "--readonly");
    must_show("READ ONLY", 1000);
    term_keys(&t, "b1\r");
    must_show("y sends it", 3000);
    term_keys(&t, "y");
    must_show("read only: nothing is sent", 2000);
    quit();
}

static void dangerous_commands_ask_first(void **state)
{
    (void)state;
    open_desk(48, 160, NULL);
    term_keys(&t, "H");
    must_show("HALT: stop all new orders", 2000);
    term_keys(&t, "n");
    must_show("nothing was done", 2000);
    term_keys(&t, "H");
    must_show("HALT: stop all new orders", 2000); /* asks again: no is no */
    term_keys(&t, "y");
    must_show("trading is halted", 3000);
    must_show("HALTED", 3000);
    must_show("0 working", 3000);
    term_keys(&t, ":unhalt\r");
    must_show("new orders are allowed", 3000);
    for (int64_t until = millis() + 4000; millis() < until && term_find(&t, "HALTED", NULL) >= 0;)
        term_run(&t, 50);
    assert_true(term_find(&t, "HALTED", NULL) < 0);
    quit();
}

static void other_terminals_and_what_is_wrong_with_them(void **state)
{
    (void)state;
    static char *const good[] = {"TERM=screen", "TERM=tmux-256color", "TERM=linux", "TERM=vt100",
                                 "TERM=vt220"};
    char *argv[] = {program, "--url", url, "--token-file", token, NULL}, out[2000];
    for (int i = 0; i < 5; i++) {
        char *env[] = {good[i], home(), NULL};
        term_start(&t, 30, 120, argv, env);
        if (term_wait(&t, "QUOTES", 5000) < 0)
            fail_msg("%s shows no desk", good[i]);
        term_keys(&t, "q");
        int status = term_end(&t, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    static char *const bad[] = {"TERM=nosuch", "TERM=dumb"};
    for (int i = 0; i < 2; i++) {
        char *env[] = {bad[i], home(), NULL};
        term_start(&t, 30, 120, argv, env);
        int status = 0;
        for (int64_t until = millis() + 5000; millis() < until && waitpid(t.pid, &status, WNOHANG) != t.pid;)
            term_run(&t, 10);
        term_run(&t, 20);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 2);
        assert_true(term_find(&t, "try TERM=xterm-256color", NULL) == 0);
        close(t.fd);
        vterm_free(t.vt);
    }
    char *none[] = {program, NULL};
    assert_int_equal(run_program(none, out, sizeof out), 2);
    assert_string_equal(out, "quanta-tui: there is no terminal here; use --screenshot or -e\n");
}

static void no_color_means_no_colour(void **state)
{
    (void)state;
    char *argv[] = {program, "--url", url, "--token-file", token, NULL};
    char *env[] = {"NO_COLOR=1", home(), NULL};
    term_start(&t, 48, 160, argv, env);
    must_show("b buy", 5000);
    VTermScreenCell first = term_cell(&t, 5, 5);
    for (int row = 0; row < 48; row++)
        for (int col = 0; col < 160; col++) {
            VTermScreenCell c = term_cell(&t, row, col);
            assert_true(vterm_color_is_equal(&c.fg, &first.fg) && vterm_color_is_equal(&c.bg, &first.bg));
        }
    quit();
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_screen_is_a_working_desk),
        cmocka_unit_test(an_order_goes_from_key_to_fill),
        cmocka_unit_test(a_refusal_shows_rule_limit_and_value_under_its_row_and_in_red),
        cmocka_unit_test(a_wrong_price_or_instrument_gets_one_clear_line),
        cmocka_unit_test(rows_filter_sort_and_drill),
        cmocka_unit_test(help_lists_the_keys_of_the_pane_it_was_asked_in),
        cmocka_unit_test(any_size_is_drawn_and_too_small_says_so),
        cmocka_unit_test(hostile_text_cannot_touch_a_neighbouring_cell),
        cmocka_unit_test(the_terminal_is_intact_after_every_way_out),
        cmocka_unit_test(it_stops_and_goes_on_in_the_shell),
        cmocka_unit_test(a_lost_link_is_told_and_comes_back_with_every_row),
        cmocka_unit_test(read_only_sends_nothing),
        cmocka_unit_test(dangerous_commands_ask_first),
        cmocka_unit_test(other_terminals_and_what_is_wrong_with_them),
        cmocka_unit_test(no_color_means_no_colour),
    };
    return cmocka_run_group_tests_name("the screen", tests, start, stop);
}
