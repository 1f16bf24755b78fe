/* What a service is: two pure functions. decide(state, command) yields facts; apply(state, fact) changes
 * state. They read no clock, open no file and draw no random number: time, prices and results of the
 * compute pool come with the command. A fact is a row of a record, as it is after the command. */
#pragma once
#include "backend/data/cache.h"
#include "backend/data/store.h"

/* Every command: C(NAME, service, record of its body or none, action in the permissions table, help). */
enum command_kind {
#define C(name, service, body, action, help) COMMAND_##name,
#include "backend/platform/commands.def"
#undef C
    COMMAND_COUNT
};
struct command_info {
    const char *name, *service, *action;
    int body; /* enum record_id, -1 for none */
};
const struct command_info *command_info(enum command_kind kind);

struct actor {
    char user[33], session[37];
    uint8_t role;    /* enum role */
    char books[121]; /* separated by commas; * is all */
};

struct command {
    enum command_kind kind;
    struct actor actor;
    int64_t now, mono; /* set by the node */
    int64_t expires;   /* refused at or after this time; TIME_NONE: never */
    char target[97];   /* key of the row it acts on */
    int64_t version;   /* If-Match; INT64_MIN when not given */
    const void *body;  /* a row of the record in command_info, or of `record` for IMPORT and INTAKE */
    enum record_id record;
    int64_t sequence; /* INTAKE: the source's sequence; EXECUTION: the report's */
    int64_t previous; /* INTAKE: the sequence sent before it to the same consumer; 0: not known */
    const char *dead,
        *text;          /* INTAKE: why it is dead, NULL when it is not; its bytes when there is no body */
    const char *source; /* INTAKE: where the row comes from */
    const void *const *rows; /* further inputs: settlements of a day roll, outcomes of the venue */
    int row_count;
    const struct cache *cache; /* newest quotes, set by the node */
    int64_t next;              /* first sequence that its facts will have, set by the node */
    struct {
        char key[101], digest[65];
        int status;
    } once; /* Idempotency-Key; empty when not given */
};

struct decided_fact {
    enum record_id record;
    bool removed;
    void *row;
};
struct verdict {
    struct decided_fact *facts;
    int count, room;
    int64_t now;
    int status;        /* 0: done; else the HTTP status of the refusal, and nothing else happened but facts */
    char problem[121]; /* what was wrong, in words */
    char rule[25];
    dec limit, value;
    char object[97], record[25]; /* what it acted on, for the answer and for the audit record */
    char reason[121];            /* for the audit record */
    bool unaudited;              /* housekeeping that nobody asked for */
};
/* Copies the row into the decision. */
void decision_put(struct verdict *d, enum record_id record, const void *row);
void decision_remove(struct verdict *d, enum record_id record, const void *row);
/* The id of the next fact's row: UUIDv8 of shard and sequence. */
struct uuid decision_id(const struct verdict *d, const struct command *c);
void decision_object(struct verdict *d, const char *record, const char *key);
/* A refusal: 400, 403, 404, 409, 412 or 422. */
void decision_refuse(struct verdict *d, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void decision_free(struct verdict *d);

/* Whether a book is in the scope of the actor. */
bool actor_scope(const struct actor *a, const char *book);
extern const struct actor actor_system;

struct service_ops {
    const char *name;
    const int *owns,
        *mirrors; /* record ids ended by -1: facts it makes, and rows of others that it follows */
    void *(*create)(void);
    void (*destroy)(void *state);
    void (*decide)(const void *state, const struct command *c, struct verdict *d);
    /* One of its own facts, or a row that it mirrors. */
    void (*apply)(void *state, enum record_id record, bool removed, const void *row);
    /* Its table of an owned record; NULL for the others. */
    struct table *(*table)(void *state, enum record_id record);
    /* Fills the columns that follow the market, just before a row leaves; may be NULL. */
    void (*value)(void *state, const struct cache *cache, enum record_id record, void *row);
};
