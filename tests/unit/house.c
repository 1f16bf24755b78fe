/* The house rules that a program can check: the include graph of DESIGN.md, curses in one file, tables. */
#include <ftw.h>
#include "tests/support/support.h"
#include "tui/app.h"

static int files, problems;

static bool starts(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* The room of a path: the longest name in the plan that it begins with. */
static const char *const rooms[] = {"common",
                                    "client",
                                    "tui",
                                    "backend/gateway",
                                    "backend/trading",
                                    "backend/risk",
                                    "backend/portfolio",
                                    "backend/compliance",
                                    "backend/data",
                                    "backend/queue",
                                    "backend/external",
                                    "backend/platform",
                                    "backend",
                                    "tests",
                                    NULL};
static int room_of(const char *path)
{
    for (int i = 0; rooms[i]; i++)
        if (starts(path, rooms[i]) && path[strlen(rooms[i])] == '/')
            return i;
    return -1;
}

/* tui -> client -> common; main -> gateway, external -> services -> data, queue, platform -> common. */
static bool allowed(const char *from, const char *to)
{
    static const char *const services[] = {"backend/trading", "backend/risk", "backend/portfolio",
                                           "backend/compliance"};
    bool from_service = false, to_service = false;
    for (int i = 0; i < 4; i++) {
        from_service |= !strcmp(from, services[i]);
        to_service |= !strcmp(to, services[i]);
    }
    bool to_floor =
        !strcmp(to, "backend/data") || !strcmp(to, "backend/queue") || !strcmp(to, "backend/platform");
    bool from_floor =
        !strcmp(from, "backend/data") || !strcmp(from, "backend/queue") || !strcmp(from, "backend/platform");
    if (!strcmp(from, to) || !strcmp(to, "common") || !strcmp(from, "tests"))
        return strcmp(from, "tests") != 0 ? strcmp(to, "common") == 0 || !strcmp(from, to) : true;
    if (!strcmp(from, "tui"))
        return !strcmp(to, "client");
    if (from_floor)
        return to_floor;
    if (from_service)
        return to_floor; /* never another service */
    if (!strcmp(from, "backend/gateway") || !strcmp(from, "backend/external"))
        return to_service || to_floor;
    return !strcmp(from, "backend") && starts(to, "backend");
}

static void check_include(const char *path, int number, const char *line)
{
    char target[200];
    bool curses = strstr(line, "curses") != NULL || strstr(line, "<term.h>") || strstr(line, "<panel.h>");
    if (sscanf(line, "#include \"%199[^\"]\"", target) != 1) {
        if (curses && strcmp(path, "tui/screen.c") != 0) {
            print_error("%s:%d: curses belongs to tui/screen.c alone\n", path, number);
            problems++;
        }
        return;
    }
    int from = room_of(path), to = room_of(target);
    if (to < 0) {
        if (strcmp(target, "built_in.h") == 0)
            return;
        print_error("%s:%d: \"%s\" is not named from the root\n", path, number, target);
        problems++;
    } else if (from >= 0 && !allowed(rooms[from], rooms[to])) {
        print_error("%s:%d: %s may not include %s\n", path, number, rooms[from], target);
        problems++;
    }
}

static int visit(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    char line[400];
    (void)st;
    (void)walk;
    size_t n = strlen(path);
    if (flag != FTW_F || n < 3 || (strcmp(path + n - 2, ".c") != 0 && strcmp(path + n - 2, ".h") != 0))
        return 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    files++;
    for (int number = 1; fgets(line, sizeof line, f); number++)
        if (starts(line, "#include"))
            check_include(path, number, line);
    fclose(f);
    return 0;
}

static void includes_run_only_downward(void **state)
{
    (void)state;
    static const char *const roots[] = {"common", "client", "tui", "backend", "tests"};
    for (int i = 0; i < 5; i++)
        assert_int_equal(nftw(roots[i], visit, 16, FTW_PHYS), 0);
    assert_true(files > 80);
    assert_int_equal(problems, 0);
}

static void the_graph_checker_bites(void **state)
{
    (void)state;
    assert_false(allowed("backend/risk", "backend/trading"));
    assert_false(allowed("common", "client"));
    assert_false(allowed("client", "tui"));
    assert_false(allowed("tui", "backend/data"));
    assert_false(allowed("backend/data", "backend/gateway"));
    assert_false(allowed("backend/trading", "backend/gateway"));
    assert_true(allowed("backend/gateway", "backend/risk"));
    assert_true(allowed("tui", "client"));
}

static void every_command_of_the_keymap_exists_and_every_command_has_help(void **state)
{
    (void)state;
    struct keymap k;
    char why[200], name[40];
    if (!keymap_load("default", command_known, &k, why, sizeof why))
        fail_msg("%s", why);
    assert_true(k.count > 30);
    for (int i = 0; i < k.count; i++) {
        sscanf(k.list[i].command, "%39s", name);
        assert_true(command_known(name));
        for (int j = 0; j < i; j++)
            assert_false(!strcmp(k.list[i].key, k.list[j].key) && !strcmp(k.list[i].pane, k.list[j].pane));
    }
    keymap_free(&k);
    for (int i = 0; command_at(i); i++) {
        assert_true(*command_at(i)->help && *command_at(i)->group);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(command_at(i)->name, command_at(j)->name);
    }
}

/* Every command, key, setting and role stands in the manual page. */
static void the_manual_page_names_every_command_setting_and_role(void **state)
{
    (void)state;
    struct buf page = {0};
    char part[4096], want[80];
    size_t n;
    FILE *f = fopen("quanta-tui.1", "r");
    if (!f)
        fail_msg("quanta-tui.1 is missing");
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        if (n)
            for (size_t i = 0; i < n; i++)
                if (part[i] != '\\') /* \- is a minus sign */
                    buf_char(&page, part[i]);
    fclose(f);
    for (int i = 0; command_at(i); i++) {
        char alone[80];
        snprintf(want, sizeof want, "\n.BR %s ", command_at(i)->name);
        snprintf(alone, sizeof alone, "\n.B %s\n", command_at(i)->name);
        if (!strstr(page.data, want) && !strstr(page.data, alone))
            fail_msg("the manual page lacks the command %s", command_at(i)->name);
    }
    for (int i = 0; i < INKS; i++)
        if (!strstr(page.data, role_name((enum ink)i)))
            fail_msg("the manual page lacks the role %s", role_name((enum ink)i));
    static const char *const settings[] = {
#define S(name, argument, fallback, help, many) "--" name,
#include "tui/settings.def"
#undef S
#define S(name, argument, fallback, help) "--" name,
#include "backend/settings.def"
#undef S
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!strstr(page.data, settings[i]) && strcmp(settings[i], "--execute") != 0)
            fail_msg("the manual page lacks %s", settings[i]);
    buf_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_run_only_downward),
        cmocka_unit_test(the_graph_checker_bites),
        cmocka_unit_test(every_command_of_the_keymap_exists_and_every_command_has_help),
        cmocka_unit_test(the_manual_page_names_every_command_setting_and_role),
    };
    return cmocka_run_group_tests_name("house rules", tests, NULL, NULL);
}
