/* Real servers of the test's own on this machine: started on private directories and sockets, stopped by
 * their own pid. */
#pragma once
#include "tests/support/support.h"

struct postgres {
    char dir[80], address[300];
    bool running;
};
/* False, with the reason printed, when this machine has no PostgreSQL server: the test skips itself. */
bool postgres_start(struct postgres *p);
/* A database of its own for a test; its address for store_open. */
const char *postgres_database(struct postgres *p, const char *name);
void postgres_crash(struct postgres *p);   /* as kill -9 of the server: immediate shutdown */
void postgres_restart(struct postgres *p); /* after a crash */
void postgres_stop(struct postgres *p);
/* Statements as the superuser; false when one fails. */
bool postgres_run(struct postgres *p, const char *database, const char *sql);
