#include "tui/orders.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tui/app.h"

#define FAIL(a, ...) (app_say(a, HIGH, __VA_ARGS__), false)

bool app_selected(struct app *a, enum record_id record, void *row)
{
    struct pane *p = app_focused(a);
    const void *found = NULL;
    client_lock(a->client);
    if (p->view && p->view->record == record && (found = view_row(p, p->view)))
        memcpy(row, found, record_of(record)->size);
    client_unlock(a->client);
    return found != NULL;
}

/* The row that a word names, by key or by `number`; with no word, the selected one. */
static bool pick(struct app *a, enum record_id record, const char *word, void *row)
{
    const struct record *r = record_of(record);
    const struct field *number = record_field(r, "number");
    bool found = false;
    if (!*word)
        return app_selected(a, record, row)
                   ? true
                   : FAIL(a, "select %s %s first", strchr("aeiou", *r->name) ? "an" : "a", r->name);
    client_lock(a->client);
    struct table *t = app_table(a, record);
    table_each(t, const void, it)
    {
        char key[100], people[40] = "";
        record_key_text(r, it, key, sizeof key);
        if (number)
            field_text(number, it, people, sizeof people);
        if (!found && (!strcmp(key, word) || !strcmp(people, word))) {
            memcpy(row, it, r->size);
            found = true;
        }
    }
    client_unlock(a->client);
    return found ? true : FAIL(a, "no %s %s", r->name, word);
}

/* Asks y first when there is a screen; `line` is the command that y runs. */
static bool sure(struct app *a, const char *line, const char *question)
{
    if (a->headless)
        return true;
    if (!strcmp(a->asked, line) && *a->question) {
        *a->question = 0;
        *a->asked = 0;
        return true;
    }
    snprintf(a->asked, sizeof a->asked, "%s", line);
    snprintf(a->question, sizeof a->question, "%s  y: yes, any other key: no", question);
    a->mode = MODE_ASK;
    return false;
}

/* ---- orders ---- */

bool do_book(struct app *a, const char *args)
{
    client_lock(a->client);
    const struct book *b = table_find(app_table(a, RECORD_book), args);
    bool ok = b && b->kind == BOOK_TRADING;
    client_unlock(a->client);
    if (!ok)
        return FAIL(a, "book '%s': expected a trading book", args);
    snprintf(a->book, sizeof a->book, "%s", args);
    app_say(a, NORMAL, "new orders go to %s", args);
    return true;
}

/* The book that holds the instrument, else one that holds the product. */
static void holder(struct app *a, const char *instrument, char book[TICKET_TEXT])
{
    bool same = false;
    *book = 0;
    client_lock(a->client);
    const struct quote *q = table_find(app_table(a, RECORD_quote), instrument);
    struct table *t = app_table(a, RECORD_position);
    table_each(t, const struct position, p)
    {
        bool exact = !strcmp(p->instrument, instrument);
        if (same || (!exact && (!q || strcmp(p->product, q->product) != 0)))
            continue;
        snprintf(book, TICKET_TEXT, "%s", p->book);
        same = exact;
    }
    client_unlock(a->client);
}

/* What the selected row says about an instrument: a quote, a position or an order. */
static void from_row(struct app *a, bool buy, char instrument[TICKET_TEXT], char price[TICKET_TEXT],
                     char book[TICKET_TEXT])
{
    struct quote q;
    struct position p;
    struct order o;
    *instrument = *price = *book = 0;
    if (app_selected(a, RECORD_quote, &q)) {
        snprintf(instrument, TICKET_TEXT, "%s", q.instrument);
        holder(a, q.instrument, book);
    } else if (app_selected(a, RECORD_position, &p)) {
        snprintf(instrument, TICKET_TEXT, "%s", p.instrument);
        snprintf(book, TICKET_TEXT, "%s", p.book);
    } else if (app_selected(a, RECORD_order, &o)) {
        snprintf(instrument, TICKET_TEXT, "%s", o.instrument);
        snprintf(book, TICKET_TEXT, "%s", o.book);
    }
    client_lock(a->client);
    const struct quote *now = *instrument ? table_find(app_table(a, RECORD_quote), instrument) : NULL;
    dec v = now ? (buy ? now->ask : now->bid) : DEC_NONE;
    if (v != DEC_NONE)
        dec_format_places(v, dec_places(now->tick), false, price);
    client_unlock(a->client);
}

