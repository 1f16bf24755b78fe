/* A SQLite VFS that loses power: what was written after a file's last sync may be dropped, reordered or torn
 * at 512-byte sectors; names made or removed since may be lost too. It works on real files through the
 * default VFS, keeps beside each the content that is surely on disk, and at the chosen call writes what a
 * disk could hold into another directory and ends the process. */
#pragma once
#include <stdint.h>

/* Registers the VFS "power". At call number `at` of write, truncate, sync or delete the files that lie in
 * `dir` are left in `after`, as a disk would have them, and the process exits with POWER_LOST. */
void power_vfs_register(const char *dir, const char *after, uint64_t seed, long at);
#define POWER_LOST 77
/* Calls counted so far. */
long power_vfs_calls(void);
