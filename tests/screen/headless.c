/* Without a terminal: -e with its three forms, --screenshot, what goes wrong, two programs on one desk. */
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/server.h"

static char program[300], out[1 << 18];

/* Runs quanta-tui with these words; the exit status, output in `out`. */
static int tui(const char *const *words)
{
    char *argv[24] = {program};
    for (int i = 0; words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    return run_program(argv, out, sizeof out);
}
#define TUI(...) tui((const char *const[]){__VA_ARGS__, NULL})

static int start(void **state)
{
    (void)state;
    snprintf(program, sizeof program, "%s/quanta-tui", build_dir());
    setenv("XDG_DATA_HOME", temp_dir(), 1);
    setenv("XDG_CONFIG_HOME", temp_dir(), 1);
    return 0;
}

static int backend_pid(void)
{
    char path[200], line[400] = "";
    snprintf(path, sizeof path, "%s/quanta/endpoint.json", getenv("XDG_DATA_HOME"));
    FILE *f = fopen(path, "r");
    if (f && !fgets(line, sizeof line, f))
        *line = 0;
    if (f)
        fclose(f);
    return *line ? atoi(strstr(line, "\"pid\":") + 6) : 0;
}

static int stop(void **state)
{
    (void)state;
    int pid = backend_pid();
    if (pid) {
        kill(pid, SIGTERM);
        AWAIT(kill(pid, 0) != 0, 5000);
    }
    return 0;
}

static void a_screenshot_is_one_settled_screen(void **state)
{
    (void)state;
    assert_int_equal(TUI("--screenshot", "160x48"), 0);
    int lines = 0;
    for (char *p = out; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 48);
    static const char *const seen[] = {" SIM ", "QUOTES",     "PORTFOLIO",
                                       "RISK",  "COMPLIANCE", "BLOTTER [Orders]",
                                       "FIRM",  "3 working",  "[######"};
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        if (!strstr(out, seen[i]))
            fail_msg("'%s' is missing in\n%s", seen[i], out);
    assert_null(strchr(out, 27));
    assert_int_equal(TUI("--screenshot", "100x30", "--ansi"), 0);
    assert_non_null(strstr(out, "\033[0;1;38;5;"));
    assert_int_equal(TUI("--screenshot", "30x5"), 0);
    assert_non_null(strstr(out, "too small"));
    assert_int_equal(TUI("--screenshot", "wide"), 2);
    assert_string_equal(out, "quanta-tui: screenshot 'wide': expected COLSxROWS, such as 160x48\n");
}

static void low_bandwidth_leaves_out_what_moves_most(void **state)
{
    (void)state;
    assert_int_equal(TUI("--screenshot", "160x48", "--low-bandwidth"), 0);
    assert_null(strstr(out, " Chg "));
    assert_null(strstr(out, "BidQ"));
    assert_null(strstr(out, " Vol "));
    assert_non_null(strstr(out, " Bid "));
}

static void commands_print_tables_json_and_csv(void **state)
{
    (void)state;
    assert_int_equal(TUI("-e", "list books"), 0);
    assert_non_null(strstr(out, "book     parent kind    currency\n"));
    assert_non_null(strstr(out, "NG-US    FIRM   trading EUR\n"));
    assert_int_equal(TUI("--output", "json", "-e", "list limits measure=var and scope~firm"), 0);
    json_t *j = json_loads(out, 0, NULL);
    assert_int_equal(json_array_size(j), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "scope")), "firm");
    json_decref(j);
    assert_int_equal(TUI("--output", "csv", "-e", "list books"), 0);
    assert_int_equal(strncmp(out, "book,parent,kind,currency\r\n", 27), 0);
    assert_int_equal(TUI("-e", "status"), 0);
    assert_non_null(strstr(out, "user trader (trader), books *, connected"));
    assert_int_equal(TUI("-e", "var"), 0);
    assert_non_null(strstr(out, "FIRM"));
}

