#include "tui/theme.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tui/assets.h"

static const char *const names[] = {
#define R(NAME, name, help) name,
#include "tui/roles.def"
#undef R
};
static const char *const colours[] = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"};

const char *role_name(enum ink role)
{
    return names[role];
}

static bool parse_colour(const char *word, int *out)
{
    char *end;
    int bright = !strncmp(word, "bright-", 7) ? 8 : 0;
    if (!strcmp(word, "default")) {
        *out = -1;
        return true;
    }
    for (int i = 0; i < 8; i++)
        if (!strcmp(word + (bright ? 7 : 0), colours[i])) {
            *out = i + bright;
            return true;
        }
    if (*word == '#' && strlen(word) == 7) {
        long rgb = strtol(word + 1, &end, 16);
        *out = (int)(0x1000000 + rgb);
        return !*end;
    }
    long n = strtol(word, &end, 10);
    *out = (int)n;
    return end != word && !*end && n >= 0 && n <= 255;
}

static bool parse_style(char *text, struct style *s, char *bad, size_t room)
{
    char *save = NULL;
    bool background = false, any = false;
    *s = (struct style){-1, -1, false, false, false, false};
    for (char *w = strtok_r(text, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        int colour;
        snprintf(bad, room, "%s", w);
        if (!strcmp(w, "on"))
            background = true;
        else if (!strcmp(w, "bold"))
            s->bold = true;
        else if (!strcmp(w, "dim"))
            s->dim = true;
        else if (!strcmp(w, "underline"))
            s->underline = true;
        else if (!strcmp(w, "reverse"))
            s->reverse = true;
        else if (!parse_colour(w, &colour))
            return false;
        else if (background)
            s->bg = colour;
        else
            s->fg = colour;
        any = true;
    }
    return any;
}

static int find_role(const char *name)
{
    for (int i = 0; i < INKS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static bool parse_line(char *line, struct theme *t, char *expected, size_t room)
{
    char word[40], bad[40] = "";
    char *equals = strchr(line, '=');
    struct style s;
    if (!equals || sscanf(line, " %39[^= \t]", word) != 1) {
        snprintf(expected, room, "expected role = colours");
        return false;
    }
    int role = find_role(word);
    if (role < 0) {
        snprintf(
            expected, room,
            "'%s' is no role; expected normal, title, up, down, warn, high or another of the manual's list",
            word);
        return false;
    }
    if (!parse_style(equals + 1, &s, bad, sizeof bad)) {
        snprintf(expected, room,
                 "'%s': expected a colour name, 0 to 255, #rrggbb, on, bold, dim, underline or reverse", bad);
        return false;
    }
    t->styles[role] = s;
    return true;
}

bool theme_parse(const char *text, const char *where, struct theme *out, char *why, size_t room)
{
    char line[200], expected[160];
    int number = 0;
    *out = (struct theme){0};
    for (int i = 0; i < INKS; i++)
        out->styles[i] = (struct style){-1, -1, false, false, false, false};
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        number++;
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        p += n + (p[n] == '\n');
        char *comment = strstr(line, "# ");
        if (comment || *line == '#')
            *(comment ? comment : line) = 0;
        if (!line[strspn(line, " \t")])
            continue;
        if (!parse_line(line, out, expected, sizeof expected)) {
            snprintf(why, room, "%s:%d: %s", where, number, expected);
            return false;
        }
    }
    return true;
}

bool theme_load(const char *name, struct theme *out, char *why, size_t room)
{
    char where[400];
    char *text = asset_read("themes", name, where, sizeof where, why, room);
    bool ok = text && theme_parse(text, where, out, why, room);
    if (ok)
        snprintf(out->name, sizeof out->name, "%s", name);
    free(text);
    return ok;
}

int theme_colour(int colour, int count)
{
    if (colour < 0x1000000)
        return colour < 0 || colour < count ? colour : count >= 8 && colour < 16 ? colour - 8 : 7;
    int r = colour >> 16 & 255, g = colour >> 8 & 255, b = colour & 255;
    if (count >= 256)
        return 16 + 36 * ((r + 25) / 51) + 6 * ((g + 25) / 51) + (b + 25) / 51;
    int best = 0, distance = 1 << 30;
    for (int i = 0; i < (count >= 16 ? 16 : 8); i++) {
        int full = i >= 8 ? 255 : 170, dr = r - (i & 1 ? full : 0), dg = g - (i & 2 ? full : 0),
            db = b - (i & 4 ? full : 0);
        if (dr * dr + dg * dg + db * db < distance) {
            distance = dr * dr + dg * dg + db * db;
            best = i;
        }
    }
    return best;
}

static void sgr(const struct style *s, bool bold, struct buf *out)
{
    int fg = theme_colour(s->fg, 256), bg = theme_colour(s->bg, 256);
    buf_text(out, "\033[0");
    if (s->bold || bold)
        buf_text(out, ";1");
    if (s->dim)
        buf_text(out, ";2");
    if (s->underline)
        buf_text(out, ";4");
    if (s->reverse)
        buf_text(out, ";7");
    if (fg >= 0)
        buf_printf(out, ";38;5;%d", fg);
    if (bg >= 0)
        buf_printf(out, ";48;5;%d", bg);
    buf_char(out, 'm');
}

void theme_print(const struct theme *t, const struct canvas *c, struct buf *out)
{
    for (int y = 0; y < c->rows; y++) {
        int role = -1;
        bool bold = false;
        for (int x = 0; x < c->cols; x++) {
            const struct cell *k = &c->cells[y * c->cols + x];
            if (k->role != role || k->bold != bold)
                sgr(&t->styles[k->role], k->bold, out);
            role = k->role;
            bold = k->bold;
            buf_text(out, k->text);
        }
        buf_text(out, "\033[0m\n");
    }
}
