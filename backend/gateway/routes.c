#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/compliance/compliance.h"
#include "backend/gateway/private.h"
#include "backend/platform/intake.h"
#include "backend/risk/risk.h"
#include "backend/trading/trading.h"

bool permitted(uint8_t role, const char *action)
{
    static const struct {
        const char *action;
        bool may[7];
    } table[] = {
#define A(action, viewer, trader, risk, compliance, operations, administrator)                               \
    {#action, {false, viewer, trader, risk, compliance, operations, administrator}},
#include "backend/gateway/permissions.def"
#undef A
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].action, action))
            return role < 7 && table[i].may[role];
    return false;
}

/* ---- rows ---- */

static void list(struct request *r)
{
    list_rows(r, r->g->feeds.list[r->route->answer]);
}

static void list_halt(struct request *r)
{
    list_rows(r, r->g->feeds.list[RECORD_halt]);
}

static void row(struct request *r)
{
    struct feed *f = r->g->feeds.list[r->route->answer];
    for (int i = 0; i < f->rows.count; i++) {
        char key[100], number[24] = "";
        const void *it = f->rows.rows[i];
        if (!it)
            continue;
        record_key_text(f->record, it, key, sizeof key);
        if (f->id == RECORD_alert)
            snprintf(number, sizeof number, "%lld", (long long)((const struct alert *)it)->number);
        if ((strcmp(key, r->id) != 0 && strcmp(number, r->id) != 0) ||
            !feed_visible(&r->g->feeds, f, &r->actor, it))
            continue;
        const char *json = feed_json(f, i);
        reply_json(r, 200, json, strlen(json));
        return;
    }
    reply_problem(r, 404, "no %s %.60s", f->record->name, r->id);
}

/* ---- commands ---- */

