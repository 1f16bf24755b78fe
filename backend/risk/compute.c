/* VaR jobs: what they need is copied on the loop, computed in the pool, published on the loop. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/risk/state.h"
#include "common/product.h"

#define ROUND (1 * SECOND)

struct job {
    struct node *node;
    struct risk *risk;
    char book[25];
    struct var_request_data data[4];
    struct var_result results[4];
    int count;
    bool live;
    risk_var_fn *var_done;
    risk_whatif_fn *whatif_done;
    void *arg;
};

static void run(void *arg)
{
    struct job *j = arg;
    for (int i = 0; i < j->count; i++)
        var_compute(j->risk->history, &j->data[i], &j->results[i]);
}

static void job_free(struct job *j)
{
    for (int i = 0; i < j->count; i++)
        free(j->data[i].positions);
    free(j);
}

static void put_position(struct var_request_data *q, const struct position *p, dec mark)
{
    const struct product *product = product_named(p->product);
    struct var_position *v = &q->positions[q->count++];
    *v = (struct var_position){.month = p->delivery_start, .price = dec_double(mark)};
    double scale = product ? dec_double(product->price_scale) : 1;
    snprintf(v->product, sizeof v->product, "%.11s", p->product);
    v->per_price = dec_double(p->quantity) * scale;
    v->unrealised = dec_double(p->quantity) * scale * dec_double(mark) - dec_double(p->cost);
    snprintf(v->currency, sizeof v->currency, "%s", p->currency);
    v->relative = product && product->changes == CHANGE_RELATIVE;
}

/* Positions of the book (the firm for "FIRM") with room for one more. False when a rate is missing. */
static bool gather(struct node *n, const struct risk *r, const char *book, struct var_request_data *q)
{
    dec eurusd, gbpusd, mark;
    int64_t now = node_now(n);
    struct cache *cache = node_cache(n);
    *q = (struct var_request_data){.confidence = DEC_ONE / 100 * 99,
                                   .window = VAR_WINDOW_MAX,
                                   .as_of = r->business_date == DATE_NONE ? DATE_NONE : r->business_date - 1};
    q->positions = mem_new((size_t)(r->positions.count + 1) * sizeof *q->positions);
    bool rates = cache_mark(cache, "EURUSD", now, &eurusd);
    q->eurusd = rates ? dec_double(eurusd) : 1;
    q->gbpusd = cache_mark(cache, "GBPUSD", now, &gbpusd) ? dec_double(gbpusd) : 1;
    table_each(&r->positions, const struct position, p)
    {
        if (!p->quantity || (strcmp(book, "FIRM") != 0 && strcmp(book, p->book) != 0))
            continue;
        if (cache_mark(cache, p->instrument, now, &mark) || p->mark != DEC_NONE)
            put_position(q, p, mark != DEC_NONE ? mark : p->mark);
    }
    return rates;
}

static dec money(double v)
{
    dec out;
    return dec_from_double(round(v), &out) ? out : DEC_NONE;
}

static void fill_answer(const struct job *j, struct var_answer *a)
{
    const struct var_result *v = &j->results[0];
    record_clear(RECORD(var_answer), a);
    snprintf(a->book, sizeof a->book, "%s", j->book);
    a->var = money(v->var);
    a->expected_shortfall = money(v->expected_shortfall);
    snprintf(a->currency, sizeof a->currency, "%s", BASE_CURRENCY);
    a->scenarios = v->scenarios;
    a->window = j->data[0].window;
    snprintf(a->marks, sizeof a->marks, "%s", j->live ? "live" : "last");
    a->worst_date = v->worst_date;
    a->as_of = node_now(j->node);
}

static void round_done(void *arg)
{
    struct job *j = arg;
    struct risk *r = j->risk;
    struct var_answer a;
    fill_answer(j, &a);
    if (j->results[0].computed) {
        struct var v;
        record_clear(RECORD(var), &v);
        snprintf(v.book, sizeof v.book, "%s", j->book);
        v.var = a.var;
        v.expected_shortfall = a.expected_shortfall;
        snprintf(v.currency, sizeof v.currency, "%s", a.currency);
        v.scenarios = a.scenarios;
        v.window = a.window;
        snprintf(v.marks, sizeof v.marks, "%s", a.marks);
        v.worst_date = a.worst_date;
        v.as_of = a.as_of;
        snprintf(v.forced_absolute, sizeof v.forced_absolute, "%s", j->results[0].forced);
        const struct var *before = table_find(&r->vars, v.book);
        if (!before || before->var != v.var || before->expected_shortfall != v.expected_shortfall) {
            table_put(&r->vars, &v);
            node_publish(j->node, RECORD_var, &v);
        }
    }
    if (--r->running == 0 && !r->moved)
        r->settled = true;
    job_free(j);
}

static void start(struct node *n, struct risk *r, const char *book)
{
    struct job *j = mem_new(sizeof *j);
    j->node = n;
    j->risk = r;
    j->count = 1;
    snprintf(j->book, sizeof j->book, "%s", book);
    j->live = gather(n, r, book, &j->data[0]);
    r->running++;
    if (!pool_submit(r->pool, run, round_done, j)) {
        r->running--;
        job_free(j);
    }
}

/* What a round would be computed from: equal sums, equal VaR. */
static uint64_t inputs(struct node *n, const struct risk *r)
{
    struct var_request_data q;
    uint64_t h = UINT64_C(1469598103934665603);
    gather(n, r, "FIRM", &q);
    const double rates[] = {q.eurusd, q.gbpusd, (double)q.as_of};
    const struct {
        const void *bytes;
        size_t n;
    } parts[] = {{rates, sizeof rates}, {q.positions, (size_t)q.count * sizeof *q.positions}};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < parts[k].n; i++)
            h = (h ^ ((const unsigned char *)parts[k].bytes)[i]) * UINT64_C(1099511628211);
    free(q.positions);
    return h;
}

