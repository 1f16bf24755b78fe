/* Themes and keymaps: the user's files under $XDG_CONFIG_HOME/quanta first, else those that ship, which
 * are compiled in. The caller frees the text. */
#pragma once
#include <stddef.h>

/* kind is "themes" or "keymaps". NULL with one line in `why`. `where` names what was read. */
char *asset_read(const char *kind, const char *name, char *where, size_t where_room, char *why, size_t room);
/* Names that ship, separated by blanks. */
void asset_names(const char *kind, char *out, size_t room);