static void an_order_is_sent_and_followed(void **state)
{
    (void)state;
    assert_int_equal(TUI("--output", "json", "-e", "buy 1 NGF27 market NG-US", "-e", "wait 1", "-e",
                         "list trades instrument=NGF27"),
                     0);
    assert_non_null(strstr(out, "\"status\":\"pending-new\""));
    assert_non_null(strstr(out, "\"side\":\"buy\",\"quantity\":\"1\""));
    assert_int_equal(TUI("-e", "buy 900 NGF27 market NG-US", "-e", "list books"), 1);
    assert_non_null(strstr(out, "REFUSED: max-quantity: 900 > 50 lots (limit L-12)"));
    assert_null(strstr(out, "parent")); /* nothing after the one that failed */
}

static void an_alert_lives_from_open_to_closed(void **state)
{
    (void)state;
    assert_int_equal(TUI("--output", "json", "-e", "list alerts rule=max-quantity"), 0);
    json_t *j = json_loads(out, 0, NULL);
    char command[80];
    assert_true(json_array_size(j) >= 1);
    int number = (int)json_integer_value(json_object_get(json_array_get(j, 0), "number"));
    json_decref(j);
    snprintf(command, sizeof command, "ack %d", number);
    assert_int_equal(TUI("-e", command), 1); /* a trader may not */
    assert_non_null(strstr(out, "may not alert"));
    assert_int_equal(TUI("--user", "compliance", "-e", command), 0);
    snprintf(command, sizeof command, "close %d called the trader", number);
    assert_int_equal(TUI("--user", "compliance", "-e", command), 0);
    assert_non_null(strstr(out, "closed"));
    assert_int_equal(TUI("--user", "compliance", "-e", command), 1);
    assert_non_null(strstr(out, "is closed"));
}

static void a_deal_and_a_limit_change_by_command(void **state)
{
    (void)state;
    assert_int_equal(TUI("-e", "deal buy 10 TTF-Q1-27 31.5 TTF-PROP Nordwind Energie"), 0);
    assert_non_null(strstr(out, "Nordwind Energie"));
    assert_int_equal(TUI("-e", "deal buy 10 TTF-Q1-27"), 1);
    assert_non_null(strstr(out, "deal: expected buy or sell"));
    assert_int_equal(TUI("--user", "risk", "-e", "limit L-12 60 expiry week"), 0);
    assert_non_null(strstr(out, "A-1"));
    assert_int_equal(TUI("--user", "risk", "-e", "approve A-1"), 1);
    assert_non_null(strstr(out, "a second person decides"));
    assert_int_equal(
        TUI("--user", "compliance", "-e", "approve A-1", "-e", "wait 0.3", "-e", "list limits number=L-12"),
        0);
    assert_non_null(strstr(out, " 60 "));
}

static void operations_close_the_date_and_the_market_pauses(void **state)
{
    (void)state;
    assert_int_equal(TUI("-e", "market pause", "-e", "wait 1.2", "-e", "list desks"), 0);
    assert_non_null(strstr(out, "paused"));
    assert_int_equal(TUI("-e", "market resume"), 0);
    assert_int_equal(TUI("-e", "market speed 5"), 1);
    assert_non_null(strstr(out, "in a replay"));
    assert_int_equal(TUI("-e", "day-roll"), 1);
    assert_non_null(strstr(out, "may not operate"));
    assert_int_equal(TUI("--user", "operations", "-e", "day-roll"), 0);
}

static void wrong_words_get_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *words[4], *says;
        int status;
    } bad[] = {
        {{"--colour", NULL}, "--colour: unknown option", 2},
        {{"--output", "xml", "-e", "status"}, "output 'xml': expected table, json or csv", 2},
        {{"--theme", "neon", "-e", "status"}, "no theme 'neon'", 2},
        {{"--keymap", "nano", "-e", "status"}, "no keymap 'nano'", 2},
        {{"-e", "explode", NULL}, "explode: no such command", 1},
        {{"-e", "buy ten NGF27 2", NULL}, "quantity: 'ten' is not a decimal number", 1},
        {{"-e", "buy 1 NGX27X 2", NULL}, "expected a product and a period", 1},
        {{"-e", "list nothing", NULL}, "expected a stream", 1},
        {{"-e", "list orders colour=red", NULL}, "unknown field: colour", 1},
        {{"-e", "wait long", NULL}, "wait 'long': expected seconds", 1},
        {{"--url", "ftp://x", "-e", "status"}, "expected http://HOST:PORT", 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *words[5] = {bad[i].words[0], bad[i].words[1], bad[i].words[2], bad[i].words[3], NULL};
        int status = tui(words);
        if (status != bad[i].status || !strstr(out, bad[i].says) ||
            strchr(out, '\n') != out + strlen(out) - 1)
            fail_msg("%s %s: %d %s", words[0], words[1], status, out);
    }
}

