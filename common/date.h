/* Civil dates as days since 1970-01-01, and times as text. Proleptic Gregorian calendar. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef int32_t date;
#define DATE_NONE INT32_MIN
#define TIME_TEXT 40

date date_make(int year, int month, int day);
void date_split(date d, int *year, int *month, int *day);
/* Monday is 1, Sunday 7. */
int date_weekday(date d);
int date_days_in_month(int year, int month);
/* First day of the month that is `months` after the month of d. */
date date_month_start(date d, int months);
/* Western Easter Sunday (Meeus, Astronomical Algorithms, ch. 8). */
date date_easter(int year);
/* "2026-11-24"; the date must exist. */
bool date_parse(const char *text, date *out);
/* "2026-11-24", "" for none. */
char *date_format(date d, char out[TIME_TEXT]);
/* RFC 3339 in UTC with as many of nine decimals as needed: "2026-11-24T10:00:00.25Z". */
char *time_format(int64_t utc, char out[TIME_TEXT]);
bool time_parse(const char *text, int64_t *out);
