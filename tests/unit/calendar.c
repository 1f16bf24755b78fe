/* Dates, zones, calendars, delivery periods, names of instruments. */
#include <time.h>
#include "common/clock.h"
#include "common/product.h"
#include "common/tz.h"
#include "tests/support/support.h"

static date day(const char *text)
{
    date d = 0;
    if (!date_parse(text, &d))
        fail_msg("'%s' is no date", text);
    return d;
}

static void dates_and_times_round_trip(void **state)
{
    (void)state;
    char text[TIME_TEXT];
    int64_t t;
    assert_int_equal(day("1970-01-01"), 0);
    assert_int_equal(day("2000-03-01") - day("2000-02-28"), 2);
    assert_int_equal(day("1900-03-01") - day("1900-02-28"), 1);
    assert_int_equal(date_weekday(day("2026-11-23")), 1);
    static const char *const bad[] = {
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "26-01-01", "2026-01-32", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        date d;
        assert_false(date_parse(bad[i], &d));
    }
    assert_true(time_parse("2026-11-24T10:00:00.25Z", &t));
    assert_string_equal(time_format(t, text), "2026-11-24T10:00:00.25Z");
    assert_string_equal(time_format(-1, text), "1969-12-31T23:59:59.999999999Z");
    assert_false(time_parse("2026-11-24T10:00:00+01:00", &t));
    assert_false(time_parse("2026-11-24T24:00:00Z", &t));
    for (date d = day("1999-01-01"); d < day("2030-01-01"); d++) {
        int y, m, n;
        date_split(d, &y, &m, &n);
        assert_int_equal(date_make(y, m, n), d);
    }
}

static void easter_falls_where_it_fell(void **state)
{
    (void)state;
    static const char *const easters[] = {"2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21",
                                          "2024-03-31", "2026-04-05", "2038-04-25"};
    for (size_t i = 0; i < sizeof easters / sizeof *easters; i++)
        assert_int_equal(date_easter(atoi(easters[i])), day(easters[i]));
}

static void power_days_have_23_24_and_25_hours(void **state)
{
    (void)state;
    const struct product *base = product_named("DEB"), *gas = product_named("TTF"),
                         *peak = product_named("DEP"), *pjm = product_named("PJMB");
    static const struct {
        const char *from;
        int base;
    } days[] = {
        {"2026-03-29", 23}, {"2026-10-25", 25}, {"2026-11-24", 24}, {"2040-03-25", 23}, {"2040-10-28", 25}};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(product_hours(base, day(days[i].from), day(days[i].from) + 1), days[i].base);
    /* The gas day of the 28th, from 06:00, is the short one. */
    assert_int_equal(product_hours(gas, day("2026-03-28"), day("2026-03-29")), 23);
    assert_int_equal(product_hours(gas, day("2026-03-29"), day("2026-03-30")), 24);
    assert_int_equal(product_hours(gas, day("2027-01-01"), day("2027-02-01")), 744);
    assert_int_equal(product_hours(gas, day("2027-03-01"), day("2027-04-01")), 743);
    assert_int_equal(product_hours(pjm, day("2026-03-08"), day("2026-03-09")), 23);
    assert_int_equal(product_hours(pjm, day("2026-11-01"), day("2026-11-02")), 25);
    assert_int_equal(product_hours(peak, day("2027-01-01"), day("2027-02-01")), 21 * 12);
    assert_int_equal(product_hours(base, day("2028-01-01"), day("2029-01-01")), 8784);
}

static void zones_answer_before_at_and_after_a_change(void **state)
{
    (void)state;
    const struct tz *tz = tz_get("Europe/Berlin");
    int second;
    assert_non_null(tz);
    int64_t change = (int64_t)day("2026-03-29") * 86400 + 3600;
    assert_int_equal(tz_offset(tz, change - 1), 3600);
    assert_int_equal(tz_offset(tz, change), 7200);
    assert_int_equal(tz_local(tz, change, &second), day("2026-03-29"));
    assert_int_equal(second, 3 * 3600);
    assert_int_equal(tz_instant(tz, day("2026-03-29"), 2 * 3600 + 1800), change); /* 02:30 does not exist */
    int64_t twice = (int64_t)day("2026-10-25") * 86400;
    assert_int_equal(tz_instant(tz, day("2026-10-25"), 2 * 3600 + 1800), twice + 1800); /* the first 02:30 */
    assert_null(tz_get("Europe/Atlantis"));
    assert_null(tz_get("../etc/passwd"));
    for (int year = 2000; year < 2060; year++) { /* against libc, at noon of each month's first day */
        setenv("TZ", "Europe/London", 1);
        for (int m = 1; m <= 12; m++) {
            time_t t = (time_t)date_make(year, m, 1) * 86400 + 43200;
            struct tm local;
            localtime_r(&t, &local);
            assert_int_equal(tz_offset(tz_get("Europe/London"), t), local.tm_gmtoff);
        }
    }
}

