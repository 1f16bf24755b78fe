#include "common/records/records.h"
#include <stdio.h>
#include <string.h>
#include "common/map.h"
#include "common/text.h"

#define V(PREFIX, NAME, text) text,
#define E(name)                                                                                              \
    static const char *const texts_##name[] = {"", ENUM_##name(V)};                                          \
    static const struct enumeration enum_##name = {#name, name##_count, texts_##name};
ALL_ENUMS(E)
#undef E
#undef V

enum {
    KEY = FIELD_KEY,
    SCOPE = FIELD_SCOPE,
    PARENT = FIELD_PARENT,
    REQUIRED = FIELD_REQUIRED,
    HIDDEN = FIELD_HIDDEN,
    VERSION = FIELD_VERSION,
    PUBLIC = RECORD_PUBLIC,
    VERSIONED = RECORD_VERSIONED,
    CONFLATED = RECORD_CONFLATED,
    VALUED = RECORD_VALUED,
    TRANSIENT = RECORD_TRANSIENT,
    PRIVATE = RECORD_PRIVATE,
    SHARED = RECORD_SHARED,
};

/* Exactly one of: a scope field, a parent whose scope applies, the flag PUBLIC. */
#define BEGIN(name, plural, flags, title, help) _Static_assert((((flags)&PUBLIC) ? 1 : 0)
#define F(kind, name, cap, flags, since, unit, title, help) +(((flags) & (SCOPE | PARENT)) ? 1 : 0)
#define END(name) == 1, #name ": one of SCOPE, PARENT and PUBLIC");
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END

#define CAP_UUID(x)    0
#define CAP_TEXT(x)    x
#define CAP_ENUM(x)    0
#define CAP_DEC(x)     0
#define CAP_INT(x)     0
#define CAP_TIME(x)    0
#define CAP_DATE(x)    0
#define CAP_BOOL(x)    0
#define VALUES_UUID(x) NULL
#define VALUES_TEXT(x) NULL
#define VALUES_ENUM(x) &enum_##x
#define VALUES_DEC(x)  NULL
#define VALUES_INT(x)  NULL
#define VALUES_TIME(x) NULL
#define VALUES_DATE(x) NULL
#define VALUES_BOOL(x) NULL

#define BEGIN(name, plural, flags, title, help)                                                              \
    static const struct field *fields_##name(int *count)                                                     \
    {                                                                                                        \
        typedef struct name row;                                                                             \
        static const struct field list[] = {
#define F(kind, name, cap, flags, since, unit, title, help)                                                  \
    {#name, FIELD_##kind, CAP_##kind(cap),    VALUES_##kind(cap), flags, since, unit,                        \
     title, help,         offsetof(row, name)},
#define END(name)                                                                                            \
    }                                                                                                        \
    ;                                                                                                        \
    _Static_assert(sizeof list / sizeof *list <= 64, "sets of fields are 64 bits wide");                     \
    *count = (int)(sizeof list / sizeof *list);                                                              \
    return list;                                                                                             \
    }
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END

static struct record all[RECORD_COUNT] = {
#define BEGIN(name, plural, flags, title, help)                                                              \
    {#name, #plural, flags, title, help, NULL, 0, sizeof(struct name), -1, -1, -1, -1},
#define F(kind, name, cap, flags, since, unit, title, help)
#define END(name)
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END
};

__attribute__((constructor)) static void fill(void)
{
    int i = 0;
#define BEGIN(name, plural, flags, title, help) all[i].fields = fields_##name(&all[i].field_count), i++;
#define F(kind, name, cap, flags, since, unit, title, help)
#define END(name)
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END
    for (i = 0; i < RECORD_COUNT; i++)
        for (int f = 0; f < all[i].field_count; f++) {
            unsigned flags = all[i].fields[f].flags;
            if (flags & FIELD_KEY)
                all[i].key = f;
            if (flags & FIELD_SCOPE)
                all[i].scope = f;
            if (flags & FIELD_PARENT)
                all[i].parent = f;
            if (flags & FIELD_VERSION)
                all[i].version = f;
        }
}

const struct record *record_of(enum record_id id)
{
    return &all[id];
}

enum record_id record_index(const struct record *r)
{
    return (enum record_id)(r - all);
}

const struct record *record_named(const char *name)
{
    for (int i = 0; i < RECORD_COUNT; i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    return NULL;
}

const struct record *record_plural(const char *plural)
{
    for (int i = 0; i < RECORD_COUNT; i++)
        if (!strcmp(all[i].plural, plural))
            return &all[i];
    return NULL;
}

static const char *const short_forms[][2] = {
    {"qty", "quantity"},         {"px", "price"},          {"tif", "time_in_force"},
    {"instr", "instrument"},     {"avg", "average_price"}, {"filled", "filled_quantity"},
    {"done", "filled_quantity"}, {"sev", "severity"},      {"chg", "change"},
    {"vol", "volume"},
};

const struct field *record_field(const struct record *r, const char *name)
{
    for (int i = 0; i < r->field_count; i++)
        if (!strcmp(r->fields[i].name, name))
            return &r->fields[i];
    for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++)
        if (!strcmp(short_forms[i][0], name))
            return record_field(r, short_forms[i][1]);
    return NULL;
}

static void *at(const struct field *f, const void *row)
{
    return (char *)(uintptr_t)row + f->offset;
}

static int64_t get64(const struct field *f, const void *row)
{
    int64_t v;
    memcpy(&v, at(f, row), sizeof v);
    return v;
}

void record_clear(const struct record *r, void *row)
{
    static const int64_t none = INT64_MIN;
    static const date no_date = DATE_NONE;
    memset(row, 0, r->size);
    for (int i = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->kind == FIELD_DEC || f->kind == FIELD_INT || f->kind == FIELD_TIME)
            memcpy(at(f, row), &none, sizeof none);
        else if (f->kind == FIELD_DATE)
            memcpy(at(f, row), &no_date, sizeof no_date);
    }
}

