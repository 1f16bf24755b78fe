#include "tests/support/power_vfs.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/support.h"

#define SECTOR 512
#define FILES  16

struct change {
    int64_t offset, length; /* length -1: truncate to offset */
    char *bytes;
};
struct disk { /* what a disk knows of one name */
    char name[300];
    bool used, exists; /* the name is surely there */
    char *content;     /* as of the last sync */
    int64_t size;
    struct change *changes; /* since then, in order */
    int count, room;
};
struct file {
    sqlite3_file base;
    struct disk *disk;
    sqlite3_file *real;
};

static sqlite3_vfs *real, vfs;
static sqlite3_io_methods methods;
static struct disk disks[FILES];
static char dir[200], after[200];
static uint64_t state;
static long calls, lose_at;

static struct file *self(sqlite3_file *f)
{
    return (struct file *)f;
}

static void *memory(void *old, size_t n)
{
    void *p = realloc(old, n ? n : 1);
    if (!p)
        abort();
    return p;
}

/* ---- what is left when the power goes ---- */

static void grow(char **content, int64_t *size, int64_t need)
{
    if (need <= *size)
        return;
    *content = memory(*content, (size_t)need);
    memset(*content + *size, 0, (size_t)(need - *size));
    *size = need;
}

/* Applies a random part of what was not synced: whole sectors, any of them, in any order of survival. */
static void survive(const struct disk *d, char **content, int64_t *size)
{
    int keep = (int)(draw(&state) % 101); /* percent of sectors that made it this time */
    for (int i = 0; i < d->count; i++) {
        const struct change *c = &d->changes[i];
        if (c->length < 0) {
            if ((int)(draw(&state) % 100) < keep && c->offset < *size)
                *size = c->offset;
            continue;
        }
        for (int64_t at = c->offset; at < c->offset + c->length;) {
            int64_t end = (at / SECTOR + 1) * SECTOR;
            end = end > c->offset + c->length ? c->offset + c->length : end;
            if ((int)(draw(&state) % 100) < keep) {
                grow(content, size, end);
                memcpy(*content + at, c->bytes + (at - c->offset), (size_t)(end - at));
            }
            at = end;
        }
    }
}

static void lose_power(void)
{
    for (int i = 0; i < FILES; i++) {
        struct disk *d = &disks[i];
        if (!d->used || (!d->exists && draw(&state) % 2))
            continue;
        char *content = memory(NULL, (size_t)d->size), path[600];
        int64_t size = d->size;
        if (size)
            memcpy(content, d->content, (size_t)size);
        survive(d, &content, &size);
        const char *name = strrchr(d->name, '/');
        snprintf(path, sizeof path, "%s%s", after, name ? name : d->name);
        FILE *f = fopen(path, "wb");
        if (!f || (size && fwrite(content, 1, (size_t)size, f) != (size_t)size) || fclose(f) != 0)
            abort();
        free(content);
    }
    _exit(POWER_LOST);
}

static void count_call(void)
{
    if (++calls == lose_at)
        lose_power();
}

long power_vfs_calls(void)
{
    return calls;
}

/* ---- bookkeeping ---- */

static struct disk *disk_of(const char *name, bool make)
{
    struct disk *spare = NULL;
    for (int i = 0; i < FILES; i++) {
        if (disks[i].used && !strcmp(disks[i].name, name))
            return &disks[i];
        if (!disks[i].used && !spare)
            spare = &disks[i];
    }
    if (!make)
        return NULL;
    if (!spare)
        abort();
    *spare = (struct disk){.used = true};
    snprintf(spare->name, sizeof spare->name, "%s", name);
    return spare;
}

static void forget_changes(struct disk *d)
{
    for (int i = 0; i < d->count; i++)
        free(d->changes[i].bytes);
    d->count = 0;
}

static void remember(struct disk *d, int64_t offset, const void *bytes, int64_t length)
{
    if (d->count == d->room) {
        d->room = d->room ? d->room * 2 : 64;
        d->changes = memory(d->changes, (size_t)d->room * sizeof *d->changes);
    }
    struct change *c = &d->changes[d->count++];
    *c = (struct change){offset, length, NULL};
    if (length > 0) {
        c->bytes = memory(NULL, (size_t)length);
        memcpy(c->bytes, bytes, (size_t)length);
    }
}