static void holidays_are_known(void **state)
{
    (void)state;
    static const struct {
        enum calendar calendar;
        const char *day;
        bool open;
    } list[] = {
        {CALENDAR_NYMEX, "2026-11-26", false},  {CALENDAR_NYMEX, "2026-11-27", true},
        {CALENDAR_NYMEX, "2021-06-18", true},   {CALENDAR_NYMEX, "2026-06-19", false},
        {CALENDAR_UK, "2026-12-28", false},     {CALENDAR_UK, "2022-06-02", false},
        {CALENDAR_UK, "2022-05-30", true},      {CALENDAR_TARGET, "2026-05-01", false},
        {CALENDAR_TARGET, "2026-12-26", false}, {CALENDAR_NERC, "2027-07-05", false},
        {CALENDAR_ICE, "2026-04-03", false},    {CALENDAR_ICE, "2026-04-06", true},
        {CALENDAR_UK, "2026-11-28", false},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        assert_int_equal(calendar_business(list[i].calendar, day(list[i].day)), list[i].open);
    assert_int_equal(calendar_add(CALENDAR_UK, day("2026-12-24"), 1), day("2026-12-29"));
    assert_int_equal(calendar_add(CALENDAR_UK, day("2026-12-29"), -1), day("2026-12-24"));
    assert_int_equal(calendar_add(CALENDAR_UK, day("2026-11-28"), 0), day("2026-11-30"));
    assert_true(calendar_known_through(CALENDAR_UK) >= day("2027-12-31"));
}

/* Against the published table of last trading dates, where its own year is one that has been. */
static void last_trading_dates_agree_with_the_published_table(void **state)
{
    (void)state;
    NEED_DATA();
    static const struct {
        const char *table, *product;
    } pairs[] = {
        {"cmewti", "CL"}, {"cmeng", "NG"}, {"cmeulsd", "HO"}, {"cmerbob", "RB"}, {"icebrent", "BRN"}};
    char path[300], line[300];
    int compared = 0, different = 0;
    snprintf(path, sizeof path, "%s/reference/futures-expiry-table.csv", shared_data());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char table[32], last[16];
        int year, month;
        if (sscanf(line, "%31[^,],%*[^,],%15[^,],%*[^,],%*[^,],%*[^,],%d,%d", table, last, &year, &month) !=
                4 ||
            year < 2007 || year > 2025)
            continue;
        for (size_t i = 0; i < 5; i++)
            if (!strcmp(table, pairs[i].table)) {
                date d, ours = product_last_trade(product_named(pairs[i].product), date_make(year, month, 1));
                if (!date_parse(last, &d))
                    continue;
                compared++;
                /* From 2016 the table names Brent's dates by the month after the one they belong to (ICE
                 * Futures Europe, Brent specification: two months before delivery). */
                if (i == 4 && ours != d)
                    ours = product_last_trade(product_named("BRN"), date_month_start(d, 2));
                if (ours != d) {
                    char a[TIME_TEXT];
                    different++;
                    print_message("%s %d-%02d: table %s, ours %s\n", pairs[i].product, year, month, last,
                                  date_format(ours, a));
                }
            }
    }
    fclose(f);
    print_message("%d last trading dates compared, %d different\n", compared, different);
    assert_true(compared > 1000);
    assert_true(different * 100 <= compared); /* the table has slips of its own: 1% */
}

static void usual_spellings_resolve_to_one_name(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"NGF27", "NGF27"},
        {"ngf27", "NGF27"},
        {"NG Jan-27", "NGF27"},
        {"NGF2027", "NGF27"},
        {"TTF-Q1-27", "TTF-Q1-27"},
        {"ttf-win-26", "TTF-WIN-26"},
        {"TTF-SUM-27", "TTF-SUM-27"},
        {"TTF-GY-27", "TTF-GY-27"},
        {"DEB-CAL-27", "DEB-CAL-27"},
        {"DEB-D-20261124", "DEB-D-20261124"},
        {"DEB-H-20261124T17Z", "DEB-H-20261124T17Z"},
        {"TTF-DA", "TTF-D-20261125"},
        {"TTF-M+1", "TTFZ26"},
        {"PJMBF27", "PJMBF27"},
    };
    struct period p;
    char why[160], name[25];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (!period_parse(pairs[i][0], day("2026-11-24"), &p, why, sizeof why))
            fail_msg("%s: %s", pairs[i][0], why);
        period_name(&p, name);
        assert_string_equal(name, pairs[i][1]);
    }
    assert_true(period_parse("TTF-WE", day("2026-11-24"), &p, why, sizeof why));
    assert_int_equal(p.start, day("2026-11-28"));
    assert_int_equal(p.end, day("2026-11-30"));
    assert_true(period_parse("TTF-BOM", day("2026-11-24"), &p, why, sizeof why));
    assert_int_equal(p.start, day("2026-11-25"));
    assert_int_equal(p.end, day("2026-12-01"));
    static const char *const bad[] = {
        "",        "NG", "XXF27", "NGA27", "TTF-Q5-27", "DEB-D-20260230", "NGF27x", "TTF-H-20261124T24Z",
        "\x1b[31m"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(period_parse(bad[i], day("2026-11-24"), &p, why, sizeof why));
        assert_non_null(strstr(why, "expected a product and a period"));
        assert_null(strchr(why, 27));
    }
}

static void a_ttf_lot_is_the_hours_of_its_month(void **state)
{
    (void)state;
    struct instrument i;
    product_instrument(product_named("TTF"), day("2027-03-01"), &i);
    assert_string_equal(i.instrument, "TTFH27");
    assert_int_equal(i.lot_quantity, D("743"));
    product_instrument(product_named("NG"), day("2027-03-01"), &i);
    assert_int_equal(i.lot_quantity, D("10000"));
    assert_int_equal(i.last_trade, day("2027-02-24"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_and_times_round_trip),
        cmocka_unit_test(easter_falls_where_it_fell),
        cmocka_unit_test(power_days_have_23_24_and_25_hours),
        cmocka_unit_test(zones_answer_before_at_and_after_a_change),
        cmocka_unit_test(holidays_are_known),
        cmocka_unit_test(last_trading_dates_agree_with_the_published_table),
        cmocka_unit_test(usual_spellings_resolve_to_one_name),
        cmocka_unit_test(a_ttf_lot_is_the_hours_of_its_month),
    };
    return cmocka_run_group_tests_name("calendars and periods", tests, NULL, NULL);
}
