/* One list a record: JSON, SQL, CSV, tables and the API's description are loops over it. */
#include "backend/data/audit_chain.h"
#include "backend/gateway/gateway.h"
#include "common/table.h"
#include "tests/support/support.h"

static void fill(const struct record *r, void *row, uint64_t *seed)
{
    char why[200], text[80];
    record_clear(r, row);
    for (int i = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (draw(seed) % 5 == 0 && !(f->flags & FIELD_REQUIRED))
            continue;
        int64_t n = (int64_t)(draw(seed) % 2000000000) - 1000000000;
        switch (f->kind) {
        case FIELD_UUID:
            uuid_format(&(struct uuid){.b = {1, 2, 3, (uint8_t)n}}, text);
            break;
        case FIELD_TEXT:
            snprintf(text, sizeof text, "%.*s", f->capacity < 40 ? f->capacity : 40,
                     "T\xc3\xa9xt \"q\", =1+1 <&> long enough");
            while (strlen(text) && ((unsigned char)text[strlen(text) - 1] & 0xc0) == 0xc0)
                text[strlen(text) - 1] = 0;
            break;
        case FIELD_ENUM:
            snprintf(text, sizeof text, "%s",
                     f->values->texts[1 + (uint64_t)draw(seed) % (uint64_t)(f->values->count - 1)]);
            break;
        case FIELD_DEC:
            dec_format(n, text);
            break;
        case FIELD_INT:
            snprintf(text, sizeof text, "%lld", (long long)n);
            break;
        case FIELD_TIME:
            time_format(n * 1000000007, text);
            break;
        case FIELD_DATE:
            date_format((date)(n % 30000), text);
            break;
        case FIELD_BOOL:
            snprintf(text, sizeof text, "%s", n % 2 ? "true" : "false");
            break;
        }
        if (!field_set(f, row, text, why, sizeof why))
            fail_msg("%s.%s: %s", r->name, f->name, why);
    }
}

static void every_record_survives_json(void **state)
{
    (void)state;
    uint64_t seed = test_seed(17);
    for (int i = 0; i < RECORD_COUNT; i++) {
        const struct record *r = record_of((enum record_id)i);
        void *row = calloc(1, r->size), *back = calloc(1, r->size);
        for (int k = 0; k < 50; k++) {
            struct buf b = {0}, again = {0};
            fill(r, row, &seed);
            record_json(r, row, &b);
            if (!record_parse(r, b.data, b.length, back))
                fail_msg("%s: %s", r->name, b.data);
            record_json(r, back, &again);
            assert_string_equal(again.data, b.data);
            buf_free(&b);
            buf_free(&again);
        }
        free(row);
        free(back);
    }
}

static void every_record_is_described_once_and_whole(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_COUNT; i++) {
        const struct record *r = record_of((enum record_id)i);
        assert_ptr_equal(record_named(r->name), r);
        assert_ptr_equal(record_plural(r->plural), r);
        assert_true(*r->title && *r->help);
        if (!(r->flags & RECORD_TRANSIENT))
            assert_true(r->key >= 0);
        for (int k = 0; k < r->field_count; k++) {
            const struct field *f = &r->fields[k];
            assert_true(*f->help && f->since >= 1);
            assert_true(f->offset < r->size);
            for (int j = 0; j < k; j++)
                assert_string_not_equal(r->fields[j].name, f->name);
            assert_true((f->kind == FIELD_ENUM) == (f->values != NULL));
        }
        struct buf b = {0};
        record_schema(r, &b);
        json_t *j = json_loads(b.data, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(j);
        assert_int_equal(json_object_size(json_object_get(j, "properties")), r->field_count);
        json_decref(j);
        buf_free(&b);
    }
}

