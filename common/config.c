#include "common/config.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"

struct value {
    const struct setting *setting;
    char *text;
};
struct config {
    const struct setting *table;
    int count;
    struct value *values;
    int used, room;
};

struct config *config_new(const struct setting *table, int count)
{
    struct config *c = mem_new(sizeof *c);
    c->table = table;
    c->count = count;
    return c;
}

void config_free(struct config *c)
{
    for (int i = 0; c && i < c->used; i++)
        free(c->values[i].text);
    if (c)
        free(c->values);
    free(c);
}

static const struct setting *find(const struct config *c, const char *name, size_t n)
{
    for (int i = 0; i < c->count; i++)
        if (strlen(c->table[i].name) == n && !memcmp(c->table[i].name, name, n))
            return &c->table[i];
    return NULL;
}

static void put(struct config *c, const struct setting *s, const char *text)
{
    if (c->used == c->room) {
        c->room = c->room ? c->room * 2 : 8;
        c->values = mem_grow(c->values, (size_t)c->room * sizeof *c->values);
    }
    c->values[c->used++] = (struct value){s, mem_text(text)};
}

const char *config_nth(const struct config *c, const char *name, int n)
{
    for (int i = 0; i < c->used; i++)
        if (!strcmp(c->values[i].setting->name, name) && n-- == 0)
            return c->values[i].text;
    return NULL;
}

const char *config_get(const struct config *c, const char *name)
{
    const char *v = config_nth(c, name, 0);
    const struct setting *s = find(c, name, strlen(name));
    return v ? v : s ? s->fallback : "";
}

static bool set(struct config *c, const struct setting *s, const char *text, const char *where, char *why,
                size_t room)
{
    if (!s->many && config_nth(c, s->name, 0)) {
        snprintf(why, room, "%s: %s is given twice", where, s->name);
        return false;
    }
    put(c, s, text);
    return true;
}

bool config_arguments(struct config *c, int argc, char **argv, char *why, size_t room)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        const char *name = !strcmp(a, "-e") ? "execute" : !strncmp(a, "--", 2) ? a + 2 : NULL;
        size_t n = name ? strcspn(name, "=") : 0;
        const struct setting *s = name ? find(c, name, n) : NULL;
        if (!s) {
            snprintf(why, room, "%s: unknown option; --help lists what there is", a);
            return false;
        }
        const char *value = "1";
        if (s->argument && name[n] == '=')
            value = name + n + 1;
        else if (s->argument && i + 1 < argc)
            value = argv[++i];
        else if (s->argument || name[n] == '=') {
            snprintf(why, room, "%s: expected %s", a, s->argument ? s->argument : "no value");
            return false;
        }
        if (!set(c, s, value, "command line", why, room))
            return false;
    }
    return true;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1]))
        s[--n] = 0;
    return s;
}

bool config_file(struct config *c, const char *path, char *why, size_t room)
{
    char line[1024], where[300];
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(why, room, "%s: cannot be opened", path);
        return false;
    }
    int given = c->used; /* from the command line: those win */
    bool ok = true;
    for (int number = 1; ok && fgets(line, sizeof line, f); number++) {
        line[strcspn(line, "#\n")] = 0;
        char *name = trim(line), *equals = strchr(name, '=');
        snprintf(where, sizeof where, "%.250s:%d", path, number);
        if (!*name)
            continue;
        if (equals)
            *equals = 0;
        name = trim(name);
        const struct setting *s = equals ? find(c, name, strlen(name)) : NULL;
        if (!s) {
            snprintf(why, room, "%s: '%.60s': expected a setting, = and its value", where, name);
            ok = false;
            continue;
        }
        bool overridden = false;
        for (int i = 0; i < given; i++)
            overridden |= c->values[i].setting == s;
        if (!overridden)
            ok = set(c, s, trim(equals + 1), where, why, room);
    }
    fclose(f);
    return ok;
}

void config_help(const struct setting *table, int count)
{
    for (int i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", table[i].name, table[i].argument ? table[i].argument : "");
        printf("  %-34s %s", left, table[i].help);
        if (*table[i].fallback)
            printf(" (default: %s)", table[i].fallback);
        printf("\n");
    }
}

const char *config_option(const char *address, const char *name, char *out, size_t room)
{
    size_t n = strlen(name);
    *out = 0;
    for (const char *p = strchr(address, '?'); p; p = strchr(p, '&'))
        if (!strncmp(++p, name, n) && p[n] == '=')
            snprintf(out, room, "%.*s", (int)strcspn(p + n + 1, "&"), p + n + 1);
    return out;
}