bool field_is_none(const struct field *f, const void *row)
{
    switch (f->kind) {
    case FIELD_UUID:
        return uuid_none(at(f, row));
    case FIELD_TEXT:
        return !*(const char *)at(f, row);
    case FIELD_ENUM:
        return !*(const uint8_t *)at(f, row);
    case FIELD_DATE:
        return *(const date *)at(f, row) == DATE_NONE;
    case FIELD_BOOL:
        return false;
    default:
        return get64(f, row) == INT64_MIN;
    }
}

const void *record_key(const struct record *r, const void *row, size_t *length)
{
    const struct field *f = &r->fields[r->key];
    *length = f->kind == FIELD_UUID ? 16 : f->kind == FIELD_INT ? 8 : strlen(at(f, row));
    return at(f, row);
}

void record_key_text(const struct record *r, const void *row, char *out, size_t room)
{
    field_text(&r->fields[r->key], row, out, room);
}

int64_t record_version(const struct record *r, const void *row)
{
    return r->version < 0 ? INT64_MIN : get64(&r->fields[r->version], row);
}

const char *record_scope(const struct record *r, const void *row)
{
    return r->scope < 0 ? "" : at(&r->fields[r->scope], row);
}

const char *enum_text(const struct enumeration *e, int value)
{
    return value >= 0 && value < e->count ? e->texts[value] : "";
}

int enum_value(const struct enumeration *e, const char *text)
{
    for (int i = 1; i < e->count; i++)
        if (!strcmp(e->texts[i], text))
            return i;
    return -1;
}

const char *field_enum_text(const struct record *r, const char *field, int value)
{
    const struct field *f = record_field(r, field);
    return f && f->values ? enum_text(f->values, value) : "";
}

void field_text(const struct field *f, const void *row, char *out, size_t room)
{
    char text[DEC_TEXT + TIME_TEXT + UUID_TEXT] = "";
    const char *from = text;
    if (f->kind == FIELD_TEXT)
        from = at(f, row);
    else if (f->kind == FIELD_ENUM)
        from = enum_text(f->values, *(const uint8_t *)at(f, row));
    else if (f->kind == FIELD_BOOL)
        from = *(const bool *)at(f, row) ? "true" : "false";
    else if (!field_is_none(f, row)) {
        if (f->kind == FIELD_UUID)
            uuid_format(at(f, row), text);
        else if (f->kind == FIELD_DEC)
            dec_format(get64(f, row), text);
        else if (f->kind == FIELD_INT)
            snprintf(text, sizeof text, "%lld", (long long)get64(f, row));
        else if (f->kind == FIELD_TIME)
            time_format(get64(f, row), text);
        else
            date_format(*(const date *)at(f, row), text);
    }
    snprintf(out, room, "%s", from);
}

static bool set_number(const struct field *f, void *row, const char *text)
{
    int64_t value = 0;
    date day;
    switch (f->kind) {
    case FIELD_DEC:
        if (!dec_parse(text, &value))
            return false;
        break;
    case FIELD_TIME:
        if (!time_parse(text, &value))
            return false;
        break;
    case FIELD_DATE:
        if (!date_parse(text, &day))
            return false;
        memcpy(at(f, row), &day, sizeof day);
        return true;
    default: {
        int n = 0;
        long long number;
        if (sscanf(text, "%18lld%n", &number, &n) != 1 || text[n])
            return false;
        value = number;
    }
    }
    memcpy(at(f, row), &value, sizeof value);
    return true;
}

