#include "tui/ticket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/product.h"
#include "common/text.h"
#include "tui/app.h"

static const char *const names[TICKET_FIELDS] = {"Side", "Lots", "Instr", "Type", "Price", "TIF", "Book"};
static const int widths[TICKET_FIELDS] = {4, 6, 10, 6, 10, 3, 12};
static const char *const sides[] = {"buy", "sell", NULL}, *const types[] = {"limit", "market", NULL};
static const char *const tifs[] = {"day", "gtc", "ioc", "fok", NULL};
static const char *const *const choices[TICKET_FIELDS] = {
    [TICKET_SIDE] = sides, [TICKET_TYPE] = types, [TICKET_TIF] = tifs};

static bool replacing(const struct ticket *t)
{
    return !uuid_none(&t->replaces.id);
}

/* A replace changes lots and price alone. */
static bool editable(const struct ticket *t, int field)
{
    if (replacing(t))
        return field == TICKET_QUANTITY || field == TICKET_PRICE;
    return field != TICKET_PRICE || strcmp(t->text[TICKET_TYPE], "market") != 0;
}

static void begin(struct app *a)
{
    a->ticket = (struct ticket){.field = TICKET_QUANTITY, .fresh = true, .turn = a->ticket.turn + 1};
    a->mode = MODE_TICKET;
}

static void set(struct ticket *t, int field, const char *text)
{
    snprintf(t->text[field], sizeof t->text[field], "%s", text);
}

void ticket_open(struct app *a, const char *side, const char *instrument, const char *quantity,
                 const char *price, const char *book)
{
    begin(a);
    struct ticket *t = &a->ticket;
    bool market = !strcmp(price, "market");
    set(t, TICKET_SIDE, side);
    set(t, TICKET_QUANTITY, quantity);
    set(t, TICKET_INSTRUMENT, instrument);
    set(t, TICKET_TYPE, market ? "market" : "limit");
    set(t, TICKET_PRICE, market ? "" : price);
    set(t, TICKET_TIF, market ? "ioc" : "day");
    set(t, TICKET_BOOK, book);
    if (!*instrument)
        t->field = TICKET_INSTRUMENT;
}

void ticket_open_replace(struct app *a, const struct order *o)
{
    char text[DEC_TEXT];
    if (o->status != STATUS_NEW && o->status != STATUS_PARTIALLY_FILLED) {
        app_say(a, HIGH, "the order is %s; a replace needs it to be working",
                field_enum_text(RECORD(order), "status", o->status));
        return;
    }
    begin(a);
    struct ticket *t = &a->ticket;
    t->replaces = *o;
    set(t, TICKET_SIDE, field_enum_text(RECORD(order), "side", o->side));
    dec_format(o->quantity, text);
    set(t, TICKET_QUANTITY, text);
    set(t, TICKET_INSTRUMENT, o->instrument);
    set(t, TICKET_TYPE, field_enum_text(RECORD(order), "type", o->type));
    dec_format(o->price, text);
    set(t, TICKET_PRICE, text);
    set(t, TICKET_TIF, field_enum_text(RECORD(order), "time_in_force", o->time_in_force));
    set(t, TICKET_BOOK, o->book);
}

/* ---- the request ---- */

/* The listed instrument that a usual spelling means. */
static bool resolve(const struct app *a, const char *text, char out[25], char *why, size_t room)
{
    struct period p;
    date today = DATE_NONE;
    client_lock(a->client);
    const struct desk *d = table_find(app_table(a, RECORD_desk), "firm");
    if (d)
        today = d->business_date;
    if (table_find(app_table(a, RECORD_instrument), text)) {
        snprintf(out, 25, "%s", text);
        client_unlock(a->client);
        return true;
    }
    client_unlock(a->client);
    if (!period_parse(text, today == DATE_NONE ? 0 : today, &p, why, room))
        return false;
    period_name(&p, out);
    client_lock(a->client);
    bool listed = table_find(app_table(a, RECORD_instrument), out) != NULL;
    client_unlock(a->client);
    if (!listed)
        snprintf(why, room, "instrument '%s': no such contract is listed", out);
    return listed;
}

