#include "common/calendar.h"
#include <string.h>

enum calendar calendar_named(const char *name)
{
    static const char *const names[] = {"NYMEX", "UK", "TARGET", "NERC", "ICE"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(name, names[i]))
            return (enum calendar)(i + 1);
    return 0;
}

/* Days that no rule gives: closures and moved holidays. */
static const struct exception {
    enum calendar calendar;
    int year, month, day;
    bool open;
} exceptions[] = {
    {CALENDAR_NYMEX, 2007, 1, 2, false},  /* mourning for President Ford */
    {CALENDAR_NYMEX, 2012, 10, 29, true}, /* hurricane Sandy: NYMEX electronic trading stayed open */
    {CALENDAR_UK, 2011, 4, 29, false},    /* royal wedding */
    {CALENDAR_UK, 2012, 6, 4, false},     /* spring holiday moved, diamond jubilee */
    {CALENDAR_UK, 2012, 6, 5, false},     {CALENDAR_UK, 2012, 5, 28, true},
    {CALENDAR_UK, 2020, 5, 8, false}, /* early May holiday moved to VE day */
    {CALENDAR_UK, 2020, 5, 4, true},      {CALENDAR_UK, 2022, 6, 2, false},
    {CALENDAR_UK, 2022, 6, 3, false},                                        /* platinum jubilee */
    {CALENDAR_UK, 2022, 5, 30, true},     {CALENDAR_UK, 2022, 9, 19, false}, /* state funeral */
    {CALENDAR_UK, 2023, 5, 8, false},                                        /* coronation */
};

static date nth_weekday(int year, int month, int weekday, int n)
{
    date first = date_make(year, month, 1);
    return first + (weekday - date_weekday(first) + 7) % 7 + 7 * (n - 1);
}

static date last_weekday(int year, int month, int weekday)
{
    date last = date_make(year, month, date_days_in_month(year, month));
    return last - (date_weekday(last) - weekday + 7) % 7;
}

/* A fixed date that moves to Monday when a Sunday and, where asked, to Friday when a Saturday. */
static bool observed(date d, int year, int month, int day, bool saturday)
{
    date fixed = date_make(year, month, day);
    int w = date_weekday(fixed);
    return d == (w == 7 ? fixed + 1 : w == 6 && saturday ? fixed - 1 : fixed);
}

static bool nymex_holiday(date d, int y)
{
    if (y <= 2012 &&
        d == nth_weekday(y, 11, 4, 4) + 1) /* the Friday after Thanksgiving counted as one until 2012 */
        return true;
    return observed(d, y, 1, 1, false) || d == nth_weekday(y, 1, 1, 3) || d == nth_weekday(y, 2, 1, 3) ||
           d == date_easter(y) - 2 || d == last_weekday(y, 5, 1) ||
           (y >= 2022 && observed(d, y, 6, 19, true)) || observed(d, y, 7, 4, true) ||
           d == nth_weekday(y, 9, 1, 1) || d == nth_weekday(y, 11, 4, 4) || observed(d, y, 12, 25, true);
}

static bool nerc_holiday(date d, int y)
{
    return observed(d, y, 1, 1, false) || d == last_weekday(y, 5, 1) || observed(d, y, 7, 4, false) ||
           d == nth_weekday(y, 9, 1, 1) || d == nth_weekday(y, 11, 4, 4) || observed(d, y, 12, 25, false);
}

static bool uk_substitute(date d, int y)
{
    /* Christmas, Boxing Day and New Year on a weekend move to the next working days. */
    date christmas = date_make(y, 12, 25), new_year = date_make(y, 1, 1);
    int w = date_weekday(christmas), n = date_weekday(new_year);
    if (d == new_year || (n >= 6 && d == new_year + 8 - n))
        return true;
    if (d == christmas || d == christmas + 1)
        return true;
    return (w == 5 && d == christmas + 3) || (w == 6 && (d == christmas + 2 || d == christmas + 3)) ||
           (w == 7 && d == christmas + 2);
}

static bool uk_holiday(date d, int y)
{
    date easter = date_easter(y);
    return uk_substitute(d, y) || d == easter - 2 || d == easter + 1 || d == nth_weekday(y, 5, 1, 1) ||
           d == last_weekday(y, 5, 1) || d == last_weekday(y, 8, 1);
}

static bool target_holiday(date d, int y)
{
    date easter = date_easter(y);
    return d == date_make(y, 1, 1) || d == easter - 2 || d == easter + 1 || d == date_make(y, 5, 1) ||
           d == date_make(y, 12, 25) || d == date_make(y, 12, 26);
}

/* ICE Futures Europe energy: New Year, Good Friday and Christmas only. */
static bool ice_holiday(date d, int y)
{
    return observed(d, y, 1, 1, false) || d == date_easter(y) - 2 || observed(d, y, 12, 25, false);
}

bool calendar_business(enum calendar calendar, date d)
{
    if (date_weekday(d) >= 6)
        return false;
    int y, m, day;
    date_split(d, &y, &m, &day);
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        const struct exception *e = &exceptions[i];
        if (e->calendar == calendar && e->year == y && e->month == m && e->day == day)
            return e->open;
    }
    switch (calendar) {
    case CALENDAR_NYMEX:
        return !nymex_holiday(d, y);
    case CALENDAR_UK:
        return !uk_holiday(d, y);
    case CALENDAR_TARGET:
        return !target_holiday(d, y);
    case CALENDAR_NERC:
        return !nerc_holiday(d, y);
    case CALENDAR_ICE:
        return !ice_holiday(d, y);
    }
    return true;
}

date calendar_add(enum calendar calendar, date d, int n)
{
    int step = n < 0 ? -1 : 1;
    if (n == 0)
        while (!calendar_business(calendar, d))
            d++;
    for (; n; n -= step)
        do
            d += step;
        while (!calendar_business(calendar, d));
    return d;
}

date calendar_known_through(enum calendar calendar)
{
    (void)calendar; /* all lists were last read together */
    return date_make(2027, 12, 31);
}