bool field_set(const struct field *f, void *row, const char *text, char *why, size_t room)
{
    static const char *const expected[] = {"a UUID",
                                           "text",
                                           "one of",
                                           "a decimal number with at most 6 decimals",
                                           "an integer",
                                           "a UTC time such as 2026-11-24T10:00:00Z",
                                           "a date such as 2026-11-24",
                                           "true or false"};
    bool ok = true;
    int value;
    switch (f->kind) {
    case FIELD_UUID:
        ok = uuid_parse(text, at(f, row));
        break;
    case FIELD_TEXT:
        if (strlen(text) > f->capacity) {
            snprintf(why, room, "%s: at most %d bytes are kept", f->name, f->capacity);
            return false;
        }
        text_clean(text, at(f, row), (size_t)f->capacity + 1);
        break;
    case FIELD_ENUM:
        value = enum_value(f->values, text);
        if (value > 0)
            *(uint8_t *)at(f, row) = (uint8_t)value;
        ok = value > 0;
        break;
    case FIELD_BOOL:
        ok = !strcmp(text, "true") || !strcmp(text, "false");
        *(bool *)at(f, row) = ok && *text == 't';
        break;
    default:
        ok = set_number(f, row, text);
    }
    if (!ok) {
        char clean[64];
        text_clean(text, clean, sizeof clean);
        int n = snprintf(why, room, "%s: '%s' is not %s", f->name, clean, expected[f->kind]);
        for (int i = 1; f->kind == FIELD_ENUM && i < f->values->count && n > 0 && (size_t)n < room; i++)
            n += snprintf(why + n, room - (size_t)n, "%s %s", i > 1 ? "," : "", f->values->texts[i]);
    }
    return ok;
}

void record_json(const struct record *r, const void *row, struct buf *out)
{
    char text[64];
    buf_char(out, '{');
    for (int i = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->flags & FIELD_RETIRED)
            continue;
        if (i)
            buf_char(out, ',');
        buf_char(out, '"');
        buf_text(out, f->name);
        buf_add(out, "\":", 2);
        if (f->kind == FIELD_BOOL)
            buf_text(out, *(const bool *)at(f, row) ? "true" : "false");
        else if (field_is_none(f, row))
            buf_add(out, "null", 4);
        else if (f->kind == FIELD_INT)
            buf_int(out, get64(f, row));
        else if (f->kind == FIELD_TEXT)
            buf_json(out, at(f, row));
        else {
            field_text(f, row, text, sizeof text);
            buf_char(out, '"');
            buf_text(out, text);
            buf_char(out, '"');
        }
    }
    buf_char(out, '}');
}

static bool read_value(const struct field *f, const json_t *value, void *row, char *why, size_t room)
{
    char text[32];
    if (json_is_string(value)) {
        if (f->kind == FIELD_BOOL || f->kind == FIELD_INT) {
            snprintf(why, room, "%s: expected %s, not a string", f->name,
                     f->kind == FIELD_INT ? "an integer" : "true or false");
            return false;
        }
        return field_set(f, row, json_string_value(value), why, room);
    }
    if (json_is_boolean(value) && f->kind == FIELD_BOOL) {
        *(bool *)at(f, row) = json_is_true(value);
        return true;
    }
    if (json_is_integer(value) && (f->kind == FIELD_INT || f->kind == FIELD_DEC)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return field_set(f, row, text, why, room);
    }
    snprintf(why, room, "%s: %s", f->name,
             f->kind == FIELD_DEC && json_is_real(value) ? "expected a decimal as a string, such as \"74.1\""
                                                         : "the value is of the wrong type");
    return false;
}

bool record_read(const struct record *r, const json_t *object, void *row, bool strict, char *why, size_t room)
{
    record_clear(r, row);
    if (!json_is_object(object)) {
        snprintf(why, room, "expected a JSON object (%s)", r->name);
        return false;
    }
    const char *name;
    const json_t *value;
    json_t *walk = (json_t *)(uintptr_t)object;
    json_object_foreach(walk, name, value)
    {
        const struct field *f = NULL;
        for (int i = 0; i < r->field_count && !f; i++)
            if (!strcmp(r->fields[i].name, name))
                f = &r->fields[i];
        if (!f && strict) {
            char clean[40];
            text_clean(name, clean, sizeof clean);
            snprintf(why, room, "%s: unknown field of %s", clean, r->name);
            return false;
        }
        if (f && !json_is_null(value) && !read_value(f, value, row, why, room))
            return false;
    }
    for (int i = 0; strict && i < r->field_count; i++)
        if ((r->fields[i].flags & FIELD_REQUIRED) && field_is_none(&r->fields[i], row)) {
            snprintf(why, room, "%s: missing", r->fields[i].name);
            return false;
        }
    return true;
}

bool record_parse(const struct record *r, const char *text, size_t n, void *row)
{
    char why[160];
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = object && record_read(r, object, row, false, why, sizeof why);
    json_decref(object);
    return ok;
}

