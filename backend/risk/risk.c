#include "backend/risk/risk.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/risk/state.h"
#include "common/product.h"

static const int owns[] = {RECORD_breach, RECORD_notice, -1};
static const int mirrors[] = {RECORD_position, RECORD_limit,      RECORD_book, RECORD_pnl,
                              RECORD_order,    RECORD_instrument, RECORD_halt, -1};

static void *create(void)
{
    struct risk *r = mem_new(sizeof *r);
    table_init(&r->breaches, RECORD(breach));
    table_init(&r->positions, RECORD(position));
    table_init(&r->limits, RECORD(limit));
    table_init(&r->books, RECORD(book));
    table_init(&r->pnl, RECORD(pnl));
    table_init(&r->working, RECORD(order));
    table_init(&r->instruments, RECORD(instrument));
    table_init(&r->vars, RECORD(var));
    table_init(&r->told, RECORD(limit));
    r->business_date = r->closed = DATE_NONE;
    return r;
}

static void destroy(void *state)
{
    struct risk *r = state;
    struct table *all[] = {&r->breaches, &r->positions,   &r->limits, &r->books, &r->pnl,
                           &r->working,  &r->instruments, &r->vars,   &r->told};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        table_free(all[i]);
    free(r);
}

static struct table *table(void *state, enum record_id record)
{
    struct risk *r = state;
    return record == RECORD_breach ? &r->breaches : NULL;
}

static void apply(void *state, enum record_id record, bool removed, const void *row)
{
    struct risk *r = state;
    struct table *t = NULL;
    switch ((int)record) {
    case RECORD_breach:
        t = &r->breaches;
        break;
    case RECORD_position: {
        const struct position *p = row, *old = table_find(&r->positions, p->id);
        if (old && old->version > p->version)
            return; /* told out of turn */
        r->moved |= !old || old->quantity != p->quantity;
        t = &r->positions;
        break;
    }
    case RECORD_limit:
        t = &r->limits;
        break;
    case RECORD_book:
        t = &r->books;
        break;
    case RECORD_pnl: {
        const struct pnl *p = row;
        if (p->basis != BASIS_LIVE) {
            if (!strcmp(p->book, "FIRM") && (r->closed == DATE_NONE || p->business_date > r->closed))
                r->closed = p->business_date;
            return;
        }
        t = &r->pnl;
        break;
    }
    case RECORD_order: {
        const struct order *o = row;
        bool over = o->status == STATUS_FILLED || o->status == STATUS_CANCELLED ||
                    o->status == STATUS_REJECTED || o->status == STATUS_EXPIRED;
        removed |= over;
        t = &r->working;
        break;
    }
    case RECORD_instrument:
        t = &r->instruments;
        break;
    case RECORD_halt:
        r->business_date = ((const struct halt *)row)->business_date;
        return;
    default:
        return;
    }
    if (removed)
        table_remove(t, row);
    else
        table_put(t, row);
}

/* ---- use of limits ---- */

static dec var_used(const struct risk *r, const struct limit *l)
{
    const char *book = !strncmp(l->scope, "book:", 5) ? l->scope + 5 : "FIRM";
    const struct var *v = table_find(&r->vars, book);
    return v ? v->var : DEC_NONE;
}

static dec loss_used(const struct risk *r, const struct limit *l)
{
    char id[40];
    snprintf(id, sizeof id, "%.24s/live", !strncmp(l->scope, "book:", 5) ? l->scope + 5 : "FIRM");
    const struct pnl *p = table_find(&r->pnl, id);
    if (!p || p->day == DEC_NONE)
        return DEC_NONE;
    return p->day < 0 ? -p->day : 0;
}

/* Largest net position in one product: of a book, or of the firm. */
static dec position_used(const struct risk *r, const struct limit *l)
{
    const char *book = !strncmp(l->scope, "book:", 5) ? l->scope + 5 : NULL;
    const char *only = !strncmp(l->scope, "product:", 8) ? l->scope + 8 : NULL;
    dec most = 0;
    for (int k = 0; product_at(k); k++) {
        const char *code = product_at(k)->code;
        dec net = 0;
        if (only && strcmp(only, code) != 0)
            continue;
        table_each(&r->positions, const struct position,
                   p) if (p->lots != DEC_NONE && !strcmp(p->product, code) &&
                          (!book || !strcmp(book, p->book))) net += p->lots;
        if (dec_abs(net) > most)
            most = dec_abs(net);
    }
    return most;
}