static void sha256(const void *bytes, size_t n, char out[65])
{
    unsigned char hash[32];
    SHA256(bytes, n, hash);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static bool read_body(struct request *r, enum record_id record, void *out)
{
    char why[200];
    json_t *j = json_from_stranger(r->body.data ? r->body.data : "", r->body.length, why, sizeof why);
    if (!j) {
        reply_problem(r, 400, "%s", why);
        return false;
    }
    bool ok = record_read(record_of(record), j, out, true, why, sizeof why);
    json_decref(j);
    if (!ok)
        reply_problem(r, 400, "%s", why);
    return ok;
}

static void command_done(void *arg, const struct outcome *o)
{
    struct request *r = arg;
    reply_outcome(r, r->route->status, o);
}

struct repeated {
    struct request *request;
    struct idempotency once;
};

/* The same key and body again: the row as it stands, with the status of the first time. */
static void repeat(void *arg)
{
    struct repeated *p = arg;
    struct outcome o = {.status = p->once.status >= 400 ? (int)p->once.status : 0};
    const struct record *record = record_named(p->once.record);
    const struct table *t = record ? node_table(p->request->g->node, record_index(record)) : NULL;
    snprintf(o.object, sizeof o.object, "%s", p->once.object);
    snprintf(o.problem, sizeof o.problem, "refused before under the same Idempotency-Key");
    struct uuid id;
    if (t && record->fields[record->key].kind == FIELD_UUID)
        o.answer = uuid_parse(p->once.object, &id) ? table_get(t, &id, sizeof id) : NULL;
    else if (t)
        o.answer = table_find(t, p->once.object);
    o.record = record ? record_index(record) : RECORD_order;
    if (o.status && o.answer && o.record == RECORD_order)
        snprintf(o.problem, sizeof o.problem, "%s", ((const struct order *)o.answer)->reason);
    reply_outcome(p->request, p->once.status < 400 ? (int)p->once.status : 200, &o);
    free(p);
}

static bool seen_before(struct request *r, const char *key, const char *digest)
{
    const struct idempotency *once = node_once(r->g->node, key);
    if (!once)
        return false;
    if (strcmp(once->digest, digest) != 0) {
        reply_problem(r, 409, "this Idempotency-Key came before with another request");
        return true;
    }
    struct repeated *p = mem_new(sizeof *p);
    *p = (struct repeated){r, *once};
    node_after(r->g->node, repeat, p);
    return true;
}

/* An order without an id takes it from the user and the Idempotency-Key. */
static void order_id(const struct request *r, struct order_request *q)
{
    char text[160];
    unsigned char hash[32];
    if (!uuid_none(&q->id) || !*r->key)
        return;
    int n = snprintf(text, sizeof text, "order/%s/%s", r->actor.user, r->key);
    SHA256((unsigned char *)text, (size_t)n, hash);
    memcpy(q->id.b, hash, 16);
    q->id.b[6] = (uint8_t)((q->id.b[6] & 0x0f) | 0x80);
    q->id.b[8] = (uint8_t)((q->id.b[8] & 0x3f) | 0x80);
}

static bool in_lane(const struct route *route)
{
    return route->command == COMMAND_ORDER_CANCEL || route->command == COMMAND_ORDER_CANCEL_ALL ||
           route->command == COMMAND_HALT;
}

static bool overloaded(struct request *r)
{
    if (in_lane(r->route) || (!node_busy(r->g->node) && !node_disk_low(r->g->node)))
        return false;
    reply_problem(r, 503,
                  node_disk_low(r->g->node) ? "the disk is nearly full: only cancel and halt"
                                            : "busy: try again");
    return true;
}

static void command(struct request *r)
{
    const struct route *route = r->route;
    struct command c = {.kind = (enum command_kind)route->command,
                        .actor = r->actor,
                        .expires = TIME_NONE,
                        .version = r->version};
    void *body = route->request >= 0 ? mem_new(record_of((enum record_id)route->request)->size) : NULL;
    bool needs_match =
        !strcmp(r->method, "PUT") || !strcmp(r->method, "PATCH") || c.kind == COMMAND_DEAL_VOID;
    snprintf(c.target, sizeof c.target, "%s", r->id);
    if (overloaded(r) || (body && !read_body(r, (enum record_id)route->request, body))) {
        free(body);
        return;
    }
    if (needs_match && r->version == INT64_MIN) {
        reply_problem(r, 428, "If-Match is missing: the row's version");
        free(body);
        return;
    }
    c.body = body;
    if (c.kind == COMMAND_ORDER_NEW)
        order_id(r, body);
    const struct field *expires =
        body ? record_field(record_of((enum record_id)route->request), "expires") : NULL;
    if (expires)
        memcpy(&c.expires, (char *)body + expires->offset, sizeof c.expires);
    if (*r->key) {
        struct buf all = {0};
        buf_printf(&all, "%s %s\n", r->method, r->path);
        buf_add(&all, r->body.data ? r->body.data : "", r->body.length);
        snprintf(c.once.key, sizeof c.once.key, "%.32s/%.66s", r->actor.user, r->key);
        sha256(all.data, all.length, c.once.digest);
        c.once.status = route->status;
        buf_free(&all);
    }
    if (!*r->key || !seen_before(r, c.once.key, c.once.digest))
        node_command(r->g->node, &c, command_done, r);
    free(body);
}

/* ---- limits of the opening desk, which risk has sized ---- */

void gateway_put_limit(struct gateway *g, const struct limit *l)
{
    struct request *r = mem_new(sizeof *r);
    *r = (struct request){.g = g,
                          .method = "POST",
                          .path = "/v1/compliance/limits",
                          .version = INT64_MIN,
                          .actor = actor_system,
                          .begun = true};
    record_json(RECORD(limit), l, &r->body);
    if (!forward_send(g->forward, r, "compliance", false))
        reply_problem(r, 503, "busy: try again");
}

static void limit_import(struct request *r)
{
    struct limit l;
    const void *rows[] = {&l};
    if (!r->peer || strcmp(r->actor.user, actor_system.user) != 0) {
        reply_problem(r, 403, "limits are asked for by /v1/compliance/approvals");
        return;
    }
    if (!read_body(r, RECORD_limit, &l))
        return;
    struct command c = {.kind = COMMAND_IMPORT,
                        .actor = actor_system,
                        .expires = TIME_NONE,
                        .version = INT64_MIN,
                        .record = RECORD_limit,
                        .rows = rows,
                        .row_count = 1,
                        .target = "compliance"};
    node_command(r->g->node, &c, command_done, r);
}

/* ---- dead letters: one command each, oldest of the key first, until none is left or one is refused ---- */

static void requeue(struct request *r);

static void requeued(void *arg, const struct outcome *o)
{
    struct request *r = arg;
    const struct feed *f = r->g->feeds.list[RECORD_dead_letter];
    const struct dead_letter *l = table_find(&f->rows, r->id);
    if (o->status || !l)
        reply_outcome(r, 200, o);
    else
        requeue(r);
}

static void requeue(struct request *r)
{
    const struct feed *f = r->g->feeds.list[RECORD_dead_letter];
    const struct dead_letter *l = table_find(&f->rows, r->id);
    if (!l || !feed_visible(&r->g->feeds, f, &r->actor, l)) {
        reply_problem(r, 404, "no dead letter %.64s", r->id);
        return;
    }
    struct command c = {
        .kind = COMMAND_REQUEUE, .actor = r->actor, .expires = TIME_NONE, .version = INT64_MIN};
    snprintf(c.target, sizeof c.target, "%s", letter_first(&f->rows, l)->id);
    node_command(r->g->node, &c, requeued, r);
}

/* ---- the others ---- */

struct opening {
    struct request *request;
    char token[65];
};

static void session_opened(void *arg, const struct outcome *o)
{
    struct opening *p = arg;
    const struct sign_in *in = o->answer;
    struct session answer;
    struct buf b = {0};
    if (o->status || !in)
        reply_outcome(p->request, 201, o);
    else {
        record_clear(RECORD(session), &answer);
        snprintf(answer.token, sizeof answer.token, "%s", p->token);
        answer.expires = in->expires;
        snprintf(answer.user, sizeof answer.user, "%s", in->user);
        answer.role = in->role;
        snprintf(answer.books, sizeof answer.books, "%s", in->books);
        record_json(RECORD(session), &answer, &b);
        reply_json(p->request, 201, b.data, b.length);
        buf_free(&b);
    }
    explicit_bzero(p->token, sizeof p->token);
    free(p);
}

static void session_open(struct request *r)
{
    struct session_request q;
    struct sign_in in;
    if (!read_body(r, RECORD_session_request, &q))
        return;
    if (!r->g->config.demo_users || !same_token(r->token, r->g->desk_token)) {
        reply_problem(r, 401, "the desk's token is needed: it is in the file that endpoint.json names");
        return;
    }
    struct opening *p = mem_new(sizeof *p);
    p->request = r;
    if (!session_make(r->g, q.user, p->token, &in)) {
        free(p);
        reply_problem(r, 503, "no randomness for a token");
        return;
    }
    struct command c = {
        .kind = COMMAND_SESSION_OPEN, .expires = TIME_NONE, .version = INT64_MIN, .body = &in};
    snprintf(c.actor.user, sizeof c.actor.user, "%s", q.user);
    snprintf(c.actor.session, sizeof c.actor.session, "%s", in.session);
    node_command(r->g->node, &c, session_opened, p);
}

static void session_closed(void *arg, const struct outcome *o)
{
    if (o->status)
        reply_outcome(arg, 200, o);
    else
        reply_json(arg, 200, "{}", 2);
}

static void session_close(struct request *r)
{
    struct command c = {.kind = COMMAND_SESSION_CLOSE, .expires = TIME_NONE, .version = INT64_MIN};
    char id[65];
    if (!session_find(r->g, r->token, &c.actor)) {
        reply_json(r, 200, "{}", 2);
        return;
    }
    session_id(r->token, id);
    snprintf(c.target, sizeof c.target, "%s", id);
    node_command(r->g->node, &c, session_closed, r);
}

static void healthz(struct request *r)
{
    reply_json(r, 200, "{\"status\":\"ok\"}", 15);
}

static void readyz(struct request *r)
{
    const void *trading = node_state(r->g->node, "trading"); /* elsewhere: what is followed was loaded */
    if (!trading || trading_business_date(trading) != DATE_NONE)
        reply_json(r, 200, "{\"status\":\"ready\"}", 18);
    else
        reply_problem(r, 503, "the desk is not open yet");
}

static void metrics(struct request *r)
{
    struct buf b = {0};
    const struct gateway *g = r->g;
    struct link_health queue = {0}, stream = {0};
    node_queue(g->node, &queue);
    node_stream(g->node, &stream);
    const struct {
        const char *name, *kind, *help;
        double value;
    } list_of[] = {
        {"quanta_requests_total", "counter", "HTTP requests", (double)g->requests},
        {"quanta_refused_total", "counter", "HTTP requests answered with a problem", (double)g->refused},
        {"quanta_stream_clients", "gauge", "websocket clients", g->client_count},
        {"quanta_stream_bytes_total", "counter", "bytes sent on websockets", (double)g->stream_bytes},
        {"quanta_journal_sequence", "gauge", "last durable sequence", (double)node_durable(g->node)},
        {"quanta_journal_lag", "gauge", "facts that wait for the disk",
         (double)(node_sequence(g->node) - node_durable(g->node))},
        {"quanta_journal_commits_total", "counter", "transactions", (double)node_commits(g->node)},
        {"quanta_queue_lag", "gauge", "messages of work that are on their way", (double)queue.lag},
        {"quanta_queue_reconnects_total", "counter", "times that the queue was lost",
         (double)queue.reconnects},
        {"quanta_stream_lag", "gauge", "events that are on their way, out and in", (double)stream.lag},
        {"quanta_stream_reconnects_total", "counter", "times that the stream was lost",
         (double)stream.reconnects},
        {"quanta_loop_turns_total", "counter", "turns of the timer", (double)g->turns},
        {"quanta_loop_slow_turns_total", "counter", "turns over 5 ms", (double)g->slow_turns},
    };
    for (size_t i = 0; i < sizeof list_of / sizeof *list_of; i++)
        buf_printf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", list_of[i].name, list_of[i].help,
                   list_of[i].name, list_of[i].kind, list_of[i].name, list_of[i].value);
    reply_text(r, 200, "text/plain; version=0.0.4", b.data, b.length);
    buf_free(&b);
}