static void settle(struct disk *d)
{
    for (int i = 0; i < d->count; i++) {
        const struct change *c = &d->changes[i];
        if (c->length < 0) {
            if (c->offset < d->size)
                d->size = c->offset;
            continue;
        }
        grow(&d->content, &d->size, c->offset + c->length);
        memcpy(d->content + c->offset, c->bytes, (size_t)c->length);
    }
    forget_changes(d);
    d->exists = true;
}

/* ---- the file ---- */

static int x_close(sqlite3_file *f)
{
    int rc = self(f)->real->pMethods->xClose(self(f)->real);
    free(self(f)->real);
    return rc;
}
static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return self(f)->real->pMethods->xRead(self(f)->real, to, n, at);
}
static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    if (self(f)->disk) {
        remember(self(f)->disk, at, from, n);
        count_call();
    }
    return self(f)->real->pMethods->xWrite(self(f)->real, from, n, at);
}
static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (self(f)->disk) {
        remember(self(f)->disk, size, NULL, -1);
        count_call();
    }
    return self(f)->real->pMethods->xTruncate(self(f)->real, size);
}
static int x_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    if (self(f)->disk) {
        count_call(); /* the power may go before it is done */
        settle(self(f)->disk);
    }
    return SQLITE_OK;
}
static int x_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return self(f)->real->pMethods->xFileSize(self(f)->real, size);
}
static int x_lock(sqlite3_file *f, int level)
{
    return self(f)->real->pMethods->xLock(self(f)->real, level);
}
static int x_unlock(sqlite3_file *f, int level)
{
    return self(f)->real->pMethods->xUnlock(self(f)->real, level);
}
static int x_reserved(sqlite3_file *f, int *out)
{
    return self(f)->real->pMethods->xCheckReservedLock(self(f)->real, out);
}
static int x_control(sqlite3_file *f, int op, void *arg)
{
    return self(f)->real->pMethods->xFileControl(self(f)->real, op, arg);
}
static int x_sector(sqlite3_file *f)
{
    (void)f;
    return SECTOR;
}
static int x_character(sqlite3_file *f)
{
    (void)f;
    return 0; /* no promise of any kind */
}
static int x_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return self(f)->real->pMethods->xShmMap(self(f)->real, page, size, extend, out);
}
static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return self(f)->real->pMethods->xShmLock(self(f)->real, offset, n, flags);
}
static void x_barrier(sqlite3_file *f)
{
    self(f)->real->pMethods->xShmBarrier(self(f)->real);
}
static int x_unmap(sqlite3_file *f, int drop)
{
    return self(f)->real->pMethods->xShmUnmap(self(f)->real, drop);
}

static sqlite3_io_methods methods = {.iVersion = 2,
                                     .xClose = x_close,
                                     .xRead = x_read,
                                     .xWrite = x_write,
                                     .xTruncate = x_truncate,
                                     .xSync = x_sync,
                                     .xFileSize = x_size,
                                     .xLock = x_lock,
                                     .xUnlock = x_unlock,
                                     .xCheckReservedLock = x_reserved,
                                     .xFileControl = x_control,
                                     .xSectorSize = x_sector,
                                     .xDeviceCharacteristics = x_character,
                                     .xShmMap = x_map,
                                     .xShmLock = x_shm_lock,
                                     .xShmBarrier = x_barrier,
                                     .xShmUnmap = x_unmap};

static int x_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
    struct file *s = self(f);
    (void)v;
    *s = (struct file){.real = memory(NULL, (size_t)real->szOsFile)};
    memset(s->real, 0, (size_t)real->szOsFile);
    int rc = real->xOpen(real, name, s->real, flags, out);
    if (rc != SQLITE_OK) {
        free(s->real);
        return rc;
    }
    s->base.pMethods = &methods;
    if (name && !strncmp(name, dir, strlen(dir)))
        s->disk = disk_of(name, true);
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
    struct disk *d = disk_of(name, false);
    (void)v;
    if (d) {
        count_call();
        if (sync_dir || draw(&state) % 2) {
            forget_changes(d);
            d->used = false;
        }
    }
    return real->xDelete(real, name, sync_dir);
}

void power_vfs_register(const char *at_dir, const char *after_dir, uint64_t seed, long at)
{
    real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.zName = "power";
    vfs.szOsFile = (int)sizeof(struct file);
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    vfs.pNext = NULL;
    snprintf(dir, sizeof dir, "%s", at_dir);
    snprintf(after, sizeof after, "%s", after_dir);
    state = seed ? seed : 1;
    lose_at = at;
    calls = 0;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        abort();
}