static void the_users_own_theme_and_keymap_come_first(void **state)
{
    (void)state;
    char dir[300], path[340];
    static const char *const kinds[] = {"themes", "keymaps"}, *const texts[] = {"up = green\nwrong line\n",
                                                                                "global q explode\n"};
    for (int i = 0; i < 2; i++) {
        snprintf(dir, sizeof dir, "mkdir -p %s/quanta/%s", getenv("XDG_CONFIG_HOME"), kinds[i]);
        assert_int_equal(system(dir), 0);
        snprintf(path, sizeof path, "%s/quanta/%s/mine", getenv("XDG_CONFIG_HOME"), kinds[i]);
        FILE *f = fopen(path, "w");
        fputs(texts[i], f);
        fclose(f);
    }
    assert_int_equal(TUI("--theme", "mine", "--screenshot", "100x30"), 2);
    assert_non_null(strstr(out, "themes/mine:2: expected role = colours"));
    assert_int_equal(TUI("--keymap", "mine", "--screenshot", "100x30"), 2);
    assert_non_null(strstr(out, "keymaps/mine:1: 'explode' is no command"));
}

static void programs_that_start_together_join_one_desk(void **state)
{
    (void)state;
    char first[300];
    snprintf(first, sizeof first, "%s", getenv("XDG_DATA_HOME"));
    setenv("XDG_DATA_HOME", temp_dir(), 1);
    char command[800];
    snprintf(command, sizeof command, "for i in 1 2 3 4; do %s -e 'list books' > %s/out$i 2>&1 & done; wait",
             program, getenv("XDG_DATA_HOME"));
    assert_int_equal(system(command), 0);
    for (int i = 1; i <= 4; i++) {
        char path[340], text[2000] = "";
        snprintf(path, sizeof path, "%s/out%d", getenv("XDG_DATA_HOME"), i);
        FILE *f = fopen(path, "r");
        size_t n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[n] = 0;
        if (!strstr(text, "DE-POWER FIRM   trading EUR"))
            fail_msg("%d: %s", i, text);
    }
    stop(NULL);
    /* What was there is found again. */
    assert_int_equal(TUI("-e", "buy 3 NGF27 market NG-US", "-e", "wait 0.5"), 0);
    stop(NULL);
    assert_int_equal(TUI("-e", "list trades instrument=NGF27"), 0);
    assert_non_null(strstr(out, "NGF27"));
    assert_int_equal(TUI("-e", "list orders qty=3"), 0);
    assert_non_null(strstr(out, "filled"));
    stop(NULL);
    setenv("XDG_DATA_HOME", first, 1);
}

static pid_t quantad_on(const char *dir, const char *address)
{
    char quantad[300], path[240];
    snprintf(quantad, sizeof quantad, "%s/quantad", build_dir());
    snprintf(path, sizeof path, "%s/endpoint.json", dir);
    unlink(path);
    pid_t pid = fork();
    if (!pid) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execl(quantad, quantad, "--data-dir", dir, "--listen", address, "--market", "sim:7", (char *)NULL);
        _exit(127);
    }
    AWAIT(access(path, F_OK) == 0, 10000);
    return pid;
}

