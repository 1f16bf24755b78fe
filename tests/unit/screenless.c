/* The workstation's arithmetic, without a terminal: layout, themes, keymaps, figures, cells, orders sent. */
#include <unistd.h>
#include <fcntl.h>
#include "tests/support/support.h"
#include "tui/app.h"
#include "tui/assets.h"

static void panes_share_the_screen_without_overlap(void **state)
{
    (void)state;
    uint64_t seed = test_seed(41);
    for (int run = 0; run < 500; run++) {
        struct split *root = layout_leaf(0);
        int count = 1;
        for (int i = 1; i < 6; i++) {
            assert_true(layout_split(root, (int)(draw(&seed) % (uint64_t)i), draw(&seed) % 2, i));
            count++;
        }
        for (int i = 0; i < 4; i++)
            layout_grow(root, (int)(draw(&seed) % 6), draw(&seed) % 2, (int)(draw(&seed) % 30) - 15);
        int h = 1 + (int)(draw(&seed) % 80), w = 1 + (int)(draw(&seed) % 250), list[16];
        layout_place(root, (struct rect){1, 0, h, w}, -1);
        int n = layout_list(root, list, 16);
        assert_int_equal(n, count);
        static char cells[100][260];
        memset(cells, 0, sizeof cells);
        for (int i = 0; i < n; i++) {
            struct rect r = layout_find(root, list[i])->at;
            for (int y = r.y; y < r.y + r.h; y++)
                for (int x = r.x; x < r.x + r.w; x++) {
                    assert_true(y >= 1 && y < 1 + h && x >= 0 && x < w);
                    assert_int_equal(cells[y][x]++, 0);
                }
        }
        layout_free(root);
    }
}

static void closing_gives_the_room_to_the_neighbour(void **state)
{
    (void)state;
    struct split *root =
        layout_join(true, 50, layout_leaf(0), layout_join(false, 50, layout_leaf(1), layout_leaf(2)));
    assert_true(layout_close(&root, 1));
    layout_place(root, (struct rect){0, 0, 40, 101}, -1);
    assert_int_equal(layout_find(root, 2)->at.h, 40);
    assert_int_equal(layout_find(root, 0)->at.w, 50);
    assert_int_equal(layout_find(root, 2)->at.x, 51);
    layout_place(root, (struct rect){0, 0, 40, 101}, 2);
    assert_int_equal(layout_find(root, 2)->at.w, 101);
    assert_int_equal(layout_find(root, 0)->at.w, 0);
    assert_true(layout_close(&root, 0));
    assert_false(layout_close(&root, 2));
    layout_free(root);
}

static void a_broken_theme_is_named_with_line_and_what_was_expected(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"up = green\nnonsense\n", "t:2: expected role = colours"},
        {"up = green\n\nrole = red\n", "t:3: 'role' is no role"},
        {"up = grün\n", "t:1: 'gr\xc3\xbcn': expected a colour name"},
        {"up = 256\n", "t:1: '256': expected a colour name"},
        {"up = #12345\n", "t:1: '#12345': expected"},
        {"up =\n", "t:1: '': expected"},
    };
    struct theme t;
    char why[300];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(theme_parse(bad[i][0], "t", &t, why, sizeof why));
        if (!strstr(why, bad[i][1]))
            fail_msg("'%s' gives '%s'", bad[i][0], why);
    }
    assert_true(
        theme_parse("# comment\nhigh = bright-red on #102030 bold reverse\n", "t", &t, why, sizeof why));
    assert_int_equal(t.styles[INK_HIGH].fg, 9);
    assert_int_equal(t.styles[INK_HIGH].bg, 0x1000000 + 0x102030);
    assert_true(t.styles[INK_HIGH].bold && t.styles[INK_HIGH].reverse);
    assert_int_equal(theme_colour(9, 8), 1);
    assert_int_equal(theme_colour(0x1000000 + 0xff0000, 256), 196);
    assert_false(theme_load("neon", &t, why, sizeof why));
    assert_non_null(strstr(why, "no theme 'neon'; there are: "));
}

static void the_themes_that_ship_are_whole(void **state)
{
    (void)state;
    char names[200], why[300], *save = NULL;
    asset_names("themes", names, sizeof names);
    int n = 0;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save), n++) {
        struct theme t;
        if (!theme_load(name, &t, why, sizeof why))
            fail_msg("%s", why);
        bool mono = !strcmp(name, "mono");
        assert_true(mono || t.styles[INK_UP].fg != t.styles[INK_DOWN].fg);
        assert_true(t.styles[INK_LIVE].bg != t.styles[INK_SIM].bg || mono);
    }
    assert_int_equal(n, 3);
}

static void a_broken_keymap_is_named_with_line_and_what_was_expected(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"global q\n", "k:1: expected PANE KEY COMMAND"},
        {"# fine\nglobal q quit\nladder x quit\n", "k:3: 'ladder' is no pane"},
        {"global q explode\n", "k:1: 'explode' is no command"},
    };
    struct keymap k;
    char why[300];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(keymap_parse(bad[i][0], "k", command_known, &k, why, sizeof why));
        if (!strstr(why, bad[i][1]))
            fail_msg("'%s' gives '%s'", bad[i][0], why);
    }
    assert_true(keymap_parse("global c quit\ncompliance c close\n", "k", command_known, &k, why, sizeof why));
    assert_string_equal(keymap_find(&k, "compliance", "c"), "close");
    assert_string_equal(keymap_find(&k, "quotes", "c"), "quit");
    assert_null(keymap_find(&k, "quotes", "z"));
    keymap_free(&k);
}

