#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include "backend/trading/state.h"

static const int owns[] = {RECORD_instrument,
                           RECORD_order,
                           RECORD_trade,
                           RECORD_deal,
                           RECORD_deal_leg,
                           RECORD_posting,
                           RECORD_mark,
                           RECORD_halt,
                           RECORD_venue_session,
                           RECORD_notice,
                           -1};
static const int mirrors[] = {RECORD_book, RECORD_limit, -1};

static void *create(void)
{
    struct trading *t = mem_new(sizeof *t);
    table_init(&t->instruments, RECORD(instrument));
    table_init(&t->orders, RECORD(order));
    table_init(&t->trades, RECORD(trade));
    table_init(&t->deals, RECORD(deal));
    table_init(&t->legs, RECORD(deal_leg));
    table_init(&t->marks, RECORD(mark));
    table_init(&t->halts, RECORD(halt));
    table_init(&t->sessions, RECORD(venue_session));
    table_init(&t->books, RECORD(book));
    table_init(&t->limits, RECORD(limit));
    t->deal_number = 1035;
    return t;
}

static struct table *table(void *state, enum record_id record)
{
    struct trading *t = state;
    switch ((int)record) {
    case RECORD_instrument:
        return &t->instruments;
    case RECORD_order:
        return &t->orders;
    case RECORD_trade:
        return &t->trades;
    case RECORD_deal:
        return &t->deals;
    case RECORD_deal_leg:
        return &t->legs;
    case RECORD_mark:
        return &t->marks;
    case RECORD_halt:
        return &t->halts;
    case RECORD_venue_session:
        return &t->sessions;
    default:
        return NULL;
    }
}

static void destroy(void *state)
{
    struct trading *t = state;
    for (const int *r = owns; *r >= 0; r++)
        if (table(t, (enum record_id) * r))
            table_free(table(t, (enum record_id) * r));
    table_free(&t->books);
    table_free(&t->limits);
    for (int i = 0; i < t->held_count; i++)
        free(t->held[i]);
    free(t->held);
    map_free(&t->held_index);
    free(t);
}

bool order_working(const struct order *o)
{
    return o->status == STATUS_PENDING_NEW || o->status == STATUS_NEW ||
           o->status == STATUS_PARTIALLY_FILLED || o->status == STATUS_PENDING_REPLACE ||
           o->status == STATUS_PENDING_CANCEL || o->status == STATUS_SUSPENDED;
}

uint64_t order_likeness(const struct order *o)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%s/%s/%s/%d/%lld/%lld/%s", o->user, o->book, o->instrument, o->side,
                     (long long)o->quantity, (long long)o->price, o->account);
    uint64_t h = UINT64_C(1469598103934665603);
    for (int i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return h;
}

const struct halt *trading_halt(const struct trading *t)
{
    return table_find(&t->halts, "firm");
}

const struct held *held_find(const struct trading *t, const char *book, const char *product)
{
    char key[40];
    int n = snprintf(key, sizeof key, "%s/%s", book, product);
    int i = map_get(&t->held_index, key, (size_t)n);
    return i < 0 ? NULL : t->held[i];
}

static struct held *held_make(struct trading *t, const char *book, const char *product)
{
    struct held *h = (struct held *)(uintptr_t)held_find(t, book, product);
    if (h)
        return h;
    if (t->held_count == t->held_room) {
        t->held_room = t->held_room ? t->held_room * 2 : 16;
        t->held = mem_grow(t->held, (size_t)t->held_room * sizeof *t->held);
    }
    h = mem_new(sizeof *h);
    int n = snprintf(h->key, sizeof h->key, "%s/%s", book, product);
    map_put(&t->held_index, h->key, (size_t)n, t->held_count);
    t->held[t->held_count++] = h;
    return h;
}

/* Lots that an order may still add. A replace that asks for more counts as what it asks for. */
static dec working_lots(const struct order *o)
{
    if (!order_working(o))
        return 0;
    dec left = o->remaining_quantity;
    if (o->replace_quantity != DEC_NONE && o->replace_quantity - o->filled_quantity > left)
        left = o->replace_quantity - o->filled_quantity;
    return left;
}

static void hold_order(struct trading *t, const struct order *o, int sign)
{
    const struct instrument *i = table_find(&t->instruments, o->instrument);
    dec lots = working_lots(o) * sign;
    if (!i)
        return;
    for (int firm = 0; firm < 2; firm++) {
        struct held *h = held_make(t, firm ? "" : o->book, i->product);
        if (o->side == SIDE_BUY)
            h->working_buy += lots;
        else
            h->working_sell += lots;
    }
    t->open_orders += order_working(o) ? sign : 0;
}

