/* One definition per record: the struct, its descriptor and its assertions all come from NAME.def.
 *
 * JSON, SQL, CSV, columns, OpenAPI and help are loops over the descriptor. Fields are added or retired,
 * never renamed or retyped: a reader of a queue ignores fields it does not know and leaves those that
 * are missing at none. */
#pragma once
#include <jansson.h>
#include "common/buf.h"
#include "common/clock.h"
#include "common/date.h"
#include "common/dec.h"
#include "common/uuid.h"

/* ---- enumerations: value 0 is "none" ---- */
#define V(PREFIX, NAME, text) PREFIX##_##NAME,
#define E(name)               enum name { name##_none, ENUM_##name(V) name##_count };
#include "common/records/enums.def"
ALL_ENUMS(E)
#undef E
#undef V

struct enumeration {
    const char *name;
    int count;                /* values, none included */
    const char *const *texts; /* texts[0] is "" */
};

/* ---- structs ---- */
#define MEMBER_UUID(name, cap)                              struct uuid name;
#define MEMBER_TEXT(name, cap)                              char name[(cap) + 1];
#define MEMBER_ENUM(name, cap)                              uint8_t name;
#define MEMBER_DEC(name, cap)                               dec name;
#define MEMBER_INT(name, cap)                               int64_t name;
#define MEMBER_TIME(name, cap)                              int64_t name;
#define MEMBER_DATE(name, cap)                              date name;
#define MEMBER_BOOL(name, cap)                              bool name;
#define BEGIN(name, plural, flags, title, help)             struct name {
#define F(kind, name, cap, flags, since, unit, title, help) MEMBER_##kind(name, cap)
#define END(name)                                                                                            \
    }                                                                                                        \
    ;
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END

/* ---- descriptors ---- */
enum field_kind {
    FIELD_UUID,
    FIELD_TEXT,
    FIELD_ENUM,
    FIELD_DEC,
    FIELD_INT,
    FIELD_TIME,
    FIELD_DATE,
    FIELD_BOOL
};
enum field_flag {
    FIELD_KEY = 1,
    FIELD_SCOPE = 2,  /* the book by which permissions filter */
    FIELD_PARENT = 4, /* the key of the record whose scope applies */
    FIELD_REQUIRED = 8,
    FIELD_RETIRED = 16, /* no longer written */
    FIELD_HIDDEN = 32,  /* stored, not shown by default */
    FIELD_VERSION = 64,
};
enum record_flag {
    RECORD_PUBLIC = 1,     /* no scope: everybody who is signed in may read it */
    RECORD_VERSIONED = 2,  /* as_of answers for it */
    RECORD_CONFLATED = 4,  /* only the newest row matters */
    RECORD_VALUED = 8,     /* carries columns that follow the market: conflated on streams */
    RECORD_TRANSIENT = 16, /* a request or an answer, never stored */
    RECORD_PRIVATE = 32,   /* the house keeps it for itself: no stream and no listing shows it */
    RECORD_SHARED = 64,    /* private, but known to every process */
};

struct field {
    const char *name;
    enum field_kind kind;
    uint16_t capacity; /* of text, in bytes */
    const struct enumeration *values;
    unsigned flags;
    int since;
    const char *unit, *title, *help;
    size_t offset;
};

struct record {
    const char *name, *plural;
    unsigned flags;
    const char *title, *help;
    const struct field *fields;
    int field_count;
    size_t size;
    int key, scope, parent, version; /* indexes of fields, -1 when there is none */
};

/* Index of each record in records_all(). */
enum record_id {
#define BEGIN(name, plural, flags, title, help) RECORD_##name,
#define F(kind, name, cap, flags, since, unit, title, help)
#define END(name)
#include "common/records/all.def"
#undef BEGIN
#undef F
#undef END
    RECORD_COUNT
};

const struct record *record_of(enum record_id id);
const struct record *record_named(const char *name); /* NULL when unknown */
const struct record *record_plural(const char *plural);
/* The field by its name, or by a usual short form (qty, px, tif, instr, ...); NULL when unknown. */
const struct field *record_field(const struct record *r, const char *name);
enum record_id record_index(const struct record *r);

/* All fields none; false for booleans. */
void record_clear(const struct record *r, void *row);
bool field_is_none(const struct field *f, const void *row);
/* The bytes of the key: 16 for a UUID, 8 for an integer, the characters of a text. Borrowed from row. */
const void *record_key(const struct record *r, const void *row, size_t *length);
/* The key as text, for people and object names. */
void record_key_text(const struct record *r, const void *row, char *out, size_t room);
int64_t record_version(const struct record *r, const void *row);
const char *record_scope(const struct record *r, const void *row); /* "" when it has none */
const char *enum_text(const struct enumeration *e, int value);
int enum_value(const struct enumeration *e, const char *text); /* -1 when unknown */
const char *field_enum_text(const struct record *r, const char *field, int value);
/* Text of a field as JSON carries it, without quotes ("" for none). */
void field_text(const struct field *f, const void *row, char *out, size_t room);
/* Sets a field from that text; text is cleaned. On failure `why` says what was expected. */
bool field_set(const struct field *f, void *row, const char *text, char *why, size_t room);

/* {"id":"...",...}; none is null. */
void record_json(const struct record *r, const void *row, struct buf *out);
/* Reads an object. `strict` refuses unknown fields and missing required ones (requests); a queue's
 * reader is not strict. Decimals come as strings or integers. False with one line in `why`. */
bool record_read(const struct record *r, const json_t *object, void *row, bool strict, char *why,
                 size_t room);
bool record_parse(const struct record *r, const char *json, size_t n, void *row);
void record_csv_head(const struct record *r, struct buf *out);
void record_csv(const struct record *r, const void *row, struct buf *out); /* formulas defused with ' */
/* CREATE TABLE, INSERT OR REPLACE with ? placeholders, and the column list, for SQLite. */
void record_sql_column(const struct record *r, int field, struct buf *out); /* as CREATE and ALTER take it */
void record_sql_create(const struct record *r, struct buf *out);
void record_sql_upsert(const struct record *r, struct buf *out);
void record_sql_columns(const struct record *r, struct buf *out);
/* A JSON Schema object for OpenAPI 3.1. */
void record_schema(const struct record *r, struct buf *out);

/* The record's row type is checked by the compiler: RECORD(order) is its descriptor. */
#define RECORD(name) record_of(RECORD_##name)