/* buy LOTS INSTRUMENT PRICE|market [BOOK], without a screen: sent as it stands. */
static bool send_now(struct app *a, const char *side, const char *args)
{
    struct ticket t = {0};
    struct order_request q;
    char why[200], price[TICKET_TEXT];
    snprintf(t.text[TICKET_SIDE], TICKET_TEXT, "%s", side);
    command_word(&args, t.text[TICKET_QUANTITY], TICKET_TEXT);
    command_word(&args, t.text[TICKET_INSTRUMENT], TICKET_TEXT);
    command_word(&args, price, sizeof price);
    bool market = !strcmp(price, "market");
    snprintf(t.text[TICKET_TYPE], TICKET_TEXT, "%s", market ? "market" : "limit");
    snprintf(t.text[TICKET_PRICE], TICKET_TEXT, "%s", market ? "" : price);
    snprintf(t.text[TICKET_TIF], TICKET_TEXT, "%s", market ? "ioc" : "day");
    if (!*command_word(&args, t.text[TICKET_BOOK], TICKET_TEXT))
        snprintf(t.text[TICKET_BOOK], TICKET_TEXT, "%s", app_book(a));
    if (!ticket_request(a, &t, &q, why, sizeof why))
        return FAIL(a, "%s", why);
    app_send_order(a, &q);
    return !a->failed;
}

static bool enter(struct app *a, const char *side, const char *args)
{
    char instrument[TICKET_TEXT], price[TICKET_TEXT], book[TICKET_TEXT], lots[TICKET_TEXT];
    if (a->headless)
        return send_now(a, side, args);
    from_row(a, *side == 'b', instrument, price, book);
    if (*args) {
        command_word(&args, lots, sizeof lots);
        char word[TICKET_TEXT];
        if (*command_word(&args, word, sizeof word)) {
            snprintf(instrument, sizeof instrument, "%s", word);
            *price = 0;
            holder(a, instrument, book);
        }
        if (*command_word(&args, word, sizeof word))
            snprintf(price, sizeof price, "%s", word);
        if (*command_word(&args, word, sizeof word))
            snprintf(book, sizeof book, "%s", word);
    } else
        snprintf(lots, sizeof lots, "1");
    ticket_open(a, side, instrument, lots, price, *a->book || !*book ? app_book(a) : book);
    return true;
}

bool do_buy(struct app *a, const char *args)
{
    return enter(a, "buy", args);
}

bool do_sell(struct app *a, const char *args)
{
    return enter(a, "sell", args);
}

bool do_replace(struct app *a, const char *args)
{
    struct order o;
    char id[40], lots[25], price[25], path[120], why[200];
    struct replace_request q;
    struct buf b = {0};
    if (!pick(a, RECORD_order, command_word(&args, id, sizeof id), &o))
        return false;
    command_word(&args, lots, sizeof lots);
    command_word(&args, price, sizeof price);
    if (!*lots && !a->headless) {
        ticket_open_replace(a, &o);
        return true;
    }
    record_clear(RECORD(replace_request), &q);
    if (!field_set(record_field(RECORD(replace_request), "quantity"), &q, lots, why, sizeof why) ||
        (*price && !field_set(record_field(RECORD(replace_request), "price"), &q, price, why, sizeof why)))
        return FAIL(a, "%s", why);
    record_json(RECORD(replace_request), &q, &b);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&o.id, id));
    app_send(a, "PATCH", path, b.data, o.version, RECORD(order), "replace sent");
    buf_free(&b);
    return !a->failed;
}

bool do_cancel(struct app *a, const char *args)
{
    struct order o;
    char path[120], id[UUID_TEXT];
    if (!pick(a, RECORD_order, args, &o))
        return false;
    snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&o.id, id));
    app_send(a, "DELETE", path, NULL, INT64_MIN, RECORD(order), "cancel sent");
    return !a->failed;
}