static void figures_are_read_at_a_glance(void **state)
{
    (void)state;
    struct shown s = {.role = NORMAL};
    format_price(D("38.4"), D("0.005"), &s);
    assert_string_equal(s.text, "38.400");
    format_signed_price(D("0.245"), D("0.005"), &s);
    assert_string_equal(s.text, "+0.245");
    assert_int_equal(s.role, UP);
    format_signed_price(D("-0.07"), D("0.005"), &s);
    assert_string_equal(s.text, "-0.070");
    assert_int_equal(s.role, DOWN);
    format_money(D("-3198.6"), &s);
    assert_string_equal(s.text, "-3,199");
    format_money(D("0.2"), &s);
    assert_string_equal(s.text, "0");
    assert_int_equal(s.role, NORMAL);
    format_money(DEC_NONE, &s);
    assert_string_equal(s.text, "");
    format_age(0, 9 * SECOND, 5 * SECOND, &s);
    assert_string_equal(s.text, "9s*");
    assert_int_equal(s.role, STALE);
}

static void text_cannot_leave_the_cells_it_was_given(void **state)
{
    (void)state;
    uint64_t seed = test_seed(43);
    for (int run = 0; run < 3000; run++) {
        struct canvas c = {0};
        canvas_resize(&c, 3, 40);
        for (int i = 0; i < 120; i++)
            memcpy(c.cells[i].text, "#", 2);
        char text[64];
        int n = (int)(draw(&seed) % 60);
        for (int i = 0; i < n; i++)
            text[i] = (char)(1 + draw(&seed) % 255);
        text[n] = 0;
        int x = (int)(draw(&seed) % 30), w = 1 + (int)(draw(&seed) % 9);
        canvas_text(&c, 1, x, w, NORMAL, text);
        for (int y = 0; y < 3; y++)
            for (int k = 0; k < 40; k++)
                if (y != 1 || k < x || k >= x + w)
                    assert_string_equal(c.cells[y * 40 + k].text, "#");
        canvas_free(&c);
    }
}

static void an_order_is_on_disk_before_it_is_sent_and_forgotten_once_answered(void **state)
{
    (void)state;
    char path[200], why[300];
    const char *what;
    struct uuid a = uuid_v7(1), b = uuid_v7(2);
    snprintf(path, sizeof path, "%s/sent", temp_dir());
    struct sent *s = sent_open(path, why, sizeof why);
    assert_non_null(s);
    assert_true(sent_add(s, &a, "BUY 1 NGF27 2.829"));
    assert_true(sent_add(s, &b, "SELL 2 TTFF27 31"));
    sent_answered(s, &a);
    sent_close(s);
    int fd = open(path, O_WRONLY | O_APPEND); /* a line cut short by a crash */
    assert_int_equal(write(fd, "+0190", 5), 5);
    close(fd);
    s = sent_open(path, why, sizeof why);
    assert_int_equal(sent_count(s), 1);
    struct uuid left = sent_at(s, 0, &what);
    assert_true(uuid_same(&left, &b));
    assert_string_equal(what, "SELL 2 TTFF27 31");
    sent_close(s);
    assert_null(sent_open("/nowhere/sent", why, sizeof why));
    assert_non_null(strstr(why, "orders cannot be sent"));
}

static void rows_come_out_as_table_json_and_csv(void **state)
{
    (void)state;
    struct book a = {.book = "OIL", .parent = "FIRM", .kind = BOOK_TRADING, .currency = "EUR"},
                b = {.book = "NG-US", .kind = BOOK_TRADING, .currency = "EUR"};
    const void *rows[] = {&a, &b};
    struct buf out = {0};
    output_rows(RECORD(book), rows, 2, OUTPUT_TABLE, &out);
    assert_string_equal(
        out.data, "book  parent kind    currency\nOIL   FIRM   trading EUR\nNG-US        trading EUR\n");
    buf_clear(&out);
    output_rows(RECORD(book), rows, 2, OUTPUT_CSV, &out);
    assert_string_equal(out.data,
                        "book,parent,kind,currency\r\nOIL,FIRM,trading,EUR\r\nNG-US,,trading,EUR\r\n");
    buf_clear(&out);
    output_rows(RECORD(book), rows, 2, OUTPUT_JSON, &out);
    json_t *j = json_loads(out.data, 0, NULL);
    assert_int_equal(json_array_size(j), 2);
    json_decref(j);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panes_share_the_screen_without_overlap),
        cmocka_unit_test(closing_gives_the_room_to_the_neighbour),
        cmocka_unit_test(a_broken_theme_is_named_with_line_and_what_was_expected),
        cmocka_unit_test(the_themes_that_ship_are_whole),
        cmocka_unit_test(a_broken_keymap_is_named_with_line_and_what_was_expected),
        cmocka_unit_test(figures_are_read_at_a_glance),
        cmocka_unit_test(text_cannot_leave_the_cells_it_was_given),
        cmocka_unit_test(an_order_is_on_disk_before_it_is_sent_and_forgotten_once_answered),
        cmocka_unit_test(rows_come_out_as_table_json_and_csv),
    };
    return cmocka_run_group_tests_name("the workstation without a screen", tests, NULL, NULL);
}
