/* Foreign text, logs, settings, filters. */
#include <locale.h>
#include <unistd.h>
#include <fcntl.h>
#include "common/config.h"
#include "common/filter.h"
#include "common/log.h"
#include "common/text.h"
#include "tests/support/support.h"

#define BAD "\xef\xbf\xbd"

static void text_that_moves_hides_or_reorders_is_replaced(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Stadtwerke K\xc3\xb6ln", "Stadtwerke K\xc3\xb6ln"},
        {"a\x1b[31mb", "a" BAD "[31mb"},
        {"tab\there\r\nnext\bx", "tab" BAD "here" BAD BAD "next" BAD "x"},
        {"\xe2\x80\xae"
         "gpj",
         BAD "gpj"},                                                          /* U+202E */
        {"\xe2\x81\xa6x\xe2\x80\x8by\xef\xbb\xbfz", BAD "x" BAD "y" BAD "z"}, /* isolate, zero width, BOM */
        {"\xf3\xa0\x81\x81", BAD},                                            /* tag A */
        {"\xef\xbc\x91\xef\xbc\x92", "12"},                                   /* full-width digits */
        {"\xc2\x9b"
         "31m",
         BAD "31m"}, /* C1 CSI */
        {"\xff\xfe", BAD BAD},
        {"\xc0\xaf", BAD BAD},         /* overlong */
        {"\xed\xa0\x80", BAD BAD BAD}, /* surrogate */
    };
    char out[64];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        text_clean(pairs[i][0], out, sizeof out);
        assert_string_equal(out, pairs[i][1]);
    }
    text_clean("K\xc3\xb6ln", out, 3); /* no half character */
    assert_string_equal(out, "K");
}

static void any_bytes_become_printable_utf8(void **state)
{
    (void)state;
    uint64_t seed = test_seed(3);
    for (int i = 0; i < 20000; i++) {
        char in[40], out[120];
        int n = (int)(draw(&seed) % 39);
        for (int k = 0; k < n; k++)
            in[k] = (char)(1 + draw(&seed) % 255);
        in[n] = 0;
        text_clean(in, out, sizeof out);
        assert_true(text_valid(out, strlen(out)));
        for (const char *p = out; *p; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        char again[120];
        text_clean(out, again, sizeof again);
        assert_string_equal(again, out);
    }
}

static void widths_count_columns_not_bytes(void **state)
{
    (void)state;
    int used;
    setlocale(LC_CTYPE, "C.UTF-8");
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("K\xc3\xb6ln"), 4);
    assert_int_equal(text_width("\xe6\x9d\xb1\xe4\xba\xac"), 4);
    assert_int_equal(text_fit("\xe6\x9d\xb1\xe4\xba\xac", 3, &used), 3);
    assert_int_equal(used, 2);
    assert_true(text_fuzzy("cancel-all", "cAll"));
    assert_false(text_fuzzy("cancel", "cx"));
}

static void json_strings_are_quoted_and_valid(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_json(&b, "a\"b\\c\nd\xff\xc3\xb6");
    assert_string_equal(b.data, "\"a\\\"b\\\\c\\u000ad" BAD "\xc3\xb6\"");
    buf_clear(&b);
    buf_int(&b, INT64_MIN);
    assert_string_equal(b.data, "-9223372036854775808");
    buf_free(&b);
}

static void a_log_line_is_one_line_of_json_whatever_it_holds(void **state)
{
    (void)state;
    char path[200], line[4096];
    snprintf(path, sizeof path, "%s/log", temp_dir());
    int keep = dup(2), fd = open(path, O_CREAT | O_WRONLY, 0600);
    dup2(fd, 2);
    log_event(LOG_WARNING, "bad \"thing\"\n{\"forged\":1}", "user.name", "eve\r\n{}", NULL);
    dup2(keep, 2);
    close(fd);
    close(keep);
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, f));
    json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "log.level")), "warn");
    assert_string_equal(json_string_value(json_object_get(j, "user.name")), "eve" BAD BAD "{}");
    assert_non_null(json_object_get(j, "@timestamp"));
    assert_non_null(json_object_get(j, "ecs.version"));
    json_decref(j);
    assert_null(fgets(line, sizeof line, f));
    fclose(f);
}

static const struct setting table[] = {{"alpha", "N", "1", "a number", false},
                                       {"beta", NULL, "", "a switch", false},
                                       {"execute", "COMMAND", "", "commands", true}};

static void settings_come_from_the_command_line_before_the_file(void **state)
{
    (void)state;
    char why[300], path[200];
    struct config *c = config_new(table, 3);
    char *argv[] = {"x", "--alpha=5", "-e", "one", "-e", "two"};
    assert_true(config_arguments(c, 6, argv, why, sizeof why));
    snprintf(path, sizeof path, "%s/conf", temp_dir());
    FILE *f = fopen(path, "w");
    fputs("# comment\nalpha = 9\nbeta = 1 # on\n", f);
    fclose(f);
    assert_true(config_file(c, path, why, sizeof why));
    assert_string_equal(config_get(c, "alpha"), "5");
    assert_string_equal(config_get(c, "beta"), "1");
    assert_string_equal(config_nth(c, "execute", 1), "two");
    assert_null(config_nth(c, "execute", 2));
    config_free(c);
}

