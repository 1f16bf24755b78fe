/* Figures as people read them. None is blank; zero is 0. */
#pragma once
#include "common/records/records.h"
#include "tui/canvas.h"

#define CELL_TEXT 160
struct shown {
    char text[CELL_TEXT];
    enum ink role;
};
void format_price(dec v, dec tick, struct shown *out);
void format_signed_price(dec v, dec tick, struct shown *out); /* coloured by its sign */
void format_whole(dec v, struct shown *out);                  /* thousands, no decimals */
void format_money(dec v, struct shown *out);                  /* the same, signed and coloured */
void format_lots(dec v, struct shown *out);                   /* signed */
/* Age of a time at `now`, ns UTC: 0s, 12s, 3m, 2h, 4d; starred and stale when over `stale` ns. */
void format_age(int64_t time, int64_t now, int64_t stale, struct shown *out);
void format_clock(int64_t time, struct shown *out); /* HH:MM:SS UTC */
