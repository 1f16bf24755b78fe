/* Compliance: alerts and their life, and requests that wait for a second person as a second tab. */
#include <stdio.h>
#include <string.h>
#include "tui/pane.h"

#define A(row) ((const struct alert *)(row))
#define W(row) ((const struct approval *)(row))

CELL(number, snprintf(out->text, sizeof out->text, "%lld", (long long)A(row)->number))
static void age(const struct pane *p, const void *row, struct shown *out)
{
    format_age(A(row)->time, app_now(p->app), 0, out);
}
static void severity(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    bool closed = A(row)->state == ALERT_CLOSED;
    snprintf(out->text, sizeof out->text, "%s",
             A(row)->severity == SEVERITY_HIGH   ? "HIGH"
             : A(row)->severity == SEVERITY_WARN ? "WARN"
                                                 : "info");
    out->role = closed                              ? MUTED
                : A(row)->severity == SEVERITY_HIGH ? HIGH
                : A(row)->severity == SEVERITY_WARN ? WARN
                                                    : NORMAL;
}
static void state(const struct pane *p, const void *row, struct shown *out)
{
    static const char *const texts[] = {"", "open", "ack", "assigned", "closed"};
    (void)p;
    snprintf(out->text, sizeof out->text, "%s", texts[A(row)->state % 5]);
    out->role = A(row)->state == ALERT_CLOSED ? MUTED : NORMAL;
}
TEXT(rule, A(row)->rule)
TEXT(book, A(row)->book)
static void figure(dec v, char out[DEC_TEXT])
{
    if (v != DEC_NONE && dec_abs(v) < DEC_INT(10) && v % DEC_ONE)
        dec_format(v, out);
    else
        dec_format_places(v, 0, true, out);
}
static void value(const struct pane *p, const void *row, struct shown *out)
{
    char v[DEC_TEXT], l[DEC_TEXT];
    (void)p;
    figure(A(row)->value, v);
    figure(A(row)->limit, l);
    if (*v || *l)
        snprintf(out->text, sizeof out->text, "%s/%s", v, l);
}
TEXT(user, A(row)->user)
TEXT(owner, A(row)->owner)

static const struct column columns[] = {
    {"No", 4, true, "number", 1, false, number},         {"Age", 4, true, "time", 3, false, age},
    {"Sev", 4, false, "severity", 1, false, severity},   {"State", 8, false, "state", 1, false, state},
    {"Rule", 13, false, "rule", 1, false, rule},         {"Book", 9, false, "book", 4, false, book},
    {"Value/Limit", 17, true, "value", 2, false, value}, {"User", 10, false, "user", 3, false, user},
    {"Owner", 10, false, "owner", 5, false, owner},
};

static bool detail(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    if (!*A(row)->reason)
        return false;
    snprintf(out->text, sizeof out->text, "%.120s", A(row)->reason);
    out->role = MUTED;
    return true;
}

/* Open ones first, the worst of them on top, then the newest. */
static int order(const void *a, const void *b)
{
    const struct alert *x = a, *y = b;
    int closed = (x->state == ALERT_CLOSED) - (y->state == ALERT_CLOSED);
    if (closed)
        return closed;
    if (x->severity != y->severity)
        return y->severity - x->severity;
    return (y->number > x->number) - (y->number < x->number);
}

TEXT(w_id, W(row)->id)
TEXT(w_limit, W(row)->subject)
CELL(w_value, figure(W(row)->value, out->text))
TEXT(w_asked, W(row)->requested_by)
static void w_state(const struct pane *p, const void *row, struct shown *out)
{
    (void)p;
    snprintf(out->text, sizeof out->text, "%s", field_enum_text(RECORD(approval), "state", W(row)->state));
    out->role = W(row)->state == DECISION_PENDING ? WARN : MUTED;
}
TEXT(w_decided, W(row)->decided_by)
CELL(w_reason, snprintf(out->text, sizeof out->text, "%.120s", W(row)->reason))

static const struct column approval_columns[] = {
    {"Id", 6, false, "id", 1, false, w_id},
    {"Limit", 6, false, "subject", 1, false, w_limit},
    {"Value", 12, true, "value", 1, false, w_value},
    {"Asked by", 10, false, "requested_by", 2, false, w_asked},
    {"State", 8, false, "state", 1, false, w_state},
    {"Decided", 10, false, "decided_by", 3, false, w_decided},
    {"Reason", 24, false, "reason", 4, false, w_reason},
};

static void open_pane(struct pane *p)
{
    p->views[0] = (struct view){.record = RECORD_alert,
                                .columns = columns,
                                .column_count = sizeof columns / sizeof *columns,
                                .order = order,
                                .detail = detail};
    p->views[1] = (struct view){.record = RECORD_approval,
                                .columns = approval_columns,
                                .column_count = sizeof approval_columns / sizeof *approval_columns};
    p->view = &p->views[0];
}

static void draw(struct pane *p, struct canvas *c, struct rect r, bool focused)
{
    pane_title(p, c, r, focused, p->tab ? "COMPLIANCE Alerts [Approvals]" : "COMPLIANCE [Alerts] Approvals");
    view_draw(p, p->view, c, (struct rect){r.y + 1, r.x, r.h - 1, r.w}, focused);
}

static bool command(struct pane *p, const char *name, const char *args)
{
    if (strcmp(name, "tab") != 0)
        return false;
    p->tab = *args ? (*args | 0x20) == 'a' && (args[1] | 0x20) == 'p' : !p->tab;
    p->view = &p->views[p->tab];
    return true;
}

const struct pane_ops pane_compliance = {"compliance", "compliance", open_pane, draw, command, NULL, 2};
