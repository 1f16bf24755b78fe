/* The gateway from outside: REST, guards, idempotency, permissions, streams. */
#include <unistd.h>
#include "common/calendar.h"
#include "common/clock.h"
#include "common/table.h"
#include "tests/support/websocket.h"

static struct server s;
static struct ws w;

static int start(void **state)
{
    (void)state;
    server_start(&s, NULL, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    server_stop(&s);
    return 0;
}

static void expect(struct reply r, int status, const char *contains)
{
    if (r.status != status || (contains && !strstr(r.body, contains)))
        fail_msg("%d %s; expected %d %s", r.status, r.body, status, contains ? contains : "");
    free(r.body);
}

/* A month that trades, and its mid. */
static double quote(const char *product, int nearby, char name[25])
{
    char path[100];
    snprintf(path, sizeof path, "/v1/trading/quotes?filter=product=%s", product);
    struct reply r = server_get(&s, path);
    json_t *j = json_loads(r.body, 0, NULL),
           *row = json_array_get(json_object_get(j, "rows"), (size_t)nearby);
    assert_non_null(row);
    snprintf(name, 25, "%s", json_string_value(json_object_get(row, "instrument")));
    double mid = strtod(json_string_value(json_object_get(row, "last")), NULL);
    json_decref(j);
    free(r.body);
    return mid;
}

static struct reply order(const char *headers, const char *side, int lots, double away, char *name)
{
    char body[300];
    double mid = quote("NG", 1, name);
    snprintf(
        body, sizeof body,
        "{\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"%s\",\"quantity\":\"%d\",\"price\":\"%.3f\"}",
        name, side, lots, mid + away);
    return server_request(&s, "POST", "/v1/trading/orders", headers, body);
}

static void health_needs_no_token_and_everything_else_does(void **state)
{
    (void)state;
    struct server stranger = s;
    snprintf(stranger.token, sizeof stranger.token, "wrong");
    expect(server_get(&stranger, "/healthz"), 200, "ok");
    expect(server_get(&stranger, "/readyz"), 200, "ready");
    static const char *const routes[] = {"/v1/trading/orders", "/v1/portfolio/positions",
                                         "/v1/risk/summary",   "/v1/compliance/alerts",
                                         "/metrics",           "/v1/compliance/audit"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        expect(server_get(&stranger, routes[i]), 401, "bearer token");
    expect(server_post(&stranger, "/v1/session", "{\"user\":\"trader\"}"), 401, "desk's token");
    expect(server_get(&s, "/v1/nothing"), 404, "no such route");
    expect(server_request(&s, "DELETE", "/v1/trading/quotes", NULL, NULL), 405, NULL);
    expect(server_get(&s, "/metrics"), 200, "quanta_journal_sequence");
}

static void listings_page_filter_and_look_back(void **state)
{
    (void)state;
    struct reply r = server_get(&s, "/v1/trading/instruments?limit=10");
    char next[60], path[200];
    int pages = 0, rows = 0;
    assert_int_equal(r.status, 200);
    for (;; pages++) {
        json_t *j = json_loads(r.body, 0, NULL);
        rows += (int)json_array_size(json_object_get(j, "rows"));
        reply_text_of(&r, "next", next, sizeof next);
        json_decref(j);
        free(r.body);
        if (!*next)
            break;
        snprintf(path, sizeof path, "/v1/trading/instruments?limit=10&after=%s", next);
        r = server_get(&s, path);
        assert_int_equal(r.status, 200);
    }
    assert_true(pages > 20 && rows > 240);
    expect(server_get(&s, "/v1/trading/orders?filter=qty%3E10%20and%20status=new"), 200,
           "\"quantity\":\"15\"");
    expect(server_get(&s, "/v1/trading/orders?filter=colour=red"), 400, "unknown field: colour");
    expect(server_get(&s, "/v1/trading/orders?limit=0"), 400, "expected 1 to");
    expect(server_get(&s, "/v1/trading/orders?as_of=2020-01-01T00:00:00Z"), 200, "\"rows\":[]");
    expect(server_get(&s, "/v1/trading/orders?as_of=yesterday"), 400, "expected a UTC time");
    expect(server_get(&s, "/v1/portfolio/positions?as_of=2020-01-01T00:00:00Z"), 422, "not versioned");
}

static void an_order_is_told_and_can_be_read_by_its_id(void **state)
{
    (void)state;
    char name[25], id[40], path[100];
    struct reply r = order(NULL, "buy", 1, 0.01, name);
    expect(r, 400, "id: expected a UUID"); /* neither an id nor a key */
    r = order("Idempotency-Key: k-1\r\n", "buy", 1, 0.01, name);
    assert_int_equal(r.status, 201);
    reply_text_of(&r, "id", id, sizeof id);
    free(r.body);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", id);
    server_until(&s, path, "status", "filled", 3000);
    expect(server_request(&s, "DELETE", path, NULL, NULL), 409, "the order is filled");
}

static void a_refused_order_is_a_problem_with_rule_limit_and_value_and_is_kept(void **state)
{
    (void)state;
    char name[25], id[60], path[100];
    struct reply r = order("Idempotency-Key: k-2\r\n", "buy", 900, 0.001, name);
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(r.body, "\"rule\":\"max-quantity\",\"limit\":\"50\",\"value\":\"900\""));
    reply_text_of(&r, "instance", id, sizeof id);
    free(r.body);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", id);
    expect(server_get(&s, path), 200, "\"status\":\"rejected\"");
}

static void the_same_key_and_body_give_the_same_result_and_another_body_409(void **state)
{
    (void)state;
    char name[25], body[300], id[2][40];
    double mid = quote("NG", 2, name);
    snprintf(
        body, sizeof body,
        "{\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"buy\",\"quantity\":\"1\",\"price\":\"%.3f\"}",
        name, mid - 0.15);
    for (int i = 0; i < 2; i++) {
        struct reply r = server_request(&s, "POST", "/v1/trading/orders", "Idempotency-Key: twice\r\n", body);
        assert_int_equal(r.status, 201);
        reply_text_of(&r, "id", id[i], sizeof id[i]);
        free(r.body);
    }
    assert_string_equal(id[0], id[1]);
    snprintf(body + strlen(body) - 2, 3, "1\"}");
    body[strlen(body) - 3] = '0';
    struct reply r = server_request(&s, "POST", "/v1/trading/orders", "Idempotency-Key: twice\r\n",
                                    "{\"book\":\"NG-US\"}");
    assert_true(r.status == 409 || r.status == 400);
    free(r.body);
    snprintf(
        body, sizeof body,
        "{\"book\":\"NG-US\",\"instrument\":\"%s\",\"side\":\"buy\",\"quantity\":\"2\",\"price\":\"%.3f\"}",
        name, mid - 0.15);
    expect(server_request(&s, "POST", "/v1/trading/orders", "Idempotency-Key: twice\r\n", body), 409,
           "came before with another request");
}

/* A POST with an empty body is one command, not two: five closes move the date by five business days. */
static void an_empty_body_is_carried_out_once(void **state)
{
    (void)state;
    char before[16];
    date d = 0;
    server_sign_in(&s, "operations");
    struct reply r = server_get(&s, "/v1/trading/halt");
    json_t *j = json_loads(r.body, 0, NULL);
    snprintf(
        before, sizeof before, "%s",
        json_string_value(json_object_get(json_array_get(json_object_get(j, "rows"), 0), "business_date")));
    json_decref(j);
    free(r.body);
    assert_true(date_parse(before, &d));
    for (int i = 0; i < 5; i++) {
        r = server_post(&s, "/v1/trading/day-roll", NULL);
        assert_int_equal(r.status, 200);
        free(r.body);
        d = calendar_add(CALENDAR_UK, d, 1);
    }
    expect(server_get(&s, "/v1/trading/halt"), 200, date_format(d, (char[TIME_TEXT]){0}));
    server_sign_in(&s, "trader");
}

static void a_replace_needs_the_version_it_is_about(void **state)
{
    (void)state;
    char name[25], id[40], path[100], version[24], header[60], body[100];
    struct reply r = order("Idempotency-Key: r-1\r\n", "buy", 1, -0.16, name);
    assert_int_equal(r.status, 201);
    reply_text_of(&r, "id", id, sizeof id);
    free(r.body);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", id);
    server_until(&s, path, "status", "new", 3000);
    r = server_get(&s, path);
    reply_text_of(&r, "version", version, sizeof version);
    free(r.body);
    snprintf(body, sizeof body, "{\"quantity\":\"2\"}");
    expect(server_request(&s, "PATCH", path, NULL, body), 428, "If-Match");
    expect(server_request(&s, "PATCH", path, "If-Match: \"999\"\r\n", body), 412, "version is");
    snprintf(header, sizeof header, "If-Match: \"%s\"\r\n", version);
    expect(server_request(&s, "PATCH", path, header, body), 200, "pending-replace");
    expect(server_request(&s, "DELETE", path, NULL, NULL), 200, "pending-cancel");
}

static void roles_do_what_the_table_says(void **state)
{
    (void)state;
    char name[25];
    server_sign_in(&s, "compliance");
    expect(order("Idempotency-Key: c-1\r\n", "buy", 1, -0.1, name), 403, "may not order");
    expect(server_post(&s, "/v1/trading/day-roll", ""), 403, "may not operate");
    server_sign_in(&s, "trader");
    expect(server_post(&s, "/v1/compliance/approvals",
                       "{\"number\":\"L-12\",\"limit\":\"60\",\"reason\":\"x\"}"),
           403, "may not limit");
    expect(server_get(&s, "/v1/compliance/audit?limit=3"), 200, "\"action\":\"import\"");
    struct reply gone = server_request(&s, "DELETE", "/v1/session", NULL, NULL);
    expect(gone, 200, NULL);
    expect(server_get(&s, "/v1/trading/orders"), 401, NULL);
    server_sign_in(&s, "trader");
}

static void raw(const char *bytes, const char *status)
{
    char *answer = server_raw(&s, bytes, strlen(bytes), 800);
    if (strncmp(answer, status, strlen(status)) != 0)
        fail_msg("'%.60s' answers '%.60s', expected '%s'", bytes, answer, status);
    free(answer);
}

static void ambiguous_and_oversize_requests_are_refused(void **state)
{
    (void)state;
    raw("POST /v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 400");
    raw("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "HTTP/1.1 400");
    raw("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", "HTTP/1.1 400");
    raw("GET /v1/trading/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 400");
    raw("GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 400");
    raw("POST /v1/session HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 411");
    raw("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", "HTTP/1.1 413");
}

static void strangers_json_is_refused_with_the_place(void **state)
{
    (void)state;
    struct buf deep = {0};
    for (int i = 0; i < 40; i++)
        buf_char(&deep, '[');
    expect(server_post(&s, "/v1/trading/precheck", "{\"book\":\"OIL\","), 400, "JSON: ");
    expect(server_post(&s, "/v1/trading/precheck", "{\"book\":\"OIL\",\"book\":\"NG-US\"}"), 400,
           "duplicate");
    expect(server_post(&s, "/v1/trading/precheck", deep.data), 400, "deeper than 32");
    expect(server_post(&s, "/v1/trading/precheck",
                       "{\"book\":\"OIL\",\"instrument\":\"CLF27\",\"side\":\"buy\",\"quantity\":1.5}"),
           400, "decimal as a string");
    buf_free(&deep);
}

/* ---- streams ---- */

static void subscribe(const char *text)
{
    assert_int_equal(ws_open(&w, &s, s.token, NULL), 101);
    ws_send(&w, text);
}

static const char *type_of(json_t *m)
{
    return json_string_value(json_object_get(m, "type"));
}

static void a_stream_is_a_snapshot_then_deltas_that_name_the_one_before(void **state)
{
    (void)state;
    char name[25];
    subscribe("{\"op\":\"subscribe\",\"stream\":\"orders\"}");
    json_t *m = ws_next(&w, 3000, NULL);
    assert_string_equal(type_of(m), "snapshot");
    assert_true(json_array_size(json_object_get(m, "rows")) >= 3);
    json_int_t seq = json_integer_value(json_object_get(m, "seq"));
    json_decref(m);
    struct reply r = order("Idempotency-Key: s-1\r\n", "buy", 1, -0.12, name);
    assert_int_equal(r.status, 201);
    free(r.body);
    bool new_seen = false, beat = false;
    for (int64_t until = millis() + 4000; millis() < until && !(new_seen && beat);) {
        m = ws_next(&w, 2000, NULL);
        assert_non_null(m);
        assert_int_equal(json_integer_value(json_object_get(m, "prev")), seq);
        seq = json_integer_value(json_object_get(m, "seq"));
        beat |= !strcmp(type_of(m), "heartbeat");
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(m, "rows"), i, row) new_seen |=
            !strcmp(json_string_value(json_object_get(row, "status")), "new");
        json_decref(m);
    }
    assert_true(new_seen && beat);
    ws_close(&w);
}

static void a_row_that_no_longer_passes_the_filter_is_removed(void **state)
{
    (void)state;
    char name[25], id[40], path[100];
    struct reply r = order("Idempotency-Key: s-2\r\n", "buy", 1, -0.13, name);
    assert_int_equal(r.status, 201);
    reply_text_of(&r, "id", id, sizeof id);
    free(r.body);
    subscribe("{\"op\":\"subscribe\",\"stream\":\"orders\",\"filter\":\"status=new\"}");
    bool there = false, removed = false;
    for (int64_t until = millis() + 3000; millis() < until && !there;) {
        json_t *m = ws_next(&w, 2000, NULL), *row;
        size_t i;
        json_array_foreach(json_object_get(m, "rows"), i, row) there |=
            !strcmp(json_string_value(json_object_get(row, "id")), id);
        json_decref(m);
    }
    assert_true(there);
    snprintf(path, sizeof path, "/v1/trading/orders/%s", id);
    expect(server_request(&s, "DELETE", path, NULL, NULL), 200, NULL);
    for (int64_t until = millis() + 3000; millis() < until && !removed;) {
        json_t *m = ws_next(&w, 2000, NULL), *key;
        size_t i;
        json_array_foreach(json_object_get(m, "removed"), i, key) removed |=
            !strcmp(json_string_value(key), id);
        json_decref(m);
    }
    assert_true(removed);
    ws_close(&w);
}

static void a_reader_that_comes_back_gets_only_what_it_missed(void **state)
{
    (void)state;
    char name[25], log[60], text[200], id[40];
    subscribe("{\"op\":\"subscribe\",\"stream\":\"orders\"}");
    json_t *m = ws_next(&w, 3000, NULL);
    snprintf(log, sizeof log, "%s", json_string_value(json_object_get(m, "log")));
    json_int_t seq = json_integer_value(json_object_get(m, "seq"));
    json_decref(m);
    ws_close(&w);
    struct reply r = order("Idempotency-Key: s-3\r\n", "sell", 1, 0.14, name);
    assert_int_equal(r.status, 201);
    reply_text_of(&r, "id", id, sizeof id);
    free(r.body);
    snprintf(text, sizeof text,
             "{\"op\":\"subscribe\",\"stream\":\"orders\",\"from\":{\"log\":\"%s\",\"seq\":%lld}}", log,
             (long long)seq);
    subscribe(text);
    m = ws_next(&w, 3000, NULL);
    assert_string_equal(type_of(m), "delta");
    assert_int_equal(json_integer_value(json_object_get(m, "prev")), seq);
    json_t *rows = json_object_get(m, "rows");
    assert_true(json_array_size(rows) >= 1 &&
                json_array_size(rows) <= 12); /* there are more orders than that */
    bool there = false;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) there |= !strcmp(json_string_value(json_object_get(row, "id")), id);
    assert_true(there);
    json_decref(m);
    ws_close(&w);
    subscribe("{\"op\":\"subscribe\",\"stream\":\"orders\",\"from\":{\"log\":\"another\",\"seq\":1}}");
    m = ws_next(&w, 3000, NULL);
    assert_string_equal(type_of(m), "snapshot");
    json_decref(m);
    ws_close(&w);
}

