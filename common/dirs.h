/* Directories of the user's own. */
#pragma once
#include <stdbool.h>

/* Makes the directory and those above it, for their owner alone; one that stands is left as it is. False
 * with errno. */
bool dirs_make(const char *path);
