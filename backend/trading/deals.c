#include <stdio.h>
#include <string.h>
#include "backend/trading/state.h"
#include "common/product.h"

/* A leg's months are postings of its own, so that a quarter nets against its months. */
static void post_leg(const struct deal *deal, const struct deal_leg *leg, int sign, const struct command *c,
                     struct verdict *d)
{
    const struct product *p = product_named(leg->product);
    for (date m = leg->delivery_start; m < leg->delivery_end; m = date_month_start(m, 1)) {
        struct instrument i;
        struct posting q;
        product_instrument(p, m, &i);
        record_clear(RECORD(posting), &q);
        q.id = decision_id(d, c);
        snprintf(q.source, sizeof q.source, "%s", deal->id);
        snprintf(q.leg, sizeof q.leg, "%s", leg->id);
        snprintf(q.book, sizeof q.book, "%s", deal->book);
        snprintf(q.instrument, sizeof q.instrument, "%s", i.instrument);
        snprintf(q.product, sizeof q.product, "%s", leg->product);
        snprintf(q.location, sizeof q.location, "%s", leg->location);
        q.profile = i.profile;
        q.delivery_start = i.delivery_start;
        q.delivery_end = i.delivery_end;
        int hours = product_hours(p, i.delivery_start, i.delivery_end);
        if (leg->rate != DEC_NONE)
            q.quantity = leg->rate * hours * sign; /* bounded by deal_problem */
        else
            q.quantity = leg->quantity * sign;
        if (leg->side == SIDE_SELL)
            q.quantity = -q.quantity;
        snprintf(q.unit, sizeof q.unit, "%s", i.unit);
        q.price = leg->price;
        snprintf(q.currency, sizeof q.currency, "%s", i.currency);
        q.settlement = leg->settlement;
        q.fees = 0;
        q.time = deal->trade_time;
        decision_put(d, RECORD_posting, &q);
    }
}

static bool deal_problem(const struct trading *t, const struct deal_request *q, struct verdict *d,
                         struct period *p)
{
    char why[121];
    const struct book *b = table_find(&t->books, q->book);
    const struct halt *h = trading_halt(t);
    if (!b || b->kind != BOOK_TRADING) {
        decision_refuse(d, 422, "book: no trading book '%s'", q->book);
    } else if (!period_parse(q->instrument, h ? h->business_date : 0, p, why, sizeof why)) {
        decision_refuse(d, 422, "%s", why);
    } else {
        int y, m, day;
        bool hours = p->product->lot == 0;
        date_split(p->start, &y, &m, &day);
        int last_day;
        date_split(p->end, &y, &m, &last_day);
        dec amount = hours ? q->rate : q->quantity;
        if (day != 1 || last_day != 1 || p->hour != TIME_NONE)
            decision_refuse(d, 422, "instrument: expected whole months (a month, quarter, season or year)");
        else if (amount == DEC_NONE || amount <= 0 || amount > DEC_INT(1000000))
            decision_refuse(d, 422, "%s: expected more than 0 and at most 1,000,000",
                            hours ? "rate" : "quantity");
        for (date at = p->start; !d->status && at < p->end; at = date_month_start(at, 1)) {
            struct instrument i;
            product_instrument(p->product, at, &i);
            if (!table_find(&t->instruments, i.instrument))
                decision_refuse(d, 422, "instrument: %s is not listed, so nothing marks it", i.instrument);
        }
    }
    return d->status != 0;
}

