#include <stdio.h>
#include <string.h>
#include "common/text.h"
#include "tui/app.h"

void app_line_open(struct app *a, const char *text)
{
    snprintf(a->line, sizeof a->line, "%s", text);
    a->cursor = (int)strlen(a->line);
    a->past_at = a->past_count;
    a->mode = MODE_LINE;
}

static void keep(struct app *a)
{
    if (a->past_count && !strcmp(a->past[a->past_count - 1], a->line))
        return;
    if (a->past_count == PAST_ROOM)
        memmove(a->past[0], a->past[1], sizeof a->past[0] * (size_t)--a->past_count);
    memcpy(a->past[a->past_count++], a->line, LINE_ROOM);
}

/* Completes the first word as far as all commands that begin so agree. */
static void complete(struct app *a)
{
    char common[40] = "";
    size_t n = strlen(a->line);
    int found = 0;
    if (strchr(a->line, ' ') || (int)n != a->cursor)
        return;
    for (int i = 0; command_at(i); i++) {
        const char *name = command_at(i)->name;
        if (strncmp(name, a->line, n) != 0)
            continue;
        if (!found++)
            snprintf(common, sizeof common, "%s", name);
        size_t same = 0;
        while (common[same] && common[same] == name[same])
            same++;
        common[same] = 0;
    }
    if (found)
        snprintf(a->line, sizeof a->line, "%s%s", common, found == 1 ? " " : "");
    a->cursor = (int)strlen(a->line);
}

static int before(const char *line, int at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)line[at] & 0xc0) == 0x80);
    return at < 0 ? 0 : at;
}

static int after(const char *line, int at)
{
    if (line[at])
        at++;
    while (((unsigned char)line[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void cut(struct app *a, int from, int to)
{
    memmove(a->line + from, a->line + to, strlen(a->line + to) + 1);
    a->cursor = from;
}

static void insert(struct app *a, const char *text)
{
    size_t n = strlen(text), length = strlen(a->line);
    if (length + n >= sizeof a->line)
        return;
    memmove(a->line + a->cursor + n, a->line + a->cursor, length - (size_t)a->cursor + 1);
    memcpy(a->line + a->cursor, text, n);
    a->cursor += (int)n;
}

static void recall(struct app *a, int step)
{
    int at = a->past_at + step;
    if (at < 0 || at > a->past_count)
        return;
    a->past_at = at;
    snprintf(a->line, sizeof a->line, "%s", at < a->past_count ? a->past[at] : "");
    a->cursor = (int)strlen(a->line);
}

/* What stands for a typed character: Space is one too, names of other keys are not. */
static const char *typed(const char *key)
{
    uint32_t code;
    int n = text_decode(key, &code);
    return !strcmp(key, "Space") ? " " : n && !key[n] ? key : NULL;
}

static void line_key(struct app *a, const char *key)
{
    char line[LINE_ROOM];
    const char *text = typed(key);
    if (!strcmp(key, "Enter")) {
        a->mode = MODE_KEYS;
        if (*a->line)
            keep(a);
        memcpy(line, a->line, sizeof line);
        app_run(a, line);
    } else if (!strcmp(key, "Esc") || !strcmp(key, "C-c") || (!strcmp(key, "Backspace") && !*a->line))
        a->mode = MODE_KEYS;
    else if (!strcmp(key, "Backspace") && a->cursor > 0)
        cut(a, before(a->line, a->cursor), a->cursor);
    else if (!strcmp(key, "Delete"))
        cut(a, a->cursor, after(a->line, a->cursor));
    else if (!strcmp(key, "C-u"))
        cut(a, 0, a->cursor);
    else if (!strcmp(key, "Left"))
        a->cursor = before(a->line, a->cursor);
    else if (!strcmp(key, "Right"))
        a->cursor = after(a->line, a->cursor);
    else if (!strcmp(key, "Home") || !strcmp(key, "C-a"))
        a->cursor = 0;
    else if (!strcmp(key, "End") || !strcmp(key, "C-e"))
        a->cursor = (int)strlen(a->line);
    else if (!strcmp(key, "Up"))
        recall(a, -1);
    else if (!strcmp(key, "Down"))
        recall(a, 1);
    else if (!strcmp(key, "Tab"))
        complete(a);
    else if (text)
        insert(a, text);
}

void app_key(struct app *a, const char *key)
{
    *a->message = 0;
    a->urgent = true;
    if (a->mode == MODE_LINE) {
        line_key(a, key);
    } else if (a->mode == MODE_TICKET) {
        ticket_key(a, key);
    } else if (a->mode == MODE_ASK) {
        char asked[LINE_ROOM];
        memcpy(asked, a->asked, sizeof asked);
        a->mode = MODE_KEYS;
        if (!strcmp(key, "y"))
            app_run(a, asked);
        else {
            *a->asked = *a->question = 0;
            app_say(a, NORMAL, "nothing was done");
        }
    } else {
        const char *command = keymap_find(&a->keymap, app_focused(a)->ops->name, key);
        if (command)
            app_run(a, command);
        else
            app_say(a, MUTED, "%s is not bound; %s shows the keys", key,
                    keymap_key(&a->keymap, "global", "help"));
    }
}
