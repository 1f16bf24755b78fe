#include "backend/portfolio/portfolio.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/platform/intake.h"
#include "common/product.h"

static const int owns[] = {RECORD_book,    RECORD_position, RECORD_exposure,    RECORD_pnl,
                           RECORD_closing, RECORD_inbox,    RECORD_dead_letter, -1};
static const int mirrors[] = {-1};

struct portfolio {
    struct table books, positions, exposures, pnl, closings, inboxes, letters;
    struct table told_positions, told_pnl; /* as last published */
};

static struct table *table(void *state, enum record_id record)
{
    struct portfolio *p = state;
    switch ((int)record) {
    case RECORD_book:
        return &p->books;
    case RECORD_position:
        return &p->positions;
    case RECORD_exposure:
        return &p->exposures;
    case RECORD_pnl:
        return &p->pnl;
    case RECORD_closing:
        return &p->closings;
    case RECORD_inbox:
        return &p->inboxes;
    case RECORD_dead_letter:
        return &p->letters;
    default:
        return NULL;
    }
}

static void *create(void)
{
    struct portfolio *p = mem_new(sizeof *p);
    for (const int *r = owns; *r >= 0; r++)
        table_init(table(p, (enum record_id) * r), record_of((enum record_id) * r));
    table_init(&p->told_positions, RECORD(position));
    table_init(&p->told_pnl, RECORD(pnl));
    return p;
}

static void destroy(void *state)
{
    struct portfolio *p = state;
    for (const int *r = owns; *r >= 0; r++)
        table_free(table(p, (enum record_id) * r));
    table_free(&p->told_positions);
    table_free(&p->told_pnl);
    free(p);
}

static bool ours(enum record_id record, const void *row)
{
    const char *id = record == RECORD_inbox         ? ((const struct inbox *)row)->id
                     : record == RECORD_dead_letter ? ((const struct dead_letter *)row)->id
                                                    : "portfolio";
    return !strncmp(id, "portfolio", 9);
}

static void apply(void *state, enum record_id record, bool removed, const void *row)
{
    struct table *t = table(state, record);
    if (!t || !ours(record, row))
        return;
    if (removed)
        table_remove(t, row);
    else
        table_put(t, row);
}

/* ---- postings ---- */

bool position_post(struct position *p, const struct posting *q, dec scale)
{
    dec amount, part, cost = p->cost, realised = p->realised, opening = q->quantity;
    const dec factors[] = {q->quantity, q->price, scale};
    if (!dec_product(factors, 3, &amount))
        return false;
    bool closes = (p->quantity > 0 && q->quantity < 0) || (p->quantity < 0 && q->quantity > 0);
    if (closes) {
        dec closed = dec_abs(q->quantity) < dec_abs(p->quantity) ? q->quantity : -p->quantity;
        const dec closing[] = {closed, q->price, scale};
        if (!dec_product(closing, 3, &amount) ||
            !dec_muldiv(cost, dec_abs(closed), dec_abs(p->quantity), &part))
            return false;
        realised += -amount - part;
        cost -= part;
        opening = q->quantity - closed;
        const dec rest[] = {opening, q->price, scale};
        if (!dec_product(rest, 3, &amount))
            return false;
    }
    p->cost = cost + amount;
    p->realised = realised;
    p->quantity += q->quantity;
    if (q->lots != DEC_NONE)
        p->lots = (p->lots == DEC_NONE ? 0 : p->lots) + q->lots;
    p->fees += q->fees == DEC_NONE ? 0 : q->fees;
    if (p->quantity == 0 || !dec_div(p->cost, p->quantity, &p->average_price) ||
        !dec_div(p->average_price, scale, &p->average_price))
        p->average_price = DEC_NONE;
    return true;
}

static void new_position(const struct posting *q, struct position *p)
{
    record_clear(RECORD(position), p);
    if (*q->leg)
        snprintf(p->id, sizeof p->id, "%.24s/%.20s/%.24s", q->book, q->leg, q->instrument);
    else
        snprintf(p->id, sizeof p->id, "%.24s/%.24s", q->book, q->instrument);
    snprintf(p->book, sizeof p->book, "%s", q->book);
    snprintf(p->instrument, sizeof p->instrument, "%s", q->instrument);
    snprintf(p->leg, sizeof p->leg, "%s", q->leg);
    snprintf(p->product, sizeof p->product, "%s", q->product);
    p->delivery_start = q->delivery_start;
    snprintf(p->unit, sizeof p->unit, "%s", q->unit);
    snprintf(p->currency, sizeof p->currency, "%s", q->currency);
    p->settlement = q->settlement;
    p->quantity = p->cost = p->realised = p->fees = p->close_total = 0;
    p->version = 0;
}