bool ticket_request(const struct app *a, const struct ticket *t, struct order_request *q, char *why,
                    size_t room)
{
    static const struct {
        int field;
        const char *name;
    } plain[] = {{TICKET_SIDE, "side"},
                 {TICKET_QUANTITY, "quantity"},
                 {TICKET_TYPE, "type"},
                 {TICKET_TIF, "time_in_force"},
                 {TICKET_BOOK, "book"}};
    const struct record *r = RECORD(order_request);
    char instrument[25];
    record_clear(r, q);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!field_set(record_field(r, plain[i].name), q, t->text[plain[i].field], why, room))
            return false;
    if (q->quantity <= 0 || q->quantity % DEC_ONE) {
        snprintf(why, room, "quantity '%s': expected a whole number of lots, at least 1",
                 t->text[TICKET_QUANTITY]);
        return false;
    }
    if (!resolve(a, t->text[TICKET_INSTRUMENT], instrument, why, room))
        return false;
    snprintf(q->instrument, sizeof q->instrument, "%s", instrument);
    return q->type == TYPE_MARKET || field_set(record_field(r, "price"), q, t->text[TICKET_PRICE], why, room);
}

/* ---- review ---- */

static bool current(const struct app *a, int64_t tag)
{
    return a->mode == MODE_TICKET && a->ticket.review != REVIEW_NONE && a->ticket.turn == tag;
}

static void take_checks(struct ticket *t, const json_t *rows)
{
    char why[120];
    t->check_count = 0;
    t->refused = false;
    for (int pass = 0; pass < 2; pass++) { /* those that refuse come first */
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
        {
            struct check k;
            if (!record_read(RECORD(check), row, &k, false, why, sizeof why) || k.refused == (pass == 1) ||
                t->check_count == TICKET_CHECKS)
                continue;
            t->checks[t->check_count++] = k;
            t->refused |= k.refused;
        }
    }
}

static void checked(struct app *a, int64_t tag, int status, const char *body)
{
    struct ticket *t = &a->ticket;
    json_error_t e;
    if (!current(a, tag))
        return;
    json_t *answer = status == 200 ? json_loads(body, 0, &e) : NULL;
    if (!answer) {
        client_problem(body, t->problem, sizeof t->problem);
        t->review = REVIEW_NONE;
        return;
    }
    take_checks(t, json_object_get(answer, "rows"));
    t->review = REVIEW_DONE;
    json_decref(answer);
}

static void priced(struct app *a, int64_t tag, int status, const char *body)
{
    struct ticket *t = &a->ticket;
    if (current(a, tag))
        t->whatif_known =
            status == 200 && record_parse(RECORD(whatif_answer), body, strlen(body), &t->whatif);
}

static void review(struct app *a)
{
    struct ticket *t = &a->ticket;
    struct buf b = {0};
    *t->problem = 0;
    t->whatif_known = false;
    t->check_count = 0;
    t->review = REVIEW_NONE;
    if (!ticket_request(a, t, &t->request, t->problem, sizeof t->problem))
        return;
    t->review = REVIEW_ASKED;
    t->turn++;
    struct order_request q = t->request;
    q.id = t->replaces.id; /* none for a new order */
    record_json(RECORD(order_request), &q, &b);
    app_ask(a, "POST", "/v1/trading/precheck", b.data, t->turn, checked);
    if (replacing(t) && q.quantity > t->replaces.filled_quantity)
        q.quantity -= t->replaces.filled_quantity; /* what is filled is in the position already */
    buf_clear(&b);
    record_json(RECORD(order_request), &q, &b);
    app_ask(a, "POST", "/v1/risk/whatif", b.data, t->turn, priced);
    buf_free(&b);
}

static void send(struct app *a)
{
    struct ticket *t = &a->ticket;
    a->mode = MODE_KEYS;
    if (!replacing(t)) {
        app_send_order(a, &t->request);
        return;
    }
    char path[100], id[UUID_TEXT];
    struct replace_request q;
    struct buf b = {0};
    record_clear(RECORD(replace_request), &q);
    q.quantity = t->request.quantity;
    q.price = t->request.price;
    q.expires = app_now(a) + 10 * SECOND;
    record_json(RECORD(replace_request), &q, &b);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&t->replaces.id, id));
    app_send(a, "PATCH", path, b.data, t->replaces.version, RECORD(order), "replace sent");
    buf_free(&b);
}

/* ---- editing ---- */

static void go(struct ticket *t, int step)
{
    do
        t->field = (t->field + step + TICKET_FIELDS) % TICKET_FIELDS;
    while (!editable(t, t->field));
    t->fresh = true;
}

static void changed(struct ticket *t)
{
    t->review = REVIEW_NONE;
    *t->problem = 0;
}