static void quotes_are_conflated_to_the_rate_that_was_asked(void **state)
{
    (void)state;
    subscribe("{\"op\":\"subscribe\",\"stream\":\"quotes\",\"max_hz\":4}");
    int deltas = 0;
    json_int_t seq = 0;
    for (int64_t until = millis() + 2000; millis() < until;) {
        json_t *m = ws_next(&w, 1000, NULL);
        assert_non_null(m);
        if (!strcmp(type_of(m), "delta")) {
            deltas++;
            assert_int_equal(json_integer_value(json_object_get(m, "prev")), seq);
        }
        seq = json_integer_value(json_object_get(m, "seq"));
        json_decref(m);
    }
    assert_true(deltas >= 5 && deltas <= 9);
    ws_close(&w);
}

static void a_websocket_needs_a_token_and_no_foreign_origin(void **state)
{
    (void)state;
    int code;
    assert_int_not_equal(ws_open(&w, &s, s.token, "Origin: https://evil.example\r\n"), 101);
    ws_close(&w);
    assert_int_equal(ws_open(&w, &s, NULL, NULL), 101);
    ws_send(&w, "{\"op\":\"subscribe\",\"stream\":\"orders\"}");
    assert_null(ws_next(&w, 3000, &code));
    ws_close(&w);
    char text[160];
    assert_int_equal(ws_open(&w, &s, NULL, NULL), 101);
    snprintf(text, sizeof text, "{\"op\":\"authenticate\",\"token\":\"%s\"}", s.token);
    ws_send(&w, text);
    ws_send(&w, "{\"op\":\"subscribe\",\"stream\":\"books\"}");
    json_t *m = ws_next(&w, 3000, NULL);
    assert_string_equal(type_of(m), "snapshot");
    json_decref(m);
    ws_close(&w);
    assert_int_equal(ws_open(&w, &s, NULL, NULL), 101);
    int64_t begun = millis();
    assert_null(ws_next(&w, 9000, &code));
    assert_true(millis() - begun > 4000 && millis() - begun < 8000);
    ws_close(&w);
}