static void precheck(struct request *r)
{
    struct order_request q;
    struct check checks[CHECKS_MAX];
    struct buf b = {0};
    if (!read_body(r, RECORD_order_request, &q))
        return;
    struct command c = {.kind = COMMAND_ORDER_NEW,
                        .actor = r->actor,
                        .body = &q,
                        .cache = node_cache(r->g->node),
                        .now = node_now(r->g->node)};
    int n = trading_precheck(node_state(r->g->node, "trading"), &c, checks);
    buf_text(&b, "{\"rows\":[");
    for (int i = 0; i < n; i++) {
        if (i)
            buf_char(&b, ',');
        record_json(RECORD(check), &checks[i], &b);
    }
    buf_text(&b, "],\"next\":null}");
    reply_json(r, 200, b.data, b.length);
    buf_free(&b);
}

static void market(struct request *r)
{
    struct market_request q;
    if (!read_body(r, RECORD_market_request, &q))
        return;
    const char *why = r->g->config.market(r->g->config.arg, q.action, q.speed);
    if (why)
        reply_problem(r, 422, "%s", why);
    else
        reply_json(r, 200, "{}", 2);
}

static void day_roll(struct request *r)
{
    r->g->config.day_roll(r->g->config.arg, command_done, r);
}

static void var_done(void *arg, const struct var_answer *a, const char *why)
{
    struct request *r = arg;
    struct buf b = {0};
    if (why) {
        reply_problem(r, 422, "%s", why);
        return;
    }
    record_json(RECORD(var_answer), a, &b);
    reply_json(r, 200, b.data, b.length);
    buf_free(&b);
}