static void make_leg(const struct deal *deal, const struct deal_request *q, const struct period *p,
                     struct deal_leg *leg)
{
    record_clear(RECORD(deal_leg), leg);
    snprintf(leg->id, sizeof leg->id, "%s/1", deal->id);
    snprintf(leg->deal, sizeof leg->deal, "%s", deal->id);
    leg->side = q->side;
    snprintf(leg->product, sizeof leg->product, "%s", p->product->code);
    snprintf(leg->location, sizeof leg->location, "%s", q->location);
    leg->profile = p->product->profile;
    leg->delivery_start = p->start;
    leg->delivery_end = p->end;
    leg->price_type = PRICE_FIXED;
    leg->price = q->price;
    snprintf(leg->currency, sizeof leg->currency, "%s", p->product->currency);
    leg->settlement = q->settlement ? q->settlement : SETTLEMENT_PHYSICAL;
    snprintf(leg->unit, sizeof leg->unit, "%s", p->product->unit);
    leg->rate = p->product->lot == 0 ? q->rate : DEC_NONE;
    leg->quantity =
        p->product->lot == 0 ? q->rate * product_hours(p->product, p->start, p->end) : q->quantity;
}

static void fill_deal(struct deal *deal, const struct deal_request *q, const struct command *c)
{
    snprintf(deal->book, sizeof deal->book, "%s", q->book);
    snprintf(deal->counterparty, sizeof deal->counterparty, "%s", q->counterparty);
    snprintf(deal->agreement, sizeof deal->agreement, "%s", q->agreement);
    snprintf(deal->user, sizeof deal->user, "%s", c->actor.user);
    deal->state = DEAL_CONFIRMED;
}

void decide_deal_new(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct deal_request *q = c->body;
    struct deal deal;
    struct deal_leg leg;
    struct period p;
    record_clear(RECORD(deal), &deal);
    snprintf(deal.id, sizeof deal.id, "D-%lld", (long long)t->deal_number + 1);
    decision_object(d, "deal", deal.id);
    if (!actor_scope(&c->actor, q->book)) {
        decision_refuse(d, 403, "%s may not deal in book %s", c->actor.user, q->book);
        return;
    }
    if (trading_halted(t)) {
        decision_refuse(d, 422, "halt: trading is halted");
        return;
    }
    if (deal_problem(t, q, d, &p))
        return;
    fill_deal(&deal, q, c);
    deal.version = 1;
    deal.trade_time = c->now;
    deal.effective_from = trading_business_date(t);
    make_leg(&deal, q, &p, &leg);
    decision_put(d, RECORD_deal, &deal);
    decision_put(d, RECORD_deal_leg, &leg);
    post_leg(&deal, &leg, 1, c, d);
}

/* An amendment and a voiding undo the version before them by opposite postings. */
void decide_deal_change(const struct trading *t, const struct command *c, struct verdict *d)
{
    const struct deal *old = table_find(&t->deals, c->target);
    char leg_id[24];
    struct period p;
    decision_object(d, "deal", c->target);
    if (!old || !actor_scope(&c->actor, old->book)) {
        decision_refuse(d, 404, "no deal %s", c->target);
        return;
    }
    if (c->version != old->version || old->state == DEAL_VOID) {
        decision_refuse(d, old->state == DEAL_VOID ? 409 : 412, "the deal has changed: version is %lld",
                        (long long)old->version);
        return;
    }
    const struct deal_request *q = c->kind == COMMAND_DEAL_AMEND ? c->body : NULL;
    if (q && (strcmp(q->book, old->book) != 0 || deal_problem(t, q, d, &p))) {
        if (!d->status)
            decision_refuse(d, 422, "book: an amendment keeps the book %s", old->book);
        return;
    }
    snprintf(leg_id, sizeof leg_id, "%.16s/1", old->id);
    const struct deal_leg *leg = table_find(&t->legs, leg_id);
    struct deal deal = *old;
    deal.version++;
    deal.state = DEAL_VOID;
    if (leg)
        post_leg(old, leg, -1, c, d);
    if (q) {
        struct deal_leg next;
        fill_deal(&deal, q, c);
        make_leg(&deal, q, &p, &next);
        decision_put(d, RECORD_deal_leg, &next);
        post_leg(&deal, &next, 1, c, d);
    }
    deal.effective_from = trading_business_date(t);
    decision_put(d, RECORD_deal, &deal);
}