static void send_halt(struct app *a, const char *path, bool halted, const char *reason, const char *book,
                      const struct record *answer, const char *verb)
{
    struct halt_request q;
    struct buf b = {0};
    record_clear(RECORD(halt_request), &q);
    q.halted = halted;
    snprintf(q.reason, sizeof q.reason, "%.120s", reason);
    snprintf(q.book, sizeof q.book, "%s", book);
    record_json(RECORD(halt_request), &q, &b);
    app_send(a, "POST", path, b.data, INT64_MIN, answer, verb);
    buf_free(&b);
}

bool do_cancel_all(struct app *a, const char *args)
{
    char line[60], question[120], book[25];
    snprintf(book, sizeof book, "%s", *args ? args : app_book(a));
    snprintf(line, sizeof line, "cancel-all %s", book);
    snprintf(question, sizeof question, "cancel every working order of %s?", book);
    if (sure(a, line, question))
        send_halt(a, "/v1/trading/orders/cancel-all", false, "", book, NULL, "cancels sent");
    return !a->failed;
}

bool do_halt(struct app *a, const char *args)
{
    char line[160];
    snprintf(line, sizeof line, "halt %.140s", args);
    if (sure(a, line, "HALT: stop all new orders of the firm and cancel every working one?"))
        send_halt(a, "/v1/trading/halt", true, args, "", RECORD(halt), "trading is halted");
    return !a->failed;
}

bool do_unhalt(struct app *a, const char *args)
{
    send_halt(a, "/v1/trading/halt", false, args, "", RECORD(halt), "new orders are allowed");
    return !a->failed;
}

/* deal buy|sell MW|QUANTITY PERIOD PRICE BOOK COUNTERPARTY */
bool do_deal(struct app *a, const char *args)
{
    static const char *const fields[] = {"side", "", "instrument", "price", "book"};
    const struct record *r = RECORD(deal_request);
    struct deal_request q;
    struct buf b = {0};
    char word[5][40], why[200];
    record_clear(r, &q);
    for (int i = 0; i < 5; i++) {
        if (!*command_word(&args, word[i], sizeof word[i]))
            return FAIL(a,
                        "deal: expected buy or sell, MW or quantity, period, price, book and counterparty");
        if (*fields[i] && !field_set(record_field(r, fields[i]), &q, word[i], why, sizeof why))
            return FAIL(a, "%s", why);
    }
    if (!*args || !field_set(record_field(r, "counterparty"), &q, args, why, sizeof why))
        return FAIL(a, "%s", *args ? why : "deal: the counterparty is missing");
    /* Products with hours take a rate, the others a quantity; the backend says when it is the wrong one. */
    client_lock(a->client);
    struct table *t = app_table(a, RECORD_instrument);
    bool hours = true;
    table_each(t, const struct instrument, i)
    {
        size_t n = strlen(i->product);
        if (!strncasecmp(i->product, q.instrument, n) && i->profile == PROFILE_FLAT)
            hours = false;
    }
    client_unlock(a->client);
    if (!field_set(record_field(r, hours ? "rate" : "quantity"), &q, word[1], why, sizeof why))
        return FAIL(a, "%s", why);
    record_json(r, &q, &b);
    app_send(a, "POST", "/v1/trading/deals", b.data, INT64_MIN, RECORD(deal), "deal entered");
    buf_free(&b);
    return !a->failed;
}

bool do_void(struct app *a, const char *args)
{
    struct deal d;
    char path[80], line[60], question[160];
    if (!pick(a, RECORD_deal, args, &d))
        return false;
    snprintf(line, sizeof line, "void %s", d.id);
    snprintf(question, sizeof question, "void deal %s with %.60s?", d.id, d.counterparty);
    snprintf(path, sizeof path, "/v1/trading/deals/%s", d.id);
    if (sure(a, line, question))
        app_send(a, "DELETE", path, NULL, d.version, RECORD(deal), "deal voided");
    return !a->failed;
}

/* ---- compliance ---- */

