/* quanta-tui: reads settings, finds or starts the backend, and hands over to the screen or to -e. */
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/config.h"
#include "common/dirs.h"
#include "common/log.h"
#include "tui/app.h"

static const struct setting settings[] = {
#define S(name, argument, fallback, help, many) {name, argument, fallback, help, many},
#include "tui/settings.def"
#undef S
};
#define SETTINGS ((int)(sizeof settings / sizeof *settings))

static struct config *config;
static struct app app;
static char why[500];

static const char *get(const char *name)
{
    return config_get(config, name);
}

static int usage(void)
{
    fprintf(stderr, "quanta-tui: %s\n", why);
    return 2;
}

static void default_dir(char *out, size_t room)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (*get("data-dir"))
        snprintf(out, room, "%s", get("data-dir"));
    else if (data && *data)
        snprintf(out, room, "%s/quanta", data);
    else
        snprintf(out, room, "%s/.local/share/quanta", home ? home : "");
}

/* quantad lies beside this program. */
static void find_quantad(char *out, size_t room)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    snprintf(out, room, "%.380s/quantad", slash ? self : ".");
}

static bool read_size(int *rows, int *cols)
{
    int used = 0;
    bool ok = sscanf(get("screenshot"), "%4dx%4d%n", cols, rows, &used) == 2 && !get("screenshot")[used] &&
              *rows >= 1 && *cols >= 1;
    if (!ok)
        snprintf(why, sizeof why, "screenshot '%s': expected COLSxROWS, such as 160x48", get("screenshot"));
    return ok;
}

static bool read_output(void)
{
    static const char *const names[] = {"table", "json", "csv"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(names[i], get("output"))) {
            app.output = (enum output)i;
            return true;
        }
    snprintf(why, sizeof why, "output '%s': expected table, json or csv", get("output"));
    return false;
}

/* Everything that can be wrong with what was asked, before a backend is started. */
static bool read_all(int *rows, int *cols)
{
    const char *theme = *get("theme") ? get("theme") : getenv("NO_COLOR") ? "mono" : "dark";
    app.readonly = *get("readonly");
    app.low_bandwidth = *get("low-bandwidth");
    app.headless = config_nth(config, "execute", 0) != NULL;
    if (!theme_load(theme, &app.theme, why, sizeof why) ||
        !keymap_load(get("keymap"), command_known, &app.keymap, why, sizeof why) || !read_output())
        return false;
    if (*get("screenshot"))
        return read_size(rows, cols);
    if (*get("ansi")) {
        snprintf(why, sizeof why, "ansi is for --screenshot");
        return false;
    }
    return app.headless || screen_possible(why, sizeof why);
}

/* Ids of orders in flight are kept beside the embedded store, or for a remote backend with the user's data.
 */
static bool open_sent(const char *dir)
{
    char path[460];
    if (!dirs_make(dir)) {
        snprintf(why, sizeof why, "data directory %s: %s", dir, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%.440s/sent", dir);
    app.sent = sent_open(path, why, sizeof why);
    return app.sent != NULL;
}

static bool open_client(const char *dir)
{
    char quantad[400];
    find_quantad(quantad, sizeof quantad);
    struct client_config c = {.data_dir = dir,
                              .quantad = quantad,
                              .user = get("user"),
                              .max_hz = app.low_bandwidth ? 4 : 10,
                              .value_hz = app.low_bandwidth ? 1 : 10};
    if (*get("url"))
        c.url = get("url");
    if (*get("token-file"))
        c.token_file = get("token-file");
    if (*get("market"))
        c.market = get("market");
    app.client = client_open(&c, why, sizeof why);
    return app.client && open_sent(dir);
}

static int work(int rows, int cols)
{
    char dir[400];
    bool screen = !*get("screenshot") && !app.headless;
    default_dir(dir, sizeof dir);
    if (screen)
        run_block_signals();
    if (!open_client(dir)) {
        fprintf(stderr, "quanta-tui: %s\n", why);
        return 1;
    }
    app_init(&app);
    app_start(&app);
    if (*get("screenshot"))
        return run_screenshot(&app, rows, cols, *get("ansi"));
    if (app.headless)
        return run_commands(&app, config);
    client_wait(app.client, 2); /* the first frame has everything */
    app.screen = screen_open(&app.theme, why, sizeof why);
    if (!app.screen)
        return usage();
    int status = run_screen(&app);
    screen_close(app.screen);
    return status;
}

int main(int argc, char **argv)
{
    struct rlimit no_core = {0, 0};
    int rows = 0, cols = 0;
    setrlimit(RLIMIT_CORE, &no_core);
    umask(077); /* what is written is its owner's */
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    if (!setlocale(LC_ALL, "") || strcmp(setlocale(LC_CTYPE, NULL), "C") == 0)
        setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 whatever the jump host says */
    config = config_new(settings, SETTINGS);
    int status = -1;
    if (!config_arguments(config, argc, argv, why, sizeof why))
        status = usage();
    else if (*get("help")) {
        printf("quanta-tui: an energy-trading workstation for the terminal\n\n");
        config_help(settings, SETTINGS);
        status = 0;
    } else if (*get("version")) {
        printf("quanta-tui 0.1\n");
        status = 0;
    } else if (!read_all(&rows, &cols))
        status = usage();
    if (status < 0)
        status = work(rows, cols);
    client_close(app.client);
    app_free(&app);
    config_free(config);
    return status;
}