static void read_order(const char *json, bool strict, const char *expected)
{
    struct order_request q;
    char why[200] = "";
    json_t *j = json_loads(json, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    assert_non_null(j);
    bool ok = record_read(RECORD(order_request), j, &q, strict, why, sizeof why);
    json_decref(j);
    if (expected) {
        assert_false(ok);
        if (!strstr(why, expected))
            fail_msg("'%s' does not say '%s'", why, expected);
    } else if (!ok)
        fail_msg("%s", why);
}

static void requests_are_read_strictly_and_messages_are_not(void **state)
{
    (void)state;
    const char *good =
        "{\"book\":\"OIL\",\"instrument\":\"CLF27\",\"side\":\"buy\",\"quantity\":\"5\",\"price\":70}";
    read_order(good, true, NULL);
    read_order("{\"book\":\"OIL\"}", true, "instrument: missing");
    read_order("{\"book\":\"OIL\",\"colour\":1}", true, "colour: unknown field");
    read_order("{\"book\":\"OIL\",\"price\":74.1}", true, "expected a decimal as a string");
    read_order("{\"book\":\"OIL\",\"side\":\"hold\"}", true, "'hold' is not one of buy, sell");
    read_order("{\"book\":7}", true, "wrong type");
    read_order("[]", true, "expected a JSON object");
    read_order("{\"book\":\"0123456789012345678901234\"}", true, "at most 24 bytes");
    read_order("{\"book\":\"OIL\",\"colour\":1}", false, NULL); /* a newer version's field */
}

static void csv_defuses_formulas_and_quotes(void **state)
{
    (void)state;
    struct deal d;
    struct buf b = {0};
    record_clear(RECORD(deal), &d);
    snprintf(d.id, sizeof d.id, "D-1");
    snprintf(d.counterparty, sizeof d.counterparty, "=HYPERLINK(\"x\"), Ltd");
    record_csv(RECORD(deal), &d, &b);
    assert_non_null(strstr(b.data, ",\"'=HYPERLINK(\"\"x\"\"), Ltd\","));
    assert_int_equal(strncmp(b.data, "D-1,", 4), 0);
    buf_free(&b);
}

static void tables_keep_rows_by_key_through_many_changes(void **state)
{
    (void)state;
    struct table t;
    uint64_t seed = test_seed(9);
    static bool there[500];
    memset(there, 0, sizeof there);
    table_init(&t, RECORD(book));
    for (int i = 0; i < 50000; i++) {
        int k = (int)(draw(&seed) % 500);
        struct book b = {.kind = BOOK_TRADING};
        snprintf(b.book, sizeof b.book, "B%d", k);
        snprintf(b.parent, sizeof b.parent, "%d", i);
        if (draw(&seed) % 3) {
            table_put(&t, &b);
            there[k] = true;
            assert_string_equal(((struct book *)table_find(&t, b.book))->parent, b.parent);
        } else {
            table_remove(&t, &b);
            there[k] = false;
        }
    }
    int live = 0;
    for (int k = 0; k < 500; k++) {
        char name[8];
        snprintf(name, sizeof name, "B%d", k);
        assert_true((table_find(&t, name) != NULL) == there[k]);
        live += there[k];
    }
    assert_int_equal(table_live(&t), live);
    table_free(&t);
}

static void the_audit_hash_covers_every_field(void **state)
{
    (void)state;
    struct audit a;
    char first[65], other[65];
    uint64_t seed = test_seed(2);
    fill(RECORD(audit), &a, &seed);
    audit_hash(&a, first);
    for (int i = 0; i < RECORD(audit)->field_count; i++) {
        const struct field *f = &RECORD(audit)->fields[i];
        struct audit changed = a;
        ((char *)&changed)[f->offset] ^= 1;
        audit_hash(&changed, other);
        assert_int_equal(strcmp(first, other) == 0, strcmp(f->name, "hash") == 0);
    }
}

static void the_committed_api_description_is_the_one_that_is_served(void **state)
{
    (void)state;
    struct buf now = {0}, kept = {0};
    char part[4096];
    size_t n;
    FILE *f = fopen("backend/gateway/openapi.json", "r");
    if (!f)
        fail_msg("backend/gateway/openapi.json is missing: make openapi");
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&kept, part, n);
    fclose(f);
    gateway_openapi(&now);
    if (strcmp(now.data, kept.data) != 0)
        fail_msg("backend/gateway/openapi.json is old: make openapi");
    json_t *j = json_loads(now.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "openapi")), "3.1.0");
    assert_true(json_object_size(json_object_get(j, "paths")) > 25);
    json_decref(j);
    buf_free(&now);
    buf_free(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_survives_json),
        cmocka_unit_test(every_record_is_described_once_and_whole),
        cmocka_unit_test(requests_are_read_strictly_and_messages_are_not),
        cmocka_unit_test(csv_defuses_formulas_and_quotes),
        cmocka_unit_test(tables_keep_rows_by_key_through_many_changes),
        cmocka_unit_test(the_audit_hash_covers_every_field),
        cmocka_unit_test(the_committed_api_description_is_the_one_that_is_served),
    };
    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