/* The next choice, or the one that begins with the letter. */
static void choose(struct ticket *t, const char *letter)
{
    const char *const *list = choices[t->field];
    int at = -1, next = -1;
    for (int i = 0; list[i]; i++) {
        if (!strcmp(list[i], t->text[t->field]))
            at = i;
        if (letter && list[i][0] == *letter)
            next = i;
    }
    if (!letter)
        next = list[at + 1] ? at + 1 : 0;
    if (next < 0)
        return;
    set(t, t->field, list[next]);
    if (t->field == TICKET_TYPE) { /* a market order takes what is there and leaves nothing behind */
        bool market = !strcmp(list[next], "market");
        set(t, TICKET_TIF, market ? "ioc" : "day");
        if (market)
            *t->text[TICKET_PRICE] = 0;
    }
    changed(t);
}

static void step_price(const struct app *a, struct ticket *t, int ticks)
{
    char instrument[25], why[120];
    dec price, tick = DEC_NONE;
    if (!resolve(a, t->text[TICKET_INSTRUMENT], instrument, why, sizeof why) ||
        !dec_parse(t->text[TICKET_PRICE], &price))
        return;
    client_lock(a->client);
    const struct instrument *i = table_find(app_table(a, RECORD_instrument), instrument);
    if (i)
        tick = i->tick;
    client_unlock(a->client);
    if (tick == DEC_NONE || !dec_add(price, ticks * tick, &price))
        return;
    dec_format_places(price, dec_places(tick), false, t->text[TICKET_PRICE]);
    changed(t);
}

static void type_text(struct ticket *t, const char *text)
{
    char *field = t->text[t->field];
    size_t n = t->fresh ? 0 : strlen(field);
    if (n + strlen(text) >= sizeof t->text[0])
        return;
    snprintf(field + n, sizeof t->text[0] - n, "%s", text);
    t->fresh = false;
    changed(t);
}

static void erase(struct ticket *t)
{
    size_t n = strlen(t->text[t->field]);
    if (t->fresh)
        n = 0;
    while (n && ((unsigned char)t->text[t->field][n - 1] & 0xc0) == 0x80)
        n--;
    t->text[t->field][n ? n - 1 : 0] = 0;
    t->fresh = false;
    changed(t);
}

/* Letters are no part of a figure. */
static bool fits(int field, const char *key)
{
    return field == TICKET_QUANTITY
               ? *key >= '0' && *key <= '9'
               : field != TICKET_PRICE || (*key >= '0' && *key <= '9') || *key == '.' || *key == '-';
}

void ticket_key(struct app *a, const char *key)
{
    struct ticket *t = &a->ticket;
    bool list = choices[t->field] != NULL;
    uint32_t code;
    int n = text_decode(key, &code);
    if (!strcmp(key, "Esc") || !strcmp(key, "C-c")) {
        a->mode = MODE_KEYS;
        app_say(a, NORMAL, "nothing was sent");
    } else if (!strcmp(key, "y") && t->review == REVIEW_DONE)
        send(a);
    else if (!strcmp(key, "y") && t->review == REVIEW_ASKED)
        app_say(a, WARN, "not yet: the review has not come");
    else if (!strcmp(key, "Enter"))
        review(a);
    else if (!strcmp(key, "Tab") || !strcmp(key, "Down"))
        go(t, 1);
    else if (!strcmp(key, "S-Tab") || !strcmp(key, "Up"))
        go(t, -1);
    else if (!editable(t, t->field))
        app_say(a, NORMAL, "a replace changes lots and price");
    else if (!strcmp(key, "Backspace") && !list)
        erase(t);
    else if (t->field == TICKET_PRICE &&
             (!strcmp(key, "+") || (!strcmp(key, "-") && !t->fresh && *t->text[TICKET_PRICE])))
        step_price(a, t, *key == '+' ? 1 : -1);
    else if (list && (!strcmp(key, "Space") || (n && !key[n])))
        choose(t, strcmp(key, "Space") ? key : NULL);
    else if (n && !key[n] && fits(t->field, key))
        type_text(t, key);
}

/* ---- drawing ---- */

int ticket_height(const struct ticket *t)
{
    return t->review == REVIEW_DONE ? 5 + t->check_count : 3;
}