static void a_desk_on_a_private_socket(void **state)
{
    (void)state;
    char first[200], dir[100], home[200], path[120], address[140], token[120], quantad[300];
    struct stat st;
    int status;
    snprintf(first, sizeof first, "%s", getenv("XDG_DATA_HOME"));
    snprintf(dir, sizeof dir, "%s", temp_dir());
    snprintf(home, sizeof home, "%s/not/yet", dir); /* nobody made it so far */
    setenv("XDG_DATA_HOME", home, 1);
    snprintf(path, sizeof path, "%s/desk.sock", dir);
    snprintf(address, sizeof address, "unix:%s", path);
    snprintf(token, sizeof token, "%s/token", dir);
    pid_t pid = quantad_on(dir, address);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(TUI("--url", address, "--token-file", token, "-e", "buy 3 NGF27 market NG-US", "-e",
                         "wait 0.5", "-e", "list orders qty=3"),
                     0);
    assert_non_null(strstr(out, "filled"));

    /* Neither a neighbour nor a file of somebody's is pushed aside. */
    snprintf(quantad, sizeof quantad, "%s/quantad", build_dir());
    char *second[] = {quantad, "--data-dir", (char *)(uintptr_t)temp_dir(), "--listen", address, NULL};
    assert_int_equal(run_program(second, out, sizeof out), 1);
    assert_non_null(strstr(out, "another program serves there"));
    char file[140];
    snprintf(file, sizeof file, "unix:%s", token);
    char *third[] = {quantad, "--data-dir", (char *)(uintptr_t)temp_dir(), "--listen", file, NULL};
    assert_int_equal(run_program(third, out, sizeof out), 1);
    assert_non_null(strstr(out, "a file is there that is not a socket"));
    assert_int_equal(access(token, F_OK), 0);

    /* What a killed one left behind is not in the way. */
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_int_equal(access(path, F_OK), 0);
    pid = quantad_on(dir, address);
    assert_int_equal(TUI("--url", address, "--token-file", token, "-e", "list orders qty=3"), 0);
    assert_non_null(strstr(out, "filled"));
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_not_equal(access(path, F_OK), 0);
    setenv("XDG_DATA_HOME", first, 1);
}

static void a_replay_runs_the_real_history(void **state)
{
    (void)state;
    NEED_DATA();
    char dir[200], market[300], real[300];
    snprintf(dir, sizeof dir, "%s", temp_dir());
    assert_non_null(realpath(shared_data(), real));
    snprintf(market, sizeof market, "replay:%s/prices/futures?from=2020-04-16&speed=1", real);
    assert_int_equal(TUI("--data-dir", dir, "--market", market, "--screenshot", "160x48"), 0);
    assert_int_equal(strncmp(out, " REPLAY ", 8), 0);
    assert_non_null(strstr(out, "business date 2020-04-"));
    bool negative = false; /* 20 April 2020 */
    for (int64_t until = millis() + 15000; millis() < until && !negative;) {
        assert_int_equal(
            TUI("--data-dir", dir, "--output", "csv", "-e", "list marks instrument=CLK20 and kind=official"),
            0);
        negative = strstr(out, ",-37.63,") != NULL;
    }
    assert_true(negative);
    char path[240], line[400];
    snprintf(path, sizeof path, "%s/endpoint.json", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    kill(atoi(strstr(line, "\"pid\":") + 6), SIGTERM);
    assert_int_equal(TUI("--data-dir", dir, "--market", "sim", "-e", "status"), 1);
    assert_non_null(strstr(out, "is stamped 'replay', not sim"));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_screenshot_is_one_settled_screen),
        cmocka_unit_test(low_bandwidth_leaves_out_what_moves_most),
        cmocka_unit_test(commands_print_tables_json_and_csv),
        cmocka_unit_test(an_order_is_sent_and_followed),
        cmocka_unit_test(an_alert_lives_from_open_to_closed),
        cmocka_unit_test(a_deal_and_a_limit_change_by_command),
        cmocka_unit_test(operations_close_the_date_and_the_market_pauses),
        cmocka_unit_test(wrong_words_get_one_line),
        cmocka_unit_test(the_users_own_theme_and_keymap_come_first),
        cmocka_unit_test(programs_that_start_together_join_one_desk),
        cmocka_unit_test(a_desk_on_a_private_socket),
        cmocka_unit_test(a_replay_runs_the_real_history),
    };
    return cmocka_run_group_tests_name("without a terminal", tests, start, stop);
}