static void expose(const struct portfolio *s, const struct posting *q, struct verdict *d)
{
    struct exposure e, *old;
    char month[TIME_TEXT];
    record_clear(RECORD(exposure), &e);
    date_format(q->delivery_start, month);
    snprintf(e.id, sizeof e.id, "%s/%s/%s/%s/%.7s/%s", q->book, q->product, q->location,
             field_enum_text(RECORD(exposure), "profile", q->profile), month,
             field_enum_text(RECORD(exposure), "settlement", q->settlement));
    old = table_find(&s->exposures, e.id);
    if (old)
        e = *old;
    else {
        snprintf(e.book, sizeof e.book, "%s", q->book);
        snprintf(e.product, sizeof e.product, "%s", q->product);
        snprintf(e.location, sizeof e.location, "%s", q->location);
        e.profile = q->profile;
        e.month = q->delivery_start;
        e.settlement = q->settlement;
        snprintf(e.unit, sizeof e.unit, "%s", q->unit);
        e.quantity = 0;
    }
    e.quantity += q->quantity;
    const struct product *p = product_named(q->product);
    int hours = p ? product_hours(p, q->delivery_start, q->delivery_end) : 0;
    e.rate = DEC_NONE;
    if (hours && !dec_div(e.quantity, DEC_INT(hours), &e.rate))
        e.rate = DEC_NONE;
    decision_put(d, RECORD_exposure, &e);
}

static void take_posting(const struct portfolio *s, const struct command *c, struct verdict *d)
{
    const struct posting *q = c->body;
    const struct product *product = product_named(q->product);
    struct position p;
    new_position(q, &p);
    const struct position *old = table_find(&s->positions, p.id);
    if (old)
        p = *old;
    decision_object(d, "position", p.id);
    if (!product || !position_post(&p, q, product->price_scale)) {
        decision_refuse(d, 422, "posting to %.70s overflows or has no product", p.id);
        return;
    }
    p.version++;
    p.updated = q->time;
    decision_put(d, RECORD_position, &p);
    expose(s, q, d);
}

/* ---- the close ---- */

static bool held(const struct portfolio *s, const char *instrument)
{
    table_each(&s->positions, const struct position, p) if (!strcmp(p->instrument, instrument)) return true;
    return false;
}

static void take_mark(const struct portfolio *s, const struct command *c, struct verdict *d)
{
    const struct mark *m = c->body;
    struct closing k = {.price = m->price, .trading_date = m->trading_date};
    if (product_named(m->instrument) == NULL && strcmp(m->instrument, "EURUSD") != 0 &&
        strcmp(m->instrument, "GBPUSD") != 0 && !held(s, m->instrument))
        return;
    snprintf(k.id, sizeof k.id, "%s", m->instrument);
    decision_put(d, RECORD_closing, &k);
}

static dec closing_price(const struct portfolio *s, const char *instrument)
{
    const struct closing *k = table_find(&s->closings, instrument);
    return k ? k->price : DEC_NONE;
}

static bool closing_base(const struct portfolio *s, const char *currency, dec amount, dec *out)
{
    dec eurusd = closing_price(s, "EURUSD"), gbpusd = closing_price(s, "GBPUSD");
    *out = amount;
    if (!strcmp(currency, BASE_CURRENCY))
        return true;
    if (!strcmp(currency, "USD"))
        return eurusd != DEC_NONE && dec_div(amount, eurusd, out);
    return !strcmp(currency, "GBP") && eurusd != DEC_NONE && gbpusd != DEC_NONE &&
           dec_muldiv(amount, gbpusd, eurusd, out);
}

/* Quantity x price x scale less cost. */
static dec unrealised_at(const struct position *p, dec price)
{
    const struct product *product = product_named(p->product);
    const dec factors[] = {p->quantity, price, product ? product->price_scale : DEC_ONE};
    dec value;
    if (price == DEC_NONE || !dec_product(factors, 3, &value))
        return DEC_NONE;
    return value - p->cost;
}

static void add_pnl(struct pnl *sum, dec realised, dec unrealised, dec fees)
{
    sum->realised += realised;
    sum->unrealised += unrealised;
    sum->fees += fees;
    sum->total = sum->realised + sum->unrealised - sum->fees;
}