static void apply_order(struct trading *t, const struct order *o)
{
    const struct order *old = table_get(&t->orders, &o->id, sizeof o->id);
    if (old)
        hold_order(t, old, -1);
    else if (o->status != STATUS_REJECTED) { /* one that was refused may be tried again at once */
        uint64_t h = order_likeness(o);
        t->recent[h % RECENT].hash = h;
        t->recent[h % RECENT].time = o->created;
    }
    table_put(&t->orders, o);
    hold_order(t, o, 1);
}

static void apply_posting(struct trading *t, const struct posting *p)
{
    if (p->lots == DEC_NONE)
        return;
    held_make(t, p->book, p->product)->net += p->lots;
    held_make(t, "", p->product)->net += p->lots;
}

static void apply_instrument(struct trading *t, const struct instrument *i)
{
    bool known = table_find(&t->instruments, i->instrument) != NULL;
    table_put(&t->instruments, i);
    if (known)
        return;
    table_each(&t->orders, struct order, o) /* rows may be loaded in any order of records */
        if (!strcmp(o->instrument, i->instrument)) hold_order(t, o, 1);
}

static void apply(void *state, enum record_id record, bool removed, const void *row)
{
    struct trading *t = state;
    struct table *own = table(t, record);
    if (record == RECORD_book)
        own = &t->books;
    else if (record == RECORD_limit)
        own = &t->limits;
    if (record == RECORD_posting)
        apply_posting(t, row);
    else if (record == RECORD_order && !removed)
        apply_order(t, row);
    else if (record == RECORD_instrument && !removed)
        apply_instrument(t, row);
    else if (own && removed)
        table_remove(own, row);
    else if (own)
        table_put(own, row);
    int64_t number;
    if (record == RECORD_deal && sscanf(((const struct deal *)row)->id, "D-%ld", &number) == 1 &&
        number > t->deal_number)
        t->deal_number = number;
}

static void import(const struct command *c, struct verdict *d)
{
    for (int i = 0; i < c->row_count; i++)
        decision_put(d, c->record, c->rows[i]);
    decision_object(d, record_of(c->record)->name, "opening desk");
}

static void decide(const void *state, const struct command *c, struct verdict *d)
{
    const struct trading *t = state;
    switch ((int)c->kind) {
    case COMMAND_ORDER_NEW:
        decide_order_new(t, c, d);
        break;
    case COMMAND_ORDER_REPLACE:
        decide_order_replace(t, c, d);
        break;
    case COMMAND_ORDER_CANCEL:
        decide_order_cancel(t, c, d);
        break;
    case COMMAND_ORDER_CANCEL_ALL:
        decide_cancel_all(t, c, d);
        break;
    case COMMAND_HALT:
        decide_halt(t, c, d);
        break;
    case COMMAND_DEAL_NEW:
        decide_deal_new(t, c, d);
        break;
    case COMMAND_DEAL_VOID:
    case COMMAND_DEAL_AMEND:
        decide_deal_change(t, c, d);
        break;
    case COMMAND_DAY_ROLL:
        decide_day_roll(t, c, d);
        break;
    case COMMAND_EXECUTION:
        decide_execution(t, c, d);
        break;
    case COMMAND_UNKNOWN_AT_VENUE:
        decide_unknown(t, c, d);
        break;
    case COMMAND_LIST_INSTRUMENT:
        decision_put(d, RECORD_instrument, c->body);
        decision_object(d, "instrument", ((const struct instrument *)c->body)->instrument);
        break;
    case COMMAND_IMPORT:
        import(c, d);
        break;
    default:
        decision_refuse(d, 404, "trading does not know this command");
    }
}

const struct service_ops trading_ops = {"trading", owns,  mirrors, create, destroy,
                                        decide,    apply, table,   NULL};

date trading_business_date(const void *state)
{
    const struct halt *h = trading_halt(state);
    return h ? h->business_date : DATE_NONE;
}

bool trading_halted(const void *state)
{
    const struct halt *h = trading_halt(state);
    return h && h->halted;
}

int64_t trading_venue_sequence(const void *state)
{
    const struct trading *t = state;
    const struct venue_session *s = table_find(&t->sessions, "venue");
    return s ? s->sequence : 0;
}

int trading_precheck(const void *state, const struct command *c, struct check out[CHECKS_MAX])
{
    const struct trading *t = state;
    struct order o;
    order_from_request(t, c, &o);
    const struct order *old =
        table_get(&t->orders, &o.id, sizeof o.id); /* a replace names the order it changes */
    return checks_run(t, c, &o, old && order_working(old) ? old : NULL, out, CHECKS_MAX);
}

bool trading_knows_books(const void *state)
{
    return table_live(&((const struct trading *)state)->books) > 0;
}

bool trading_knows_limits(const void *state)
{
    return table_live(&((const struct trading *)state)->limits) > 0;
}
