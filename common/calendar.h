/* Business calendars: rules with exceptions, known through a date; later dates are provisional.
 *
 * Sources: NYMEX holidays as published by CME Group (observed Juneteenth from 2022), one-off closures
 * listed in calendar.c; UK bank holidays from gov.uk; TARGET closing days from the ECB decision of
 * 2000; NERC off-peak days from NERC's list of additional off-peak days. */
#pragma once
#include "common/date.h"

enum calendar { CALENDAR_NYMEX = 1, CALENDAR_UK, CALENDAR_TARGET, CALENDAR_NERC, CALENDAR_ICE };

/* "NYMEX", "UK", "TARGET", "NERC", "ICE"; 0 when unknown. */
enum calendar calendar_named(const char *name);
bool calendar_business(enum calendar calendar, date d);
/* The n-th business day after d (n > 0) or before it (n < 0); for 0, d itself or the next one. */
date calendar_add(enum calendar calendar, date d, int n);
/* The last date for which exceptions have been entered. */
date calendar_known_through(enum calendar calendar);
