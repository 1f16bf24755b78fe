#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tui/app.h"

#define ANSWER_DUE (3 * SECOND)
#define ORDER_LIFE (10 * SECOND) /* an order that is later than this is refused, never executed stale */

struct asked {
    struct app *app;
    char verb[60];
    const struct record *answer;
    int64_t tag;
    answer_fn *done;
    struct uuid order;
};

/* ---- commands ---- */

static void sent_done(void *arg, int status, const char *body)
{
    struct asked *k = arg;
    char text[300];
    if (status >= 200 && status < 300) {
        app_say(k->app, NORMAL, "%s", k->verb);
        if (k->app->headless && k->answer)
            output_answer(k->answer, body, k->app->output);
    } else {
        client_problem(body, text, sizeof text);
        app_say(k->app, HIGH, "%s", text);
    }
    free(k);
}

static void perform(struct app *a, const char *method, const char *path, const char *body, int64_t version,
                    client_done_fn *done, struct asked *k)
{
    struct uuid id = uuid_v7(clock_utc(&clock_system));
    char key[UUID_TEXT];
    k->app = a;
    uuid_format(&id, key);
    if (!a->headless) {
        client_request(a->client, method, path, body, key, version, done, k);
        return;
    }
    char *answer = NULL;
    int status = client_call(a->client, method, path, body, version, &answer);
    done(k, status, answer ? answer : "");
    free(answer);
}

void app_send(struct app *a, const char *method, const char *path, const char *body, int64_t version,
              const struct record *answer, const char *verb)
{
    if (a->readonly) {
        app_say(a, HIGH, "read only: nothing is sent");
        return;
    }
    struct asked *k = mem_new(sizeof *k);
    k->answer = answer;
    snprintf(k->verb, sizeof k->verb, "%s", verb);
    perform(a, method, path, body, version, sent_done, k);
}

static void ask_done(void *arg, int status, const char *body)
{
    struct asked *k = arg;
    k->app->urgent = true;
    k->done(k->app, k->tag, status, body);
    free(k);
}

void app_ask(struct app *a, const char *method, const char *path, const char *body, int64_t tag,
             answer_fn *done)
{
    struct asked *k = mem_new(sizeof *k);
    k->tag = tag;
    k->done = done;
    perform(a, method, path, body, INT64_MIN, ask_done, k);
}

/* ---- orders: stored before they leave ---- */

static void order_done(void *arg, int status, const char *body)
{
    struct asked *k = arg;
    struct app *a = k->app;
    char text[300];
    struct order o;
    if (status == 0) {
        app_say(a, HIGH, "%s: no answer; it is asked for when the link is back", k->verb);
        free(k);
        return;
    }
    sent_answered(a->sent, &k->order);
    client_problem(body, text, sizeof text);
    if (status >= 300)
        app_say(a, HIGH, "%s REFUSED: %s", k->verb, text);
    else if (a->headless)
        output_answer(RECORD(order), body, a->output);
    else if (record_parse(RECORD(order), body, strlen(body), &o))
        app_say(a, NORMAL, "%s: %s", k->verb, field_enum_text(RECORD(order), "status", o.status));
    free(k);
}

void app_send_order(struct app *a, struct order_request *q)
{
    char lots[DEC_TEXT], price[DEC_TEXT];
    struct buf b = {0};
    if (a->readonly) {
        app_say(a, HIGH, "read only: nothing is sent");
        return;
    }
    struct asked *k = mem_new(sizeof *k);
    q->id = k->order = uuid_v7(clock_utc(&clock_system));
    q->expires = app_now(a) + ORDER_LIFE;
    dec_format(q->quantity, lots);
    dec_format(q->price, price);
    snprintf(k->verb, sizeof k->verb, "%s %s %s %s", q->side == SIDE_BUY ? "BUY" : "SELL", lots,
             q->instrument, *price ? price : "market");
    record_json(RECORD(order_request), q, &b);
    if (a->sent && sent_add(a->sent, &q->id, k->verb))
        perform(a, "POST", "/v1/trading/orders", b.data, INT64_MIN, order_done, k);
    else {
        app_say(a, HIGH, "the order cannot be stored on this machine; it was not sent");
        free(k);
    }
    buf_free(&b);
}

static void resolved(void *arg, int status, const char *body)
{
    struct asked *k = arg;
    struct order o;
    if (status == 200 && record_parse(RECORD(order), body, strlen(body), &o)) {
        sent_answered(k->app->sent, &k->order);
        app_say(k->app, NORMAL, "%s, sent before: %s", k->verb,
                field_enum_text(RECORD(order), "status", o.status));
    } else if (status == 404 && clock_utc(&clock_system) - uuid_time(&k->order) > ORDER_LIFE + SECOND) {
        /* It has expired: whatever still carries it is refused. Before that it may be on its way. */
        sent_answered(k->app->sent, &k->order);
        app_say(k->app, WARN, "%s never arrived; it was not sent again", k->verb);
    }
    free(k);
}

void app_resolve_sent(struct app *a)
{
    for (int i = sent_count(a->sent) - 1; i >= 0; i--) {
        const char *what;
        char path[100], id[UUID_TEXT];
        struct uuid order = sent_at(a->sent, i, &what);
        if (clock_utc(&clock_system) - uuid_time(&order) < ANSWER_DUE)
            continue; /* its answer is on the way */
        struct asked *k = mem_new(sizeof *k);
        k->order = order;
        snprintf(k->verb, sizeof k->verb, "%s", what);
        snprintf(path, sizeof path, "/v1/trading/orders/%s", uuid_format(&k->order, id));
        perform(a, "GET", path, NULL, INT64_MIN, resolved, k);
    }
}
