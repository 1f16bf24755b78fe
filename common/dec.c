#include "common/dec.h"
#include <math.h>
#include <string.h>

bool dec_parse(const char *text, dec *out)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    if (*text < '0' || *text > '9')
        return false;
    __int128 value = 0;
    int places = -1;
    for (; *text; text++) {
        if (*text == '.' && places < 0) {
            places = 0;
            continue;
        }
        if (*text < '0' || *text > '9' || places == 6)
            return false;
        value = value * 10 + (*text - '0');
        if (places >= 0)
            places++;
        if (value > (__int128)INT64_MAX)
            return false;
    }
    if (places == 0)
        return false;
    for (int i = places < 0 ? 0 : places; i < 6; i++)
        value *= 10;
    if (value > (__int128)INT64_MAX)
        return false;
    *out = negative ? -(dec)value : (dec)value;
    return true;
}

int dec_format(dec value, char out[DEC_TEXT])
{
    if (value == DEC_NONE) {
        out[0] = 0;
        return 0;
    }
    return dec_format_places(value, dec_places(value), false, out);
}

int dec_places(dec tick)
{
    int places = 6;
    if (tick == DEC_NONE)
        return 0;
    while (places > 0 && tick % 10 == 0) {
        tick /= 10;
        places--;
    }
    return places;
}

static const int64_t pow10_table[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

int dec_format_places(dec value, int places, bool group, char out[DEC_TEXT])
{
    if (value == DEC_NONE) {
        out[0] = 0;
        return 0;
    }
    places = places < 0 ? 0 : places > 6 ? 6 : places;
    value = dec_round(value, pow10_table[6 - places]);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t whole = magnitude / 1000000, part = magnitude % 1000000;
    char reversed[DEC_TEXT];
    int n = 0, length = 0, digits = 0;
    do {
        if (group && digits && digits % 3 == 0)
            reversed[n++] = ',';
        reversed[n++] = (char)('0' + whole % 10);
        whole /= 10;
        digits++;
    } while (whole);
    if (value < 0)
        out[length++] = '-';
    while (n)
        out[length++] = reversed[--n];
    if (places) {
        out[length++] = '.';
        for (int i = 0; i < places; i++) {
            out[length++] = (char)('0' + part / 100000);
            part = part % 100000 * 10;
        }
    }
    out[length] = 0;
    return length;
}

static bool narrow(__int128 value, dec *out)
{
    if (value > INT64_MAX || value <= INT64_MIN)
        return false;
    *out = (dec)value;
    return true;
}

static __int128 divide_rounded(__int128 a, __int128 b)
{
    __int128 half = (b < 0 ? -b : b) / 2, q = a / b, rest = a % b;
    __int128 size = rest < 0 ? -rest : rest, whole = b < 0 ? -b : b;
    if (size > half || (size == half && whole % 2 == 0 && size))
        q += (a < 0) == (b < 0) ? 1 : -1;
    return q;
}

bool dec_add(dec a, dec b, dec *out)
{
    if (a == DEC_NONE || b == DEC_NONE) {
        *out = DEC_NONE;
        return true;
    }
    return narrow((__int128)a + b, out);
}

bool dec_sub(dec a, dec b, dec *out)
{
    return dec_add(a, b == DEC_NONE ? b : -b, out);
}

bool dec_mul(dec a, dec b, dec *out)
{
    return dec_muldiv(a, b, DEC_ONE, out);
}

bool dec_product(const dec *values, int n, dec *out)
{
    __int128 product = 1, unit = 1;
    for (int i = 0; i < n; i++) {
        if (values[i] == DEC_NONE) {
            *out = DEC_NONE;
            return true;
        }
        if (__builtin_mul_overflow(product, (__int128)values[i], &product))
            return false;
        if (i && __builtin_mul_overflow(unit, (__int128)DEC_ONE, &unit))
            return false;
    }
    return narrow(divide_rounded(product, unit), out);
}

bool dec_div(dec a, dec b, dec *out)
{
    return dec_muldiv(a, DEC_ONE, b, out);
}

bool dec_muldiv(dec a, dec b, dec c, dec *out)
{
    if (a == DEC_NONE || b == DEC_NONE || c == DEC_NONE) {
        *out = DEC_NONE;
        return true;
    }
    return c != 0 && narrow(divide_rounded((__int128)a * b, c), out);
}

dec dec_round(dec value, dec step)
{
    if (value == DEC_NONE || step <= 1)
        return value;
    dec out;
    return narrow(divide_rounded(value, step) * step, &out) ? out : value;
}

dec dec_abs(dec value)
{
    return value == DEC_NONE || value >= 0 ? value : -value;
}

double dec_double(dec value)
{
    return value == DEC_NONE ? (double)NAN : (double)value / 1e6;
}

bool dec_from_double(double value, dec *out)
{
    double scaled = value * 1e6;
    if (!(scaled > -9.2e18 && scaled < 9.2e18))
        return false;
    *out = (dec)llround(scaled);
    return true;
}