static void risk_var_route(struct request *r)
{
    struct var_request q;
    if (read_body(r, RECORD_var_request, &q))
        risk_var(r->g->node, &q, var_done, r);
}

static void whatif_done(void *arg, const struct whatif_answer *a, const char *why)
{
    struct request *r = arg;
    struct buf b = {0};
    if (why) {
        reply_problem(r, 422, "%s", why);
        return;
    }
    record_json(RECORD(whatif_answer), a, &b);
    reply_json(r, 200, b.data, b.length);
    buf_free(&b);
}

static void risk_whatif_route(struct request *r)
{
    struct order_request q;
    if (read_body(r, RECORD_order_request, &q))
        risk_whatif(r->g->node, &q, whatif_done, r);
}

static void audit_list(struct request *r)
{
    audit_rows(r);
}

#define RECORD_none -1
#define GET         "GET"
#define POST        "POST"
#define PATCH       "PATCH"
#define PUT         "PUT"
#define DELETE      "DELETE"
#define R(method, path, action, fn, request, answer, help)                                                   \
    {method, path, action, fn, (int)RECORD_##request, (int)RECORD_##answer, -1, 200, help},
#define LIST(path, record) {GET, path, "read", list, -1, (int)RECORD_##record, -1, 200, "rows"},
#define ROW(path, record)  {GET, path, "read", row, -1, (int)RECORD_##record, -1, 200, "one row"},
#define COMMAND(method, path, kind, request, answer, status)                                                 \
    {method, path, NULL, command, (int)RECORD_##request, (int)RECORD_##answer, (int)COMMAND_##kind,          \
     status, ""},
const struct route routes[] = {
#include "backend/gateway/routes.def"
};
const int route_count = sizeof routes / sizeof *routes;

/* Whether the path fits; what stands for {id} goes to id. */
static bool fits(const char *pattern, const char *path, char *id, size_t room)
{
    *id = 0;
    while (*pattern && *path) {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");
            if (!n || n >= room)
                return false;
            snprintf(id, room, "%.*s", (int)n, path);
            path += n;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++)
            return false;
    }
    return !*pattern && !*path;
}

