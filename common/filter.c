#include "common/filter.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/text.h"

enum op { OP_TRUE, OP_AND, OP_OR, OP_NOT, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_HAS };
#define NODES 64
#define DEPTH 16

struct node {
    enum op op;
    int left, right; /* children of and, or, not */
    const struct field *field;
    bool none;
    int64_t number; /* what a number, time, date, enum or boolean is compared with */
    char text[64];
};

struct filter {
    const struct record *record;
    char source[256];
    struct node node[NODES];
    int count, root;
    const char *at; /* where the parser stands */
    int depth;
    char *why;
    size_t room;
};

static int parse_or(struct filter *f);

static int fail(struct filter *f, const char *what, const char *word)
{
    char clean[48];
    text_clean(word, clean, sizeof clean);
    if (!*f->why)
        snprintf(f->why, f->room, "filter, column %d: %s%s%s", (int)(f->at - f->source) + 1, what,
                 *clean ? ": " : "", clean);
    return -1;
}

static int add(struct filter *f, enum op op, int left, int right)
{
    if (left < 0 || right < 0)
        return -1;
    if (f->count == NODES)
        return fail(f, "too many terms", "");
    f->node[f->count] = (struct node){.op = op, .left = left, .right = right};
    return f->count++;
}

static void skip(struct filter *f)
{
    while (*f->at == ' ')
        f->at++;
}

static bool keyword(struct filter *f, const char *word)
{
    skip(f);
    size_t n = strlen(word);
    if (strncasecmp(f->at, word, n) || isalnum((unsigned char)f->at[n]) || f->at[n] == '_')
        return false;
    f->at += n;
    return true;
}

static bool read_word(struct filter *f, char *out, size_t room)
{
    skip(f);
    size_t n = 0;
    if (*f->at == '"' || *f->at == '\'') {
        char quote = *f->at++;
        while (*f->at && *f->at != quote && n + 1 < room)
            out[n++] = *f->at++;
        out[n] = 0;
        if (*f->at != quote)
            return false;
        f->at++;
        return true;
    }
    while (*f->at && !strchr(" ()=!<>~\"'", *f->at) && n + 1 < room)
        out[n++] = *f->at++;
    out[n] = 0;
    return n > 0;
}

static bool read_op(struct filter *f, enum op *op)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = {{"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE}, {"=", OP_EQ},
               {"<", OP_LT},  {">", OP_GT},  {"~", OP_HAS}};
    skip(f);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strncmp(f->at, ops[i].text, strlen(ops[i].text))) {
            f->at += strlen(ops[i].text);
            *op = ops[i].op;
            return true;
        }
    return false;
}

static int64_t number_of(const struct field *f, const void *row)
{
    const char *p = (const char *)row + f->offset;
    int64_t wide;
    if (f->kind == FIELD_ENUM)
        return *(const uint8_t *)p;
    if (f->kind == FIELD_BOOL)
        return *(const bool *)p;
    if (f->kind == FIELD_DATE)
        return *(const date *)(const void *)p;
    memcpy(&wide, p, sizeof wide);
    return wide;
}

static bool read_operand(struct filter *f, struct node *n, const char *word)
{
    n->none = !strcasecmp(word, "none");
    if (n->none)
        return true;
    if (n->field->kind == FIELD_TEXT || n->field->kind == FIELD_UUID || n->op == OP_HAS) {
        snprintf(n->text, sizeof n->text, "%s", word);
        return true;
    }
    char why[200];
    void *row = mem_new(f->record->size);
    bool ok = field_set(n->field, row, word, why, sizeof why);
    if (ok)
        n->number = number_of(n->field, row);
    free(row);
    if (!ok)
        fail(f, why, "");
    return ok;
}

static int parse_term(struct filter *f)
{
    char word[64];
    struct node term = {0};
    skip(f);
    if (*f->at == '(') {
        if (++f->depth > DEPTH)
            return fail(f, "too deep", "");
        f->at++;
        int inner = parse_or(f);
        f->depth--;
        skip(f);
        if (inner >= 0 && *f->at != ')')
            return fail(f, "expected )", "");
        f->at++;
        return inner;
    }
    if (*f->at == '!' || keyword(f, "not")) {
        if (*f->at == '!')
            f->at++;
        if (++f->depth > DEPTH)
            return fail(f, "too deep", "");
        int inner = parse_term(f);
        f->depth--;
        return add(f, OP_NOT, inner, 0);
    }
    if (!read_word(f, word, sizeof word))
        return fail(f, "expected a field name", "");
    term.field = record_field(f->record, word);
    if (!term.field)
        return fail(f, "unknown field", word);
    if (!read_op(f, &term.op))
        return fail(f, "expected = != < <= > >= or ~ after", word);
    if (!read_word(f, word, sizeof word))
        return fail(f, "expected a value", "");
    if (!read_operand(f, &term, word))
        return -1;
    int i = add(f, term.op, 0, 0);
    if (i >= 0)
        f->node[i] = term;
    return i;
}

static int parse_and(struct filter *f)
{
    int left = parse_term(f);
    while (left >= 0 && keyword(f, "and"))
        left = add(f, OP_AND, left, parse_term(f));
    return left;
}

static int parse_or(struct filter *f)
{
    int left = parse_and(f);
    while (left >= 0 && keyword(f, "or"))
        left = add(f, OP_OR, left, parse_and(f));
    return left;
}

struct filter *filter_new(const struct record *record, const char *text, char *why, size_t room)
{
    *why = 0;
    if (strlen(text) >= sizeof((struct filter *)0)->source) {
        snprintf(why, room, "filter: at most 255 characters");
        return NULL;
    }
    struct filter *f = mem_new(sizeof *f);
    f->record = record;
    f->why = why;
    f->room = room;
    snprintf(f->source, sizeof f->source, "%s", text);
    f->at = f->source;
    skip(f);
    f->root = *f->at ? parse_or(f) : add(f, OP_TRUE, 0, 0);
    skip(f);
    if (f->root >= 0 && *f->at)
        f->root = fail(f, "expected and, or, or the end", f->at);
    if (f->root < 0) {
        free(f);
        return NULL;
    }
    f->why = NULL;
    return f;
}

static bool compare(const struct node *n, const void *row)
{
    bool missing = field_is_none(n->field, row);
    if (n->none)
        return n->op == OP_EQ ? missing : n->op == OP_NE && !missing;
    if (missing)
        return false;
    int order;
    if (n->op == OP_HAS || n->field->kind == FIELD_TEXT || n->field->kind == FIELD_UUID) {
        char text[256];
        field_text(n->field, row, text, sizeof text);
        if (n->op == OP_HAS)
            return strcasestr(text, n->text) != NULL;
        order = strcasecmp(text, n->text);
    } else {
        int64_t value = number_of(n->field, row);
        order = value < n->number ? -1 : value > n->number;
    }
    switch (n->op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool eval(const struct filter *f, int i, const void *row)
{
    const struct node *n = &f->node[i];
    switch (n->op) {
    case OP_TRUE:
        return true;
    case OP_AND:
        return eval(f, n->left, row) && eval(f, n->right, row);
    case OP_OR:
        return eval(f, n->left, row) || eval(f, n->right, row);
    case OP_NOT:
        return !eval(f, n->left, row);
    default:
        return compare(n, row);
    }
}

bool filter_match(const struct filter *f, const void *row)
{
    return !f || eval(f, f->root, row);
}

const char *filter_text(const struct filter *f)
{
    return f ? f->source : "";
}

void filter_free(struct filter *f)
{
    free(f);
}
