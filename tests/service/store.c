/* The SQLite store across versions of the program. */
#include <sqlite3.h>
#include "backend/data/store.h"
#include "tests/support/support.h"

static char file[200], address[220];

static void sql(const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int columns(const char *table)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM pragma_table_info(?)", -1, &st, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void put_order(struct store *s, int64_t seq, const char *algorithm)
{
    struct store_batch b = {.previous = seq - 1, .last = seq, .fact_count = 1};
    for (int i = 0; i < 8; i++)
        b.cursors[i] = INT64_MIN;
    struct order *o = malloc(sizeof *o);
    record_clear(RECORD(order), o);
    o->id = uuid_v8(3, seq, 1);
    snprintf(o->book, sizeof o->book, "OIL");
    snprintf(o->algorithm, sizeof o->algorithm, "%s", algorithm);
    o->quantity = DEC_INT(5);
    b.facts = calloc(1, sizeof *b.facts);
    b.facts[0] = (struct store_fact){.seq = seq, .time = seq, .record = RECORD_order, .row = o};
    assert_int_equal(s->ops->commit(s, &b), STORE_OK);
    store_batch_free(&b);
}

static void to_text(void *arg, const void *row)
{
    const struct order *o = row;
    buf_printf(arg, "%s %lld '%s'\n", o->book, (long long)(o->quantity / DEC_INT(1)), o->algorithm);
}

static struct store *open_store(void)
{
    char why[300] = "";
    struct store *s = store_open(address, why, sizeof why);
    if (!s)
        fail_msg("%s", why);
    return s;
}

static void an_older_file_gains_its_columns(void **state)
{
    (void)state;
    snprintf(file, sizeof file, "%s/old.db", temp_dir());
    snprintf(address, sizeof address, "sqlite:%s", file);
    struct store *s = open_store();
    put_order(s, 1, "twap");
    s->ops->close(s);
    int whole = columns("order");
    sql("ALTER TABLE \"order\" DROP COLUMN algorithm; ALTER TABLE \"order\" DROP COLUMN reference");
    assert_int_equal(columns("order"), whole - 2);
    s = open_store();
    put_order(s, 2, "vwap");
    struct buf rows = {0};
    assert_true(s->ops->load(s, RECORD_order, to_text, &rows));
    assert_string_equal(rows.data, "OIL 5 ''\nOIL 5 'vwap'\n");
    buf_free(&rows);
    s->ops->close(s);
    assert_int_equal(columns("order"), whole);
}

static void a_newer_file_is_refused_and_left_as_it_is(void **state)
{
    (void)state;
    char why[300] = "";
    snprintf(file, sizeof file, "%s/new.db", temp_dir());
    snprintf(address, sizeof address, "sqlite:%s", file);
    struct store *s = open_store();
    put_order(s, 1, "");
    s->ops->close(s);
    sql("UPDATE meta SET value='99' WHERE key='schema'; ALTER TABLE \"order\" DROP COLUMN algorithm");
    int before = columns("order");
    assert_null(store_open(address, why, sizeof why));
    assert_non_null(strstr(why, "schema 99 was written by a newer version (this one writes 1)"));
    assert_int_equal(columns("order"), before);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_file_gains_its_columns),
        cmocka_unit_test(a_newer_file_is_refused_and_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