static void a_wrong_setting_is_named_with_file_line_and_what_was_expected(void **state)
{
    (void)state;
    char why[300], path[200];
    struct config *c = config_new(table, 3);
    char *unknown[] = {"x", "--gamma"}, *missing[] = {"x", "--alpha"},
         *twice[] = {"x", "--alpha", "1", "--alpha", "2"};
    assert_false(config_arguments(c, 2, unknown, why, sizeof why));
    assert_string_equal(why, "--gamma: unknown option; --help lists what there is");
    assert_false(config_arguments(c, 2, missing, why, sizeof why));
    assert_string_equal(why, "--alpha: expected N");
    assert_false(config_arguments(c, 5, twice, why, sizeof why));
    assert_non_null(strstr(why, "given twice"));
    config_free(c);
    c = config_new(table, 3);
    snprintf(path, sizeof path, "%s/conf", temp_dir());
    FILE *f = fopen(path, "w");
    fputs("alpha = 9\n\nwhat is this\n", f);
    fclose(f);
    assert_false(config_file(c, path, why, sizeof why));
    assert_non_null(strstr(why, "conf:3: 'what is this': expected a setting, = and its value"));
    config_free(c);
}

static bool passes(const char *text, const struct order *o)
{
    char why[200];
    struct filter *f = filter_new(RECORD(order), text, why, sizeof why);
    if (!f)
        fail_msg("%s: %s", text, why);
    bool yes = filter_match(f, o);
    filter_free(f);
    return yes;
}

static void filters_compare_by_kind_and_combine(void **state)
{
    (void)state;
    struct order o;
    record_clear(RECORD(order), &o);
    snprintf(o.book, sizeof o.book, "NG-US");
    snprintf(o.instrument, sizeof o.instrument, "NGF27");
    o.quantity = D("15");
    o.price = D("4.05");
    o.status = STATUS_NEW;
    o.side = SIDE_SELL;
    static const char *const yes[] = {
        "",
        "book=ng-us",
        "qty>10 and status!=filled",
        "(book~POWER or instrument=NGF27) and not in_doubt=true",
        "price>=4.05",
        "stop_price=none",
        "side=sell",
        "!qty=1",
        "qty=15 or qty=16 and price=9",
        "instrument~f27",
        "book='NG-US'",
        "trading_date=none",
    };
    static const char *const no[] = {"book=OIL",   "qty>15",       "stop_price>1",       "stop_price!=1",
                                     "price=none", "not (qty=15)", "side=buy or price<4"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(passes(yes[i], &o));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(passes(no[i], &o));
}

static void a_wrong_filter_says_where_and_what(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"colour=red", "column 7: unknown field: colour"},
        {"qty>", "expected a value"},
        {"qty", "expected = !="},
        {"qty>ten", "'ten' is not a decimal"},
        {"status=gone", "is not one of pending-new"},
        {"(qty=1", "expected )"},
        {"qty=1 qty=2", "expected and, or, or the end"},
        {"book='x", "expected a value"},
        {"((((((((((((((((((qty=1))))))))))))))))))", "too deep"},
    };
    char why[200], longest[400];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(filter_new(RECORD(order), bad[i][0], why, sizeof why));
        if (!strstr(why, bad[i][1]))
            fail_msg("%s gives '%s'", bad[i][0], why);
    }
    memset(longest, 'a', sizeof longest);
    longest[399] = 0;
    assert_null(filter_new(RECORD(order), longest, why, sizeof why));
}

static void random_filters_never_crash(void **state)
{
    (void)state;
    static const char *const words[] = {"qty", "book", "=", "!=", "~",  ">",    "(", ")",      "and", "or",
                                        "not", "!",    "1", "'",  "\"", "none", " ", "status", "new", "\xff"};
    uint64_t seed = test_seed(5);
    struct order o;
    record_clear(RECORD(order), &o);
    for (int i = 0; i < 50000; i++) {
        char text[200] = "", why[200];
        int n = (int)(draw(&seed) % 14);
        for (int k = 0; k < n; k++)
            strcat(text, words[draw(&seed) % (sizeof words / sizeof *words)]);
        struct filter *f = filter_new(RECORD(order), text, why, sizeof why);
        if (f)
            filter_match(f, &o);
        else
            assert_true(*why);
        filter_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_moves_hides_or_reorders_is_replaced),
        cmocka_unit_test(any_bytes_become_printable_utf8),
        cmocka_unit_test(widths_count_columns_not_bytes),
        cmocka_unit_test(json_strings_are_quoted_and_valid),
        cmocka_unit_test(a_log_line_is_one_line_of_json_whatever_it_holds),
        cmocka_unit_test(settings_come_from_the_command_line_before_the_file),
        cmocka_unit_test(a_wrong_setting_is_named_with_file_line_and_what_was_expected),
        cmocka_unit_test(filters_compare_by_kind_and_combine),
        cmocka_unit_test(a_wrong_filter_says_where_and_what),
        cmocka_unit_test(random_filters_never_crash),
    };
    return cmocka_run_group_tests_name("text, logs, settings, filters", tests, NULL, NULL);
}
