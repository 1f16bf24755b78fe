/* The commands of the groups orders and compliance; commands.c puts them into its table. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct app;
bool do_book(struct app *a, const char *args);
bool do_buy(struct app *a, const char *args);
bool do_sell(struct app *a, const char *args);
bool do_replace(struct app *a, const char *args);
bool do_cancel(struct app *a, const char *args);
bool do_cancel_all(struct app *a, const char *args);
bool do_halt(struct app *a, const char *args);
bool do_unhalt(struct app *a, const char *args);
bool do_deal(struct app *a, const char *args);
bool do_void(struct app *a, const char *args);
bool do_ack(struct app *a, const char *args);
bool do_assign(struct app *a, const char *args);
bool do_close(struct app *a, const char *args);
bool do_limit(struct app *a, const char *args);
bool do_approve(struct app *a, const char *args);
bool do_refuse(struct app *a, const char *args);
bool do_requeue(struct app *a, const char *args);
/* The first word of *args, which then goes on behind it. */
const char *command_word(const char **args, char *out, size_t room);