void risk_compute(struct node *n, struct risk *r)
{
    int64_t now = node_now(n);
    if (r->running || (r->computed && now - r->computed < ROUND && now >= r->computed))
        return;
    r->computed = now;
    uint64_t h = inputs(n, r);
    if (r->settled && !r->moved && h == r->inputs)
        return; /* a market that stands still costs nothing */
    r->inputs = h;
    r->moved = false;
    table_each(&r->books, const struct book, b) if (b->kind == BOOK_TRADING) start(n, r, b->book);
    if (table_live(&r->books))
        start(n, r, "FIRM");
}

void risk_start(struct node *n, struct history *history, struct pool *pool)
{
    struct risk *r = node_state(n, "risk");
    r->history = history;
    r->pool = pool;
}

bool risk_settled(const struct node *n)
{
    const struct risk *r = node_state((struct node *)(uintptr_t)n, "risk");
    return r && r->settled && !r->moved && !r->running;
}

static void var_done(void *arg)
{
    struct job *j = arg;
    struct var_answer a;
    fill_answer(j, &a);
    j->var_done(j->arg, &a,
                j->results[0].computed ? NULL : "there are too few common dates in the price history");
    job_free(j);
}

void risk_var(struct node *n, const struct var_request *q, risk_var_fn *done, void *arg)
{
    struct risk *r = node_state(n, "risk");
    const char *book = *q->book ? q->book : "FIRM", *problem = NULL;
    dec confidence = q->confidence != DEC_NONE ? q->confidence : DEC_ONE / 100 * 99;
    int64_t window = q->window != INT64_MIN ? q->window : VAR_WINDOW_MAX;
    if (*q->method && strcmp(q->method, "historical") != 0)
        problem = "method: expected historical";
    else if (q->horizon_days != INT64_MIN && q->horizon_days != 1)
        problem = "horizon_days: expected 1";
    else if (confidence <= 0 || confidence >= DEC_ONE)
        problem = "confidence: expected more than 0 and less than 1";
    else if (window < 20 || window > VAR_WINDOW_MAX)
        problem = "window: expected 20 to 500";
    else if (strcmp(book, "FIRM") != 0 && !table_find(&r->books, book))
        problem = "book: no such book";
    if (problem) {
        done(arg, NULL, problem);
        return;
    }
    struct job *j = mem_new(sizeof *j);
    j->node = n;
    j->risk = r;
    j->count = 1;
    j->var_done = done;
    j->arg = arg;
    snprintf(j->book, sizeof j->book, "%s", book);
    j->live = gather(n, r, book, &j->data[0]);
    j->data[0].confidence = confidence;
    j->data[0].window = (int)window;
    if (!pool_submit(r->pool, run, var_done, j)) {
        job_free(j);
        done(arg, NULL, "busy: try again");
    }
}

static void whatif_done(void *arg)
{
    struct job *j = arg;
    struct whatif_answer a;
    record_clear(RECORD(whatif_answer), &a);
    snprintf(a.book, sizeof a.book, "%s", j->book);
    a.var_before = money(j->results[0].var);
    a.var_after = money(j->results[1].var);
    a.firm_before = money(j->results[2].var);
    a.firm_after = money(j->results[3].var);
    snprintf(a.currency, sizeof a.currency, "%s", BASE_CURRENCY);
    j->whatif_done(j->arg, &a, NULL);
    job_free(j);
}

/* The order as a position of its own, bought or sold at the price it names (the mark for a market order). */
static void add_order(struct var_request_data *q, const struct order_request *o, const struct instrument *i,
                      dec mark)
{
    struct position p;
    record_clear(RECORD(position), &p);
    snprintf(p.product, sizeof p.product, "%s", i->product);
    snprintf(p.currency, sizeof p.currency, "%s", i->currency);
    p.delivery_start = i->delivery_start;
    if (!dec_mul(o->side == SIDE_BUY ? o->quantity : -o->quantity, i->lot_quantity, &p.quantity))
        p.quantity = 0;
    const dec factors[] = {p.quantity, o->price != DEC_NONE ? o->price : mark, i->price_scale};
    if (!dec_product(factors, 3, &p.cost))
        p.cost = 0;
    put_position(q, &p, mark);
}

void risk_whatif(struct node *n, const struct order_request *o, risk_whatif_fn *done, void *arg)
{
    struct risk *r = node_state(n, "risk");
    const struct instrument *i = table_find(&r->instruments, o->instrument);
    dec mark;
    if (!i || !table_find(&r->books, o->book)) {
        done(arg, NULL, i ? "book: no such book" : "instrument: no such instrument");
        return;
    }
    if (!cache_mark(node_cache(n), o->instrument, node_now(n), &mark) || o->quantity == DEC_NONE) {
        done(arg, NULL, "quantity and a mark are needed");
        return;
    }
    struct job *j = mem_new(sizeof *j);
    j->node = n;
    j->risk = r;
    j->count = 4;
    j->whatif_done = done;
    j->arg = arg;
    snprintf(j->book, sizeof j->book, "%s", o->book);
    for (int k = 0; k < 4; k++) {
        gather(n, r, k < 2 ? o->book : "FIRM", &j->data[k]);
        if (k % 2)
            add_order(&j->data[k], o, i, mark);
    }
    if (!pool_submit(r->pool, run, whatif_done, j)) {
        job_free(j);
        done(arg, NULL, "busy: try again");
    }
}