static void start_pnl(struct pnl *p, const char *book, uint8_t basis, date day)
{
    char when[TIME_TEXT];
    record_clear(RECORD(pnl), p);
    if (basis == BASIS_LIVE)
        snprintf(p->id, sizeof p->id, "%.24s/live", book);
    else
        snprintf(p->id, sizeof p->id, "%.24s/official/%.10s", book, date_format(day, when));
    snprintf(p->book, sizeof p->book, "%s", book);
    p->basis = basis;
    p->business_date = day;
    p->realised = p->unrealised = p->fees = p->total = 0;
    snprintf(p->currency, sizeof p->currency, "%s", BASE_CURRENCY);
}

/* The latest official row of the book dated before `day`. */
static const struct pnl *official_before(const struct portfolio *s, const char *book, date day)
{
    const struct pnl *best = NULL;
    table_each(&s->pnl, const struct pnl, p) if (p->basis == BASIS_OFFICIAL && p->business_date < day &&
                                                 !strcmp(p->book, book) &&
                                                 (!best || p->business_date > best->business_date)) best = p;
    return best;
}

/* Day, month and year: total now less total at the close before each began. */
static void since(const struct portfolio *s, struct pnl *p)
{
    int y, m, d;
    date_split(p->business_date, &y, &m, &d);
    const date starts[] = {p->business_date, date_make(y, m, 1), date_make(y, 1, 1)};
    dec *out[] = {&p->day, &p->month, &p->year};
    for (int i = 0; i < 3; i++) {
        const struct pnl *before = official_before(s, p->book, starts[i]);
        *out[i] = p->total - (before ? before->total : 0);
    }
}

static void put_official(const struct portfolio *s, struct pnl *p, struct verdict *d)
{
    int y, m, day, by, bm;
    since(s, p);
    snprintf(p->fx, sizeof p->fx, "official close");
    decision_put(d, RECORD_pnl, p);
    /* The row before stays only where a month ended: its month and year are measured from it. */
    const struct pnl *before = official_before(s, p->book, p->business_date);
    date_split(p->business_date, &y, &m, &day);
    if (!before)
        return;
    date_split(before->business_date, &by, &bm, &day);
    if (by == y && bm == m)
        decision_remove(d, RECORD_pnl, before);
}

static void close_day(const struct portfolio *s, date closing, struct verdict *d)
{
    struct pnl firm, book;
    start_pnl(&firm, "FIRM", BASIS_OFFICIAL, closing);
    table_each(&s->books, const struct book, b)
    {
        if (b->kind != BOOK_TRADING)
            continue;
        start_pnl(&book, b->book, BASIS_OFFICIAL, closing);
        table_each(&s->positions, const struct position, p)
        {
            dec realised = 0, unrealised = 0, fees = 0, u = unrealised_at(p, closing_price(s, p->instrument));
            if (strcmp(p->book, b->book) != 0 || u == DEC_NONE ||
                !closing_base(s, p->currency, u, &unrealised) ||
                !closing_base(s, p->currency, p->realised, &realised) ||
                !closing_base(s, p->currency, p->fees, &fees))
                continue;
            struct position next = *p;
            next.close_total = realised + unrealised - fees;
            next.version++;
            decision_put(d, RECORD_position, &next);
            add_pnl(&book, realised, unrealised, fees);
        }
        add_pnl(&firm, book.realised, book.unrealised, book.fees);
        put_official(s, &book, d);
    }
    put_official(s, &firm, d);
}

static void take_halt(const struct portfolio *s, const struct command *c, struct verdict *d)
{
    const struct halt *h = c->body;
    const struct closing *open = table_find(&s->closings, "DATE");
    struct closing next = {.price = DEC_NONE, .trading_date = h->business_date};
    if (open && h->business_date <= open->trading_date)
        return;
    snprintf(next.id, sizeof next.id, "DATE");
    if (open)
        close_day(s, open->trading_date, d);
    decision_put(d, RECORD_closing, &next);
}

/* ---- commands ---- */

static void key_of(enum record_id record, const void *row, char *out, size_t room)
{
    struct position p;
    if (record == RECORD_posting) {
        new_position(row, &p);
        snprintf(out, room, "%s", p.id);
    } else if (record == RECORD_mark)
        snprintf(out, room, "mark/%s", ((const struct mark *)row)->instrument);
    else
        snprintf(out, room, "%s", record_of(record)->name);
}

static void take(const void *state, const struct command *c, struct verdict *d)
{
    if (c->record == RECORD_posting)
        take_posting(state, c, d);
    else if (c->record == RECORD_mark)
        take_mark(state, c, d);
    else if (c->record == RECORD_halt)
        take_halt(state, c, d);
}

