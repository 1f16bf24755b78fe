/* Fixed-point decimals: int64 millionths.
 *
 * Money and quantities are `dec`, never double. DEC_NONE is "no value": it is null in JSON and SQL and
 * blank on a screen, and any sum or product with it is none too. Results are rounded half away from
 * zero, once. A function that can overflow returns false and leaves *out alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t dec;

#define DEC_NONE     INT64_MIN
#define DEC_ONE      INT64_C(1000000)
#define DEC_TEXT     32 /* bytes that hold any formatted dec, thousands separators included */
#define DEC_INT(n)   ((dec)(n)*DEC_ONE)
#define DEC_MUST_USE __attribute__((warn_unused_result))

/* Reads [+-]digits[.digits], at most six decimals, nothing around it. */
DEC_MUST_USE bool dec_parse(const char *text, dec *out);
/* Shortest exact form ("-0.25"); "" for none. Returns the length written. */
int dec_format(dec value, char out[DEC_TEXT]);
/* Rounded to `places` (0 to 6), with commas every three digits when `group`. */
int dec_format_places(dec value, int places, bool group, char out[DEC_TEXT]);
/* Decimals needed to write `tick` exactly: 0.005 gives 3. */
int dec_places(dec tick);

DEC_MUST_USE bool dec_add(dec a, dec b, dec *out);
DEC_MUST_USE bool dec_sub(dec a, dec b, dec *out);
DEC_MUST_USE bool dec_mul(dec a, dec b, dec *out);
/* The product of n values, exact until one final rounding: lots x lot_quantity x price x price_scale. */
DEC_MUST_USE bool dec_product(const dec *values, int n, dec *out);
/* a / b and a x b / c; false on division by zero too. */
DEC_MUST_USE bool dec_div(dec a, dec b, dec *out);
DEC_MUST_USE bool dec_muldiv(dec a, dec b, dec c, dec *out);
/* Nearest multiple of step (step > 0), half away from zero. */
dec dec_round(dec value, dec step);
dec dec_abs(dec value);

/* For risk, the simulated market and drawing alone. */
double dec_double(dec value);
/* False for NaN, infinities and what does not fit. */
DEC_MUST_USE bool dec_from_double(double value, dec *out);
