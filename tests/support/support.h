/* What every suite uses: private directories that end with the process, the data folder, a seeded draw. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/dec.h"

/* A new private directory, removed with everything in it when the process ends. */
const char *temp_dir(void);
/* ../shared/data, or NULL when it is not there: then the test skips itself and says so. */
const char *shared_data(void);
#define NEED_DATA()                                                                                          \
    do                                                                                                       \
        if (!shared_data()) {                                                                                \
            print_message("skipped: shared/data is not here\n");                                             \
            skip();                                                                                          \
        }                                                                                                    \
    while (0)
/* make soak: literal numbers and durations. */
bool soak(void);
/* Seed of a randomised test: $QUANTA_SEED or the default; printed. */
uint64_t test_seed(uint64_t fallback);
uint64_t draw(uint64_t *state);
/* A decimal that must parse. */
dec D(const char *text);
/* Where the programs are: $QUANTA_BUILD or build. */
const char *build_dir(void);
/* Milliseconds on the monotonic clock. */
int64_t millis(void);
/* Asks every 2 ms until it holds; fails after `ms`. */
#define AWAIT(condition, ms)                                                                                 \
    do {                                                                                                     \
        int64_t await_end = millis() + (ms);                                                                 \
        bool await_met;                                                                                      \
        while (!(await_met = (condition)) && millis() < await_end)                                           \
            rest_ms(2);                                                                                      \
        if (!await_met)                                                                                      \
            fail_msg("%s: not so within %d ms", #condition, (int)(ms));                                      \
    } while (0)
void rest_ms(int ms);
