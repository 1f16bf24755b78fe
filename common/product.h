/* Products, delivery periods and the names of instruments. */
#pragma once
#include "common/calendar.h"
#include "common/records/records.h"

enum expiry { EXPIRY_NG, EXPIRY_CL, EXPIRY_BRENT, EXPIRY_MONTH_BEFORE, EXPIRY_TWO_DAYS, EXPIRY_LAST_MONDAY };

struct product {
    const char *code, *name;
    dec lot; /* 0: 1 MW over the hours of delivery */
    const char *unit, *price_unit;
    dec price_scale;
    const char *currency;
    dec tick;
    uint8_t profile; /* enum profile */
    const char *zone;
    enum calendar calendar;
    const char *calendar_name;
    enum expiry expiry;
    bool negative;
    const char *venue;
    uint8_t changes; /* enum change_mode */
    int months;
};

const struct product *product_at(int index);           /* NULL past the last */
const struct product *product_named(const char *code); /* NULL when unknown */

/* Hours of delivery in [from, to): 23 or 25 on the days when clocks change; gas days start at 06:00;
 * German peak is 08-20 Monday to Friday, PJM peak 07-23 on NERC business days. 0 for FLAT. */
int product_hours(const struct product *p, date from, date to);
/* Last trading date of the contract for the delivery month that starts at `month`. */
date product_last_trade(const struct product *p, date month);
/* First delivery month whose contract still trades on `day`. */
date product_front(const struct product *p, date day);
/* The future for one delivery month. */
void product_instrument(const struct product *p, date month, struct instrument *out);

/* Period names after a product: F27, Q1-27, SUM-27, WIN-27, GY-27, CAL-27, D-20261124, H-20261124T17Z. */
struct period {
    const struct product *product;
    date start, end; /* half-open, whole days */
    int64_t hour;    /* instant of an hourly period, TIME_NONE otherwise */
};
/* Reads an instrument's name or a usual spelling of it (lower case, Jan-27, M+1, DA, WE, BOM, four-digit
 * years) against business day `today`. False with one line in `why`. */
bool period_parse(const char *text, date today, struct period *out, char *why, size_t room);
/* The stored name. */
void period_name(const struct period *p, char out[25]);
/* Letter of a month, 1 to 12: F G H J K M N Q U V X Z. */
char month_letter(int month);
