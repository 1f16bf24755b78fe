#include "tui/sent.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "common/buf.h"

#define WHAT 80
struct entry {
    struct uuid id;
    char what[WHAT];
};
struct sent {
    int fd, count, room;
    struct entry *list;
};

static void put(struct sent *s, const struct uuid *id, const char *what)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 8;
        s->list = mem_grow(s->list, (size_t)s->room * sizeof *s->list);
    }
    s->list[s->count].id = *id;
    snprintf(s->list[s->count++].what, WHAT, "%s", what);
}

static void drop(struct sent *s, const struct uuid *id)
{
    for (int i = 0; i < s->count; i++)
        if (uuid_same(&s->list[i].id, id)) {
            s->list[i] = s->list[--s->count];
            return;
        }
}

/* Lines are `+ID WHAT` and `-ID`; one that was cut short by a crash was never sent. */
static void load(struct sent *s, FILE *f)
{
    char line[UUID_TEXT + WHAT + 4], id[UUID_TEXT];
    struct uuid u;
    while (fgets(line, sizeof line, f)) {
        size_t n = strcspn(line, "\n");
        if (!line[n])
            continue;
        line[n] = 0;
        if (sscanf(line + 1, "%36s", id) != 1 || !uuid_parse(id, &u))
            continue;
        if (*line == '+')
            put(s, &u, n > 38 ? line + 38 : "");
        else
            drop(s, &u);
    }
}

struct sent *sent_open(const char *path, char *why, size_t room)
{
    struct sent *s = mem_new(sizeof *s);
    s->fd = open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    FILE *f = s->fd >= 0 ? fopen(path, "r") : NULL;
    if (!f) {
        snprintf(why, room, "%s: %s; orders cannot be sent", path, strerror(errno));
        sent_close(s);
        return NULL;
    }
    flock(s->fd, LOCK_EX); /* another terminal may be writing */
    load(s, f);
    fclose(f);
    bool emptied = s->count || ftruncate(s->fd, 0) == 0;
    flock(s->fd, LOCK_UN);
    if (!emptied) {
        snprintf(why, room, "%s: %s; orders cannot be sent", path, strerror(errno));
        sent_close(s);
        return NULL;
    }
    return s;
}

void sent_close(struct sent *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->list);
    free(s);
}

static bool append(struct sent *s, const char *line)
{
    size_t n = strlen(line);
    flock(s->fd, LOCK_EX);
    bool ok = write(s->fd, line, n) == (ssize_t)n && fdatasync(s->fd) == 0;
    flock(s->fd, LOCK_UN);
    return ok;
}

bool sent_add(struct sent *s, const struct uuid *id, const char *what)
{
    char line[UUID_TEXT + WHAT + 4], text[UUID_TEXT];
    snprintf(line, sizeof line, "+%s %.*s\n", uuid_format(id, text), WHAT - 1, what);
    if (!append(s, line))
        return false;
    put(s, id, what);
    return true;
}

void sent_answered(struct sent *s, const struct uuid *id)
{
    char line[UUID_TEXT + 4], text[UUID_TEXT];
    snprintf(line, sizeof line, "-%s\n", uuid_format(id, text));
    size_t n = strlen(line);
    ssize_t done = write(s->fd, line, n); /* one that is lost is asked about again at the next start */
    (void)done;
    drop(s, id);
}

int sent_count(const struct sent *s)
{
    return s ? s->count : 0;
}

struct uuid sent_at(const struct sent *s, int i, const char **what)
{
    *what = s->list[i].what;
    return s->list[i].id;
}