static void alarm_about(const void *state, const struct command *c, struct verdict *d,
                        const struct dead_letter *l)
{
    struct notice n;
    (void)state;
    record_clear(RECORD(notice), &n);
    n.id = decision_id(d, c);
    snprintf(n.book, sizeof n.book, "%s", *l->book ? l->book : "FIRM");
    snprintf(n.rule, sizeof n.rule, "dead-letter");
    n.severity = SEVERITY_HIGH;
    snprintf(n.subject, sizeof n.subject, "%s", l->id);
    n.time = c->now;
    decision_put(d, RECORD_notice, &n);
}

static void decide(const void *state, const struct command *c, struct verdict *d)
{
    const struct portfolio *s = state;
    const struct intake in = {"portfolio", &s->inboxes, &s->letters, key_of, take, alarm_about};
    if (c->kind == COMMAND_INTAKE || c->kind == COMMAND_REQUEUE) {
        intake_decide(&in, state, c, d);
    } else if (c->kind == COMMAND_IMPORT) {
        for (int i = 0; i < c->row_count; i++)
            decision_put(d, c->record, c->rows[i]);
        decision_object(d, record_of(c->record)->name, "opening desk");
    } else
        decision_refuse(d, 404, "portfolio does not know this command");
}

/* ---- valuation ---- */

static void value(void *state, const struct cache *cache, enum record_id record, void *row)
{
    struct portfolio *s = state;
    struct position *p = row;
    const struct quote *q;
    dec realised, fees;
    if (record != RECORD_position)
        return;
    q = cache_quote(cache, p->instrument);
    int64_t now =
        q ? q->time : 0; /* staleness is told by the desk's feeds; the mark is the newest there is */
    enum live_mark how = cache_mark(cache, p->instrument, now, &p->mark);
    p->stale = how != LIVE_MID;
    if (how == LIVE_NONE)
        p->mark = closing_price(s, p->instrument);
    p->unrealised = unrealised_at(p, p->mark);
    p->unrealised_base = p->day = DEC_NONE;
    if (cache_to_base(cache, p->currency, now, p->unrealised, &p->unrealised_base) &&
        cache_to_base(cache, p->currency, now, p->realised, &realised) &&
        cache_to_base(cache, p->currency, now, p->fees, &fees))
        p->day = p->unrealised_base + realised - fees - p->close_total;
}

static void tell(struct node *n, struct table *told, const void *row)
{
    size_t length;
    const void *key = record_key(told->record, row, &length);
    const void *before = table_get(told, key, length);
    if (before && !memcmp(before, row, told->record->size))
        return;
    table_put(told, row);
    node_publish(n, record_index(told->record), row);
}

static void pulse_book(struct node *n, struct portfolio *s, const struct book *b, struct pnl *firm, date day)
{
    struct pnl sum;
    struct cache *cache = node_cache(n);
    start_pnl(&sum, b->book, BASIS_LIVE, day);
    table_each(&s->positions, const struct position, p)
    {
        if (strcmp(p->book, b->book) != 0)
            continue;
        struct position live;
        memcpy(&live, p, sizeof live);
        value(s, cache, RECORD_position, &live);
        tell(n, &s->told_positions, &live);
        dec realised, fees;
        const struct quote *q = cache_quote(cache, live.instrument);
        int64_t at = q ? q->time : 0;
        if (live.unrealised_base != DEC_NONE &&
            cache_to_base(cache, live.currency, at, live.realised, &realised) &&
            cache_to_base(cache, live.currency, at, live.fees, &fees))
            add_pnl(&sum, realised, live.unrealised_base, fees);
    }
    add_pnl(firm, sum.realised, sum.unrealised, sum.fees);
    since(s, &sum);
    tell(n, &s->told_pnl, &sum);
}

void portfolio_pulse(struct node *n)
{
    struct portfolio *s = node_state(n, "portfolio");
    const struct closing *open = s ? table_find(&s->closings, "DATE") : NULL;
    struct pnl firm;
    if (!open)
        return;
    start_pnl(&firm, "FIRM", BASIS_LIVE, open->trading_date);
    table_each(&s->books, const struct book, b) if (b->kind == BOOK_TRADING)
        pulse_book(n, s, b, &firm, open->trading_date);
    since(s, &firm);
    tell(n, &s->told_pnl, &firm);
}

const struct service_ops portfolio_ops = {"portfolio", owns,  mirrors, create, destroy,
                                          decide,      apply, table,   value};
