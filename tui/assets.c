#include "tui/assets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "built_in.h"
#include "common/buf.h"

static char *read_file(const char *path)
{
    struct buf b = {0};
    char part[4096];
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0 && b.length < 1 << 20)
        buf_add(&b, part, n);
    fclose(f);
    return b.data ? b.data : mem_text("");
}

void asset_names(const char *kind, char *out, size_t room)
{
    size_t n = strlen(kind);
    *out = 0;
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (!strncmp(assets[i].path, kind, n) && assets[i].path[n] == '/') {
            size_t used = strlen(out);
            snprintf(out + used, room - used, "%s%s", used ? " " : "", assets[i].path + n + 1);
        }
}

char *asset_read(const char *kind, const char *name, char *where, size_t where_room, char *why, size_t room)
{
    char path[400], names[300];
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (strchr(name, '/')) { /* a file by its path */
        char *text = read_file(name);
        snprintf(where, where_room, "%s", name);
        if (!text)
            snprintf(why, room, "%s: cannot be opened", name);
        return text;
    }
    if (config && *config)
        snprintf(path, sizeof path, "%s/quanta/%s/%s", config, kind, name);
    else
        snprintf(path, sizeof path, "%s/.config/quanta/%s/%s", home ? home : "", kind, name);
    char *text = read_file(path);
    if (text) {
        snprintf(where, where_room, "%s", path);
        return text;
    }
    snprintf(path, sizeof path, "%s/%s", kind, name);
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (!strcmp(assets[i].path, path)) {
            snprintf(where, where_room, "%s", path);
            return mem_text(assets[i].text);
        }
    asset_names(kind, names, sizeof names);
    snprintf(why, room, "no %.*s '%.40s'; there are: %s", (int)strlen(kind) - 1, kind, name, names);
    return NULL;
}
