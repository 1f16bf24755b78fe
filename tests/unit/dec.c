#include "common/clock.h"
#include "common/uuid.h"
#include "tests/support/support.h"

static void text_goes_in_and_out_unchanged(void **state)
{
    (void)state;
    static const char *const same[] = {
        "0", "1", "-1", "0.000001", "-0.000001", "74.1", "9223372036854.775807", "-9223372036854.775807"};
    char text[DEC_TEXT];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        dec_format(D(same[i]), text);
        assert_string_equal(text, same[i]);
    }
    assert_int_equal(D("+2.50"), 2500000);
    assert_int_equal(D("-0"), 0);
    assert_int_equal(dec_format(DEC_NONE, text), 0);
    assert_string_equal(text, "");
}

static void what_is_no_decimal_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      ".",
                                      "1.",
                                      ".5",
                                      "1.0000001",
                                      "1e3",
                                      "0x10",
                                      " 1",
                                      "1 ",
                                      "1,000",
                                      "--1",
                                      "9223372036854.775808",
                                      "99999999999999999999999999",
                                      "nan",
                                      "1.2.3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dec out = 7;
        assert_false(dec_parse(bad[i], &out));
        assert_int_equal(out, 7);
    }
}

static void rounding_is_half_away_from_zero_once(void **state)
{
    (void)state;
    dec out;
    assert_true(dec_mul(D("0.000005"), D("0.1"), &out)); /* 0.0000005 */
    assert_int_equal(out, 1);
    assert_true(dec_mul(D("-0.000005"), D("0.1"), &out));
    assert_int_equal(out, -1);
    assert_true(dec_mul(D("0.000004"), D("0.1"), &out));
    assert_int_equal(out, 0);
    assert_true(dec_div(D("1"), D("3"), &out));
    assert_int_equal(out, D("0.333333"));
    assert_true(dec_div(D("-2"), D("3"), &out));
    assert_int_equal(out, D("-0.666667"));
    assert_true(dec_div(D("5"), D("-2"), &out));
    assert_int_equal(out, D("-2.5"));
    assert_int_equal(dec_round(D("2.5"), D("1")), D("3"));
    assert_int_equal(dec_round(D("-2.5"), D("1")), D("-3"));
    assert_int_equal(dec_round(D("38.4225"), D("0.005")), D("38.425"));
    /* Exact until the end: three factors whose partial products would each round. */
    const dec f[] = {D("0.0005"), D("0.0005"), D("1000000")};
    assert_true(dec_product(f, 3, &out));
    assert_int_equal(out, D("0.25"));
}

static void overflow_is_told_and_leaves_the_result_alone(void **state)
{
    (void)state;
    dec out = 7, most = INT64_MAX;
    assert_false(dec_add(most, 1, &out));
    assert_false(dec_sub(-most, 2, &out));
    assert_false(dec_mul(most, D("2"), &out));
    assert_false(dec_div(D("1"), 0, &out));
    assert_false(dec_div(most, 1, &out));
    const dec f[] = {most, most, most, most};
    assert_false(dec_product(f, 4, &out));
    assert_false(dec_from_double(1e300, &out));
    assert_false(dec_from_double(0.0 / 0.0, &out));
    assert_int_equal(out, 7);
    assert_true(dec_sub(-most, 0, &out));
    assert_int_equal(out, -most);
}

static void none_stays_none(void **state)
{
    (void)state;
    dec out = 7;
    assert_true(dec_add(DEC_NONE, D("1"), &out));
    assert_int_equal(out, DEC_NONE);
    assert_true(dec_mul(D("2"), DEC_NONE, &out));
    assert_int_equal(out, DEC_NONE);
    assert_int_equal(dec_round(DEC_NONE, D("1")), DEC_NONE);
    assert_int_equal(dec_abs(DEC_NONE), DEC_NONE);
    assert_true(dec_sub(D("1"), DEC_NONE, &out));
    assert_int_equal(out, DEC_NONE);
}

static void figures_are_grouped_and_padded(void **state)
{
    (void)state;
    char text[DEC_TEXT];
    dec_format_places(D("-1234567.891"), 2, true, text);
    assert_string_equal(text, "-1,234,567.89");
    dec_format_places(D("999.995"), 2, true, text);
    assert_string_equal(text, "1,000.00");
    dec_format_places(D("0.5"), 0, true, text);
    assert_string_equal(text, "1");
    assert_int_equal(dec_places(D("0.005")), 3);
    assert_int_equal(dec_places(D("1")), 0);
    assert_int_equal(dec_places(1), 6);
}

static void random_sums_agree_with_wide_arithmetic(void **state)
{
    (void)state;
    uint64_t seed = test_seed(1);
    for (int i = 0; i < 100000; i++) {
        dec a = (dec)(draw(&seed) % 2000000000000) - 1000000000000,
            b = (dec)(draw(&seed) % 2000000) - 1000000, out;
        __int128 exact = (__int128)a * b, q = exact / DEC_ONE, rest = exact % DEC_ONE;
        if (rest * 2 >= DEC_ONE)
            q++;
        if (rest * 2 <= -DEC_ONE)
            q--;
        assert_true(dec_mul(a, b, &out));
        assert_true(out == (dec)q);
    }
}

static void ids_are_versioned_ordered_and_derived(void **state)
{
    (void)state;
    char text[UUID_TEXT];
    struct uuid a = uuid_v7(1000 * SECOND), b = uuid_v7(1001 * SECOND), c, d = uuid_v8(1, 77, 2),
                e = uuid_v8(1, 77, 2);
    assert_true(memcmp(&a, &b, 16) < 0);
    assert_int_equal(uuid_time(&a), 1000 * SECOND);
    uuid_format(&a, text);
    assert_int_equal(text[14], '7');
    assert_true(uuid_parse(text, &c));
    assert_true(uuid_same(&a, &c));
    assert_true(uuid_same(&d, &e));
    uuid_format(&d, text);
    assert_int_equal(text[14], '8');
    assert_false(uuid_parse("01890a5d-ac96-774b-bcce-b302099a805", &c));
    assert_false(uuid_parse("01890a5d-ac96-774b-bcceXb302099a8057", &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_in_and_out_unchanged),
        cmocka_unit_test(what_is_no_decimal_is_refused),
        cmocka_unit_test(rounding_is_half_away_from_zero_once),
        cmocka_unit_test(overflow_is_told_and_leaves_the_result_alone),
        cmocka_unit_test(none_stays_none),
        cmocka_unit_test(figures_are_grouped_and_padded),
        cmocka_unit_test(random_sums_agree_with_wide_arithmetic),
        cmocka_unit_test(ids_are_versioned_ordered_and_derived),
    };
    return cmocka_run_group_tests_name("decimals and ids", tests, NULL, NULL);
}