static const struct route *find(const char *method, const char *path, char *id, size_t room, bool *path_known)
{
    const struct route *best = NULL;
    char found[97] = "";
    for (int i = 0; i < route_count; i++) {
        char candidate[97];
        if (!fits(routes[i].path, path, candidate, sizeof candidate))
            continue;
        *path_known = true;
        if (!strcmp(routes[i].method, method) && (!best || !*candidate)) { /* exact paths before {id} */
            best = &routes[i];
            snprintf(found, sizeof found, "%s", candidate);
        }
    }
    snprintf(id, room, "%s", found);
    return best;
}

/* Which service decides a route: what follows /v1/; sessions are compliance's. Reads are answered anywhere.
 */
static const char *service_of(const struct request *r)
{
    static const char *const names[] = {"trading", "risk", "portfolio", "compliance"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(r->path, "/v1/", 4) && !strncmp(r->path + 4, names[i], strlen(names[i])))
            return names[i];
    return !strcmp(r->path, "/v1/session") ? "compliance" : NULL;
}

/* Hands the request to the process that runs its service, when that is another one. */
static bool carried(struct request *r)
{
    const char *service = service_of(r);
    if (!r->g->forward || !service || !strcmp(r->method, "GET") || node_state(r->g->node, service))
        return false;
    if (r->peer)
        reply_problem(r, 503, "the %s service does not run here", service);
    else if (!forward_send(r->g->forward, r, service, in_lane(r->route)))
        reply_problem(r, 503, "busy: try again");
    return true;
}

/* A session that another process has just opened is heard of within moments. */
static bool wait_for_token(struct request *r)
{
    int64_t now = clock_mono(&clock_system);
    if (!r->g->forward || strlen(r->token) != 64 || (r->patience && now > r->patience))
        return false;
    if (!r->patience)
        r->patience = now + SESSION_PATIENCE;
    r->next = r->g->unknown;
    r->g->unknown = r;
    return true;
}

void route_request(struct request *r)
{
    bool path_known = false;
    r->route = find(r->method, r->path, r->id, sizeof r->id, &path_known);
    if (!r->route) {
        reply_problem(r, path_known ? 405 : 404, "%s %.100s: no such route", r->method, r->path);
        return;
    }
    const char *action = r->route->command >= 0 ? command_info((enum command_kind)r->route->command)->action
                                                : r->route->action;
    if (strcmp(action, "-") != 0) {
        if (!r->peer && !session_find(r->g, r->token, &r->actor)) {
            if (!wait_for_token(r))
                reply_problem(r, 401, "a bearer token of POST /v1/session is needed");
            return;
        }
        if (!permitted(r->actor.role, action)) {
            reply_problem(r, 403, "%s (%s) may not %s", r->actor.user,
                          field_enum_text(RECORD(user), "role", r->actor.role), action);
            return;
        }
    }
    if (!carried(r))
        r->route->fn(r);
}

void routes_unknown(struct gateway *g)
{
    struct request *list = g->unknown;
    g->unknown = NULL;
    for (struct request *r = list, *next; r; r = next) {
        next = r->next;
        route_request(r);
    }
}