void record_csv_head(const struct record *r, struct buf *out)
{
    for (int i = 0, n = 0; i < r->field_count; i++)
        if (!(r->fields[i].flags & (FIELD_RETIRED | FIELD_HIDDEN)))
            buf_printf(out, "%s%s", n++ ? "," : "", r->fields[i].name);
    buf_text(out, "\r\n");
}

void record_csv(const struct record *r, const void *row, struct buf *out)
{
    char text[512]; /* the long ones are hidden */
    for (int i = 0, n = 0; i < r->field_count; i++) {
        const struct field *f = &r->fields[i];
        if (f->flags & (FIELD_RETIRED | FIELD_HIDDEN))
            continue;
        if (n++)
            buf_char(out, ',');
        field_text(f, row, text, sizeof text);
        bool formula = f->kind == FIELD_TEXT && strchr("=+-@\t\r", *text) && *text;
        if (!formula && !strpbrk(text, ",\"\r\n")) {
            buf_text(out, text);
            continue;
        }
        buf_text(out, formula ? "\"'" : "\"");
        for (const char *p = text; *p; p++) {
            if (*p == '"')
                buf_char(out, '"');
            buf_char(out, *p);
        }
        buf_char(out, '"');
    }
    buf_text(out, "\r\n");
}

void record_sql_column(const struct record *r, int field, struct buf *out)
{
    static const char *const types[] = {"BLOB",    "TEXT",    "TEXT",    "INTEGER",
                                        "INTEGER", "INTEGER", "INTEGER", "INTEGER"};
    buf_printf(out, "\"%s\" %s%s", r->fields[field].name, types[r->fields[field].kind],
               field == r->key ? " PRIMARY KEY NOT NULL" : "");
}

void record_sql_create(const struct record *r, struct buf *out)
{
    buf_printf(out, "CREATE TABLE IF NOT EXISTS \"%s\"(", r->name);
    for (int i = 0; i < r->field_count; i++) {
        buf_text(out, i ? "," : "");
        record_sql_column(r, i, out);
    }
    buf_text(out, r->fields[r->key].kind == FIELD_INT ? ")" : ") WITHOUT ROWID");
}

void record_sql_columns(const struct record *r, struct buf *out)
{
    for (int i = 0; i < r->field_count; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", r->fields[i].name);
}

void record_sql_upsert(const struct record *r, struct buf *out)
{
    buf_printf(out, "INSERT OR REPLACE INTO \"%s\"(", r->name);
    record_sql_columns(r, out);
    buf_text(out, ") VALUES(");
    for (int i = 0; i < r->field_count; i++)
        buf_text(out, i ? ",?" : "?");
    buf_char(out, ')');
}

static void field_schema(const struct field *f, struct buf *out)
{
    static const char *const types[] = {
        "\"type\":[\"string\",\"null\"],\"format\":\"uuid\"",
        "\"type\":[\"string\",\"null\"]",
        "",
        "\"type\":[\"string\",\"null\"],\"pattern\":\"^-?[0-9]+(\\\\.[0-9]{1,6})?$\"",
        "\"type\":[\"integer\",\"null\"]",
        "\"type\":[\"string\",\"null\"],\"format\":\"date-time\"",
        "\"type\":[\"string\",\"null\"],\"format\":\"date\"",
        "\"type\":\"boolean\"",
    };
    buf_json(out, f->name);
    buf_text(out, ":{");
    if (f->kind == FIELD_ENUM) {
        buf_text(out, "\"enum\":[");
        for (int i = 1; i < f->values->count; i++)
            buf_printf(out, "\"%s\",", f->values->texts[i]);
        buf_text(out, "null]");
    } else
        buf_text(out, types[f->kind]);
    if (f->kind == FIELD_TEXT)
        buf_printf(out, ",\"maxLength\":%d", f->capacity);
    buf_text(out, ",\"description\":");
    buf_json(out, f->help);
    if (*f->unit) {
        buf_text(out, ",\"x-unit\":");
        buf_json(out, f->unit);
    }
    buf_char(out, '}');
}

void record_schema(const struct record *r, struct buf *out)
{
    buf_text(out, "{\"type\":\"object\",\"description\":");
    buf_json(out, r->help);
    buf_text(out, ",\"properties\":{");
    for (int i = 0; i < r->field_count; i++) {
        if (i)
            buf_char(out, ',');
        field_schema(&r->fields[i], out);
    }
    buf_text(out, "},\"required\":[");
    for (int i = 0, n = 0; i < r->field_count; i++)
        if (r->fields[i].flags & FIELD_REQUIRED)
            buf_printf(out, "%s\"%s\"", n++ ? "," : "", r->fields[i].name);
    buf_text(out, "]}");
}