static dec used_of(const struct risk *r, const struct limit *l)
{
    switch ((int)l->measure) {
    case MEASURE_VAR:
        return var_used(r, l);
    case MEASURE_DAILY_LOSS:
        return loss_used(r, l);
    case MEASURE_POSITION:
        return position_used(r, l);
    case MEASURE_OPEN_ORDERS:
        return DEC_INT(table_live(&r->working));
    default:
        return DEC_NONE; /* a limit on one order has no use of its own */
    }
}

static void value(void *state, const struct cache *cache, enum record_id record, void *row)
{
    (void)cache;
    struct limit *l = row;
    if (record != RECORD_limit)
        return;
    l->used = used_of(state, l);
    l->share = DEC_NONE;
    if (l->used != DEC_NONE && !dec_muldiv(l->used, DEC_INT(100), l->limit, &l->share))
        l->share = DEC_NONE;
    if (l->share != DEC_NONE)
        l->share = dec_round(l->share, DEC_ONE / 10);
}

/* A level falls back only when use is 5% below where it rose: no flutter of alerts. */
static int64_t level_of(const struct limit *l, int64_t before)
{
    dec warning = l->warning, most = l->limit;
    if (before >= 1 && warning != DEC_NONE)
        warning -= warning / 20;
    if (before >= 2)
        most -= most / 20;
    return l->used > most ? 2 : l->warning != DEC_NONE && l->used >= warning ? 1 : 0;
}

static void decide_level(const struct risk *r, const struct command *c, struct verdict *d)
{
    const struct breach *b = c->body, *old = table_find(&r->breaches, b->id);
    const struct limit *l = table_find(&r->limits, b->id);
    decision_object(d, "breach", b->id);
    if (!l || (old && old->level == b->level)) {
        d->unaudited = true;
        return;
    }
    decision_put(d, RECORD_breach, b);
    if (b->level <= (old ? old->level : 0))
        return;
    struct notice n;
    record_clear(RECORD(notice), &n);
    n.id = decision_id(d, c);
    snprintf(n.book, sizeof n.book, "%s", !strncmp(l->scope, "book:", 5) ? l->scope + 5 : "FIRM");
    snprintf(n.rule, sizeof n.rule, "%s", field_enum_text(RECORD(limit), "measure", l->measure));
    n.severity = b->level >= 2 ? SEVERITY_HIGH : SEVERITY_WARN;
    snprintf(n.subject, sizeof n.subject, "limit %s %s", l->number, l->scope);
    n.value = b->value;
    n.limit = l->limit;
    n.time = c->now;
    decision_put(d, RECORD_notice, &n);
}

static void decide(const void *state, const struct command *c, struct verdict *d)
{
    if (c->kind == COMMAND_LIMIT_LEVEL)
        decide_level(state, c, d);
    else
        decision_refuse(d, 404, "risk does not know this command");
}

static void pulse_limits(struct node *n, struct risk *r)
{
    table_each(&r->limits, const struct limit, l)
    {
        struct limit live;
        memcpy(&live, l, sizeof live);
        value(r, node_cache(n), RECORD_limit, &live);
        const struct limit *before = table_find(&r->told, live.id);
        if (!before || memcmp(before, &live, sizeof live) != 0) {
            table_put(&r->told, &live);
            node_publish(n, RECORD_limit, &live);
        }
        if (live.used == DEC_NONE)
            continue;
        const struct breach *b = table_find(&r->breaches, live.id);
        struct breach next = {
            .level = level_of(&live, b ? b->level : 0), .value = live.used, .time = node_now(n)};
        snprintf(next.id, sizeof next.id, "%s", live.id);
        if (next.level == (b ? b->level : 0))
            continue;
        struct command c = {.kind = COMMAND_LIMIT_LEVEL,
                            .actor = actor_system,
                            .expires = TIME_NONE,
                            .version = INT64_MIN,
                            .body = &next};
        node_command(n, &c, NULL, NULL);
    }
}

void risk_pulse(struct node *n)
{
    struct risk *r = node_state(n, "risk");
    if (!r || !r->pool)
        return;
    risk_compute(n, r);
    pulse_limits(n, r);
}

date risk_date(const struct node *n)
{
    return ((const struct risk *)node_state((struct node *)(uintptr_t)n, "risk"))->business_date;
}

date risk_closed(const struct node *n)
{
    return ((const struct risk *)node_state((struct node *)(uintptr_t)n, "risk"))->closed;
}

bool risk_has_limits(const struct node *n)
{
    return table_live(&((const struct risk *)node_state((struct node *)(uintptr_t)n, "risk"))->limits) > 0;
}

const struct service_ops risk_ops = {"risk", owns, mirrors, create, destroy, decide, apply, table, value};