static void send_alert(struct app *a, const struct alert *k, const char *action, const char *owner,
                       const char *reason, const char *verb)
{
    struct alert_request q;
    struct buf b = {0};
    char path[100], id[UUID_TEXT];
    record_clear(RECORD(alert_request), &q);
    snprintf(q.owner, sizeof q.owner, "%.32s", owner);
    snprintf(q.reason, sizeof q.reason, "%.120s", reason);
    record_json(RECORD(alert_request), &q, &b);
    snprintf(path, sizeof path, "/v1/compliance/alerts/%s/%s", uuid_format(&k->id, id), action);
    app_send(a, "POST", path, b.data, k->version, RECORD(alert), verb);
    buf_free(&b);
}

/* A first word that is a number names the alert; without one it is the selected row's. */
static bool pick_alert(struct app *a, const char **args, struct alert *k)
{
    char word[40] = "";
    size_t n = strspn(*args, "0123456789");
    if (n && (!(*args)[n] || (*args)[n] == ' '))
        command_word(args, word, sizeof word);
    return pick(a, RECORD_alert, word, k);
}

bool do_ack(struct app *a, const char *args)
{
    struct alert k;
    if (!pick_alert(a, &args, &k))
        return false;
    send_alert(a, &k, "ack", "", "", "alert acknowledged");
    return !a->failed;
}

bool do_assign(struct app *a, const char *args)
{
    struct alert k;
    if (!pick_alert(a, &args, &k))
        return false;
    if (!*args)
        return FAIL(a, "assign: to whom?");
    send_alert(a, &k, "assign", args, "", "alert assigned");
    return !a->failed;
}

bool do_close(struct app *a, const char *args)
{
    struct alert k;
    if (!pick_alert(a, &args, &k))
        return false;
    if (!*args)
        return FAIL(a, "close: expected the reason");
    send_alert(a, &k, "close", "", args, "alert closed");
    return !a->failed;
}

bool do_limit(struct app *a, const char *args)
{
    static const char *const fields[] = {"number", "limit"};
    struct limit_request q;
    struct buf b = {0};
    char word[40], why[200];
    record_clear(RECORD(limit_request), &q);
    for (int i = 0; i < 2; i++)
        if (!field_set(record_field(RECORD(limit_request), fields[i]), &q,
                       command_word(&args, word, sizeof word), why, sizeof why))
            return FAIL(a, "%s", why);
    if (!*q.number || !*args)
        return FAIL(a, "limit: expected its number, the new value and a reason");
    snprintf(q.reason, sizeof q.reason, "%.120s", args);
    record_json(RECORD(limit_request), &q, &b);
    app_send(a, "POST", "/v1/compliance/approvals", b.data, INT64_MIN, RECORD(approval),
             "asked for; a second person decides");
    buf_free(&b);
    return !a->failed;
}

static bool decide(struct app *a, const char *args, uint8_t state, const char *verb)
{
    struct approval w;
    struct approval_request q = {.state = state};
    struct buf b = {0};
    char path[80];
    if (!pick(a, RECORD_approval, args, &w))
        return false;
    record_json(RECORD(approval_request), &q, &b);
    snprintf(path, sizeof path, "/v1/compliance/approvals/%s", w.id);
    app_send(a, "POST", path, b.data, INT64_MIN, RECORD(approval), verb);
    buf_free(&b);
    return !a->failed;
}

bool do_approve(struct app *a, const char *args)
{
    return decide(a, args, DECISION_APPROVED, "approved");
}

bool do_refuse(struct app *a, const char *args)
{
    return decide(a, args, DECISION_REFUSED, "refused");
}

bool do_requeue(struct app *a, const char *args)
{
    struct dead_letter l;
    char path[160];
    if (!pick(a, RECORD_dead_letter, args, &l))
        return false;
    snprintf(path, sizeof path, "/v1/%.*s/dead-letters/%s/requeue", (int)strcspn(l.id, "."), l.id, l.id);
    app_send(a, "POST", path, NULL, INT64_MIN, RECORD(dead_letter), "the letter's work is done");
    return !a->failed;
}
