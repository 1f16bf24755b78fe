#include "common/date.h"
#include "common/clock.h"
#include <stdio.h>
#include <string.h>

/* Days from civil: Howard Hinnant, chrono-Compatible Low-Level Date Algorithms (2013). */
date date_make(int year, int month, int day)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int yoe = year - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void date_split(date d, int *year, int *month, int *day)
{
    int z = d + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2);
}

int date_weekday(date d)
{
    int w = (d + 3) % 7;
    return (w < 0 ? w + 7 : w) + 1;
}

int date_days_in_month(int year, int month)
{
    return month == 12 ? 31 : date_make(year, month + 1, 1) - date_make(year, month, 1);
}

date date_month_start(date d, int months)
{
    int y, m, day;
    date_split(d, &y, &m, &day);
    int index = y * 12 + m - 1 + months;
    return date_make(index / 12, index % 12 + 1, 1);
}

date date_easter(int y)
{
    int a = y % 19, b = y / 100, c = y % 100, d = b / 4, e = b % 4, f = (b + 8) / 25, g = (b - f + 1) / 3;
    int h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7;
    int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
    return date_make(y, n / 31, n % 31 + 1);
}

static bool digits(const char *text, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return true;
}

static bool parse_date_part(const char *t, date *out)
{
    int y, m, d;
    if (!digits(t, 4, &y) || t[4] != '-' || !digits(t + 5, 2, &m) || t[7] != '-' || !digits(t + 8, 2, &d))
        return false;
    if (m < 1 || m > 12 || d < 1 || d > date_days_in_month(y, m))
        return false;
    *out = date_make(y, m, d);
    return true;
}

bool date_parse(const char *text, date *out)
{
    return strlen(text) == 10 && parse_date_part(text, out);
}

char *date_format(date d, char out[TIME_TEXT])
{
    out[0] = 0;
    if (d != DATE_NONE) {
        int y, m, day;
        date_split(d, &y, &m, &day);
        snprintf(out, TIME_TEXT, "%04d-%02d-%02d", y, m, day);
    }
    return out;
}

char *time_format(int64_t utc, char out[TIME_TEXT])
{
    out[0] = 0;
    if (utc == TIME_NONE)
        return out;
    int64_t seconds = utc / SECOND, nanos = utc % SECOND;
    if (nanos < 0) {
        nanos += SECOND;
        seconds--;
    }
    int64_t day = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
    int rest = (int)(seconds - day * 86400), y, m, d;
    date_split((date)day, &y, &m, &d);
    int n = snprintf(out, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d, rest / 3600, rest / 60 % 60,
                     rest % 60);
    if (nanos) {
        n += snprintf(out + n, TIME_TEXT - (size_t)n, ".%09d", (int)nanos);
        while (out[n - 1] == '0')
            n--;
    }
    out[n++] = 'Z';
    out[n] = 0;
    return out;
}

bool time_parse(const char *t, int64_t *out)
{
    date d;
    int h, m, s;
    if (strlen(t) < 20 || !parse_date_part(t, &d) || t[10] != 'T' || !digits(t + 11, 2, &h) || t[13] != ':' ||
        !digits(t + 14, 2, &m) || t[16] != ':' || !digits(t + 17, 2, &s) || h > 23 || m > 59 || s > 59)
        return false;
    if (d < -106000 || d > 106000)
        return false;
    int64_t nanos = 0, unit = 100000000;
    t += 19;
    if (*t == '.') {
        if (t[1] == 'Z')
            return false;
        for (t++; *t >= '0' && *t <= '9' && unit; t++, unit /= 10)
            nanos += (*t - '0') * unit;
    }
    if (t[0] != 'Z' || t[1])
        return false;
    *out = ((int64_t)d * 86400 + h * 3600 + m * 60 + s) * SECOND + nanos;
    return true;
}