static void a_message_over_64_kib_closes_with_1009(void **state)
{
    (void)state;
    static char big[70000];
    int code;
    memset(big, ' ', sizeof big);
    assert_int_equal(ws_open(&w, &s, s.token, NULL), 101);
    ws_send_frame(&w, 0x81, big, sizeof big);
    assert_null(ws_next(&w, 3000, &code));
    assert_int_equal(code, 1009);
    ws_close(&w);
    assert_int_equal(ws_open(&w, &s, s.token, NULL), 101);
    ws_send(&w, "{\"op\":\"subscribe\",\"stream\":\"nothing\"}");
    json_t *m = ws_next(&w, 3000, NULL);
    assert_string_equal(type_of(m), "problem");
    json_decref(m);
    ws_close(&w);
}

static void the_second_quantad_on_a_directory_and_a_taken_port_are_told_in_one_line(void **state)
{
    (void)state;
    char program[300], out[2000], listen[40];
    snprintf(program, sizeof program, "%s/quantad", build_dir());
    char *again[] = {program, "--data-dir", s.dir, NULL};
    assert_int_equal(run_program(again, out, sizeof out), 2);
    assert_non_null(strstr(out, "another quantad uses it"));
    snprintf(listen, sizeof listen, "127.0.0.1:%d", s.port);
    char *taken[] = {program, "--data-dir", (char *)(uintptr_t)temp_dir(), "--listen", listen, NULL};
    assert_int_not_equal(run_program(taken, out, sizeof out), 0);
    assert_non_null(strstr(out, "is the port in use?"));
    char *replay[] = {program, "--data-dir", s.dir, "--market", "replay:/tmp", NULL};
    assert_int_equal(run_program(replay, out, sizeof out), 2);
    static const struct {
        const char *option, *value, *says;
    } bad[] = {{"--market", "moon", "expected sim[:SEED]"},
               {"--listen", "nowhere", "expected HOST:PORT"},
               {"--listen", "unix:desk.sock", "expected unix:PATH"},
               {"--services", "trading", "one service of several needs --peer-cert"},
               {"--services", "desk", "expected all, trading, risk"},
               {"--stream", "rabbit://x", "expected kafka://HOST:PORT"},
               {"--queue", "kafka://x", "expected amqp[s]://"},
               {"--cache", "memcached", "this build has local alone"},
               {"--store", "mysql:x", "expected sqlite:PATH"},
               {"--config", "/nowhere", "cannot be opened"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *argv[] = {program,
                        "--data-dir",
                        (char *)(uintptr_t)temp_dir(),
                        (char *)(uintptr_t)bad[i].option,
                        (char *)(uintptr_t)bad[i].value,
                        NULL};
        int status = run_program(argv, out, sizeof out);
        if (status != 2)
            fail_msg("%s %s ends with %d", bad[i].option, bad[i].value, status);
        if (!strstr(out, bad[i].says) || strchr(out, '\n') != out + strlen(out) - 1)
            fail_msg("%s %s says '%s'", bad[i].option, bad[i].value, out);
    }
}

static void kinds_of_markets_never_share_a_directory(void **state)
{
    (void)state;
    NEED_DATA();
    char program[300], out[2000], market[320], dir[100];
    snprintf(program, sizeof program, "%s/quantad", build_dir());
    snprintf(market, sizeof market, "replay:%s/prices/futures", shared_data());
    snprintf(dir, sizeof dir, "%s", temp_dir());
    struct server other = {0};
    server_start(&other, dir, "sim:3");
    server_stop(&other);
    char *argv[] = {program, "--data-dir", dir, "--market", market, NULL};
    assert_int_equal(run_program(argv, out, sizeof out), 2);
    assert_non_null(strstr(out, "is stamped 'sim', not replay"));
}

static void a_corrupt_store_is_named_and_nothing_is_touched(void **state)
{
    (void)state;
    char program[300], out[2000], path[200], dir[100];
    struct server other = {0};
    snprintf(program, sizeof program, "%s/quantad", build_dir());
    server_start(&other, NULL, "sim:3");
    server_stop(&other);
    snprintf(dir, sizeof dir, "%s", other.dir);
    snprintf(path, sizeof path, "%s/quanta.db", dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    for (long at = 0; at < 200000; at += 512) {
        fseek(f, at, SEEK_SET);
        fputs("this is no database", f);
    }
    fclose(f);
    char *argv[] = {program, "--data-dir", dir, "--market", "none", NULL};
    assert_int_not_equal(run_program(argv, out, sizeof out), 0);
    assert_non_null(strstr(out, "quanta.db"));
    assert_non_null(strstr(out, "move it away or restore a copy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_needs_no_token_and_everything_else_does),
        cmocka_unit_test(listings_page_filter_and_look_back),
        cmocka_unit_test(an_order_is_told_and_can_be_read_by_its_id),
        cmocka_unit_test(a_refused_order_is_a_problem_with_rule_limit_and_value_and_is_kept),
        cmocka_unit_test(the_same_key_and_body_give_the_same_result_and_another_body_409),
        cmocka_unit_test(an_empty_body_is_carried_out_once),
        cmocka_unit_test(a_replace_needs_the_version_it_is_about),
        cmocka_unit_test(roles_do_what_the_table_says),
        cmocka_unit_test(ambiguous_and_oversize_requests_are_refused),
        cmocka_unit_test(strangers_json_is_refused_with_the_place),
        cmocka_unit_test(a_stream_is_a_snapshot_then_deltas_that_name_the_one_before),
        cmocka_unit_test(a_row_that_no_longer_passes_the_filter_is_removed),
        cmocka_unit_test(a_reader_that_comes_back_gets_only_what_it_missed),
        cmocka_unit_test(quotes_are_conflated_to_the_rate_that_was_asked),
        cmocka_unit_test(a_websocket_needs_a_token_and_no_foreign_origin),
        cmocka_unit_test(a_message_over_64_kib_closes_with_1009),
        cmocka_unit_test(the_second_quantad_on_a_directory_and_a_taken_port_are_told_in_one_line),
        cmocka_unit_test(kinds_of_markets_never_share_a_directory),
        cmocka_unit_test(a_corrupt_store_is_named_and_nothing_is_touched),
    };
    return cmocka_run_group_tests_name("the gateway", tests, start, stop);
}
