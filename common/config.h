/* Settings: one table a program, from which the command line, the configuration file, the help and the
 * manual's list are made. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct setting {
    const char *name;     /* --name VALUE, or name = VALUE in a file */
    const char *argument; /* what VALUE is, for help; NULL: a switch */
    const char *fallback; /* "" when there is none */
    const char *help;
    bool many; /* may be given more than once */
};
struct config;
struct config *config_new(const struct setting *table, int count);
void config_free(struct config *c);
/* Lines of `name = value`; # begins a comment. What the command line has set already stays. */
bool config_file(struct config *c, const char *path, char *why, size_t room);
bool config_arguments(struct config *c, int argc, char **argv, char *why, size_t room);
/* The value, or the fallback; "1" for a switch that was given and "" for one that was not. */
const char *config_get(const struct config *c, const char *name);
/* The n-th value of a setting that may be given many times; NULL past the last. */
const char *config_nth(const struct config *c, const char *name, int n);
void config_help(const struct setting *table, int count);
/* An option of an address such as scheme://host?name=value&...: its value, "" when it is not there. */
const char *config_option(const char *address, const char *name, char *out, size_t room);