static void draw_fields(const struct ticket *t, struct canvas *c, struct rect r, int *cy, int *cx)
{
    int x = r.x + 1;
    for (int i = 0; i < TICKET_FIELDS; i++) {
        int label = (int)strlen(names[i]), width = widths[i];
        if (x + label + 1 + width > r.x + r.w)
            break;
        canvas_text(c, r.y + 1, x, label, MUTED, names[i]);
        enum ink role = i == TICKET_SIDE ? (t->text[i][0] == 'b' ? BUY : SELL)
                        : i == t->field  ? INPUT
                                         : NORMAL;
        canvas_text(c, r.y + 1, x + label + 1, width, role, t->text[i]);
        if (i == t->field) {
            int w = text_width(t->text[i]);
            canvas_bold(c, r.y + 1, x + label + 1, width);
            *cy = r.y + 1;
            *cx = x + label + 1 + (t->fresh ? 0 : w < width ? w : width);
        }
        x += label + width + 3;
    }
}

static char *amount(dec v, const char *unit, char out[DEC_TEXT])
{
    if (!strcmp(unit, "share") && v != DEC_NONE) {
        dec_format_places(v * 100, 1, false, out);
        strcat(out, "%");
    } else
        dec_format_places(v, 0, true, out);
    return out;
}

static void draw_check(const struct check *k, struct canvas *c, int y, struct rect r)
{
    char text[3][DEC_TEXT], line[240];
    enum ink role = k->refused ? HIGH : NORMAL;
    canvas_text(c, y, r.x + 1, 16, role, k->rule);
    canvas_text(c, y, r.x + 18, 6, MUTED, k->number);
    if (k->after == DEC_NONE) {
        canvas_text(c, y, r.x + 25, r.w - 25, role, k->detail);
        return;
    }
    bool before = k->before != DEC_NONE;
    snprintf(line, sizeof line, "%12s %s %-12s of %-12s %s%s", amount(k->before, k->unit, text[0]),
             before ? "->" : "  ", amount(k->after, k->unit, text[1]), amount(k->limit, k->unit, text[2]),
             !strcmp(k->unit, "share") ? "from the mark" : k->unit, k->refused ? "   REFUSED" : "");
    canvas_text(c, y, r.x + 25, r.w - 25, role, line);
}

static void draw_var(const struct ticket *t, struct canvas *c, int y, struct rect r)
{
    char text[4][DEC_TEXT], line[200];
    const struct whatif_answer *w = &t->whatif;
    if (!t->whatif_known) {
        canvas_text(c, y, r.x + 1, r.w - 1, MUTED, "VaR is being computed");
        return;
    }
    const dec figures[] = {w->var_before, w->var_after, w->firm_before, w->firm_after};
    for (int i = 0; i < 4; i++)
        dec_format_places(figures[i], 0, true, text[i]);
    snprintf(line, sizeof line, "VaR %.24s %s -> %s   firm %s -> %s %.3s, if it is filled", w->book, text[0],
             text[1], text[2], text[3], w->currency);
    canvas_text(c, y, r.x + 1, r.w - 1, NORMAL, line);
}

void ticket_draw(const struct app *a, struct canvas *c, struct rect r, int *y, int *x)
{
    const struct ticket *t = &a->ticket;
    bool done = t->review == REVIEW_DONE;
    const char *title = replacing(t)
                            ? "REPLACE  Tab next field  Enter review  Esc leave"
                            : "ORDER TICKET  Tab next field  Space next choice  Enter review  Esc leave";
    for (int i = 0; i < r.h; i++)
        canvas_text(c, r.y + i, r.x, r.w, NORMAL, "");
    canvas_text(c, r.y, r.x, r.w, FOCUS, title);
    draw_fields(t, c, r, y, x);
    if (*t->problem)
        canvas_text(c, r.y + 2, r.x + 1, r.w - 1, HIGH, t->problem);
    else if (t->review == REVIEW_ASKED)
        canvas_text(c, r.y + 2, r.x + 1, r.w - 1, MUTED, "asking the backend");
    else if (!done)
        canvas_text(c, r.y + 2, r.x + 1, r.w - 1, MUTED,
                    "Enter shows what it does to limits and VaR; nothing is sent before y");
    if (!done)
        return;
    draw_var(t, c, r.y + 2, r);
    int room = r.h - 4;
    for (int i = 0; i < t->check_count && i < room; i++)
        draw_check(&t->checks[i], c, r.y + 3 + i, r);
    canvas_text(c, r.y + r.h - 1, r.x + 1, r.w - 1, t->refused ? HIGH : INPUT,
                t->refused ? "It will be REFUSED as it stands.  y sends it all the same, an edit undoes the "
                             "review, Esc leaves"
                           : "y sends it, an edit undoes the review, Esc leaves");
}
