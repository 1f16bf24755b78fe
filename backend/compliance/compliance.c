#include "backend/compliance/compliance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/platform/intake.h"

static const int owns[] = {RECORD_user,  RECORD_limit,       RECORD_approval, RECORD_alert,
                           RECORD_inbox, RECORD_dead_letter, RECORD_sign_in,  -1};
static const int mirrors[] = {-1};

struct compliance {
    struct table users, limits, approvals, alerts, inboxes, letters, sign_ins;
};

static struct table *table(void *state, enum record_id record)
{
    struct compliance *s = state;
    switch ((int)record) {
    case RECORD_user:
        return &s->users;
    case RECORD_limit:
        return &s->limits;
    case RECORD_approval:
        return &s->approvals;
    case RECORD_alert:
        return &s->alerts;
    case RECORD_inbox:
        return &s->inboxes;
    case RECORD_dead_letter:
        return &s->letters;
    case RECORD_sign_in:
        return &s->sign_ins;
    default:
        return NULL;
    }
}

static void *create(void)
{
    struct compliance *s = mem_new(sizeof *s);
    for (const int *r = owns; *r >= 0; r++)
        table_init(table(s, (enum record_id) * r), record_of((enum record_id) * r));
    return s;
}

static void destroy(void *state)
{
    for (const int *r = owns; *r >= 0; r++)
        table_free(table(state, (enum record_id) * r));
    free(state);
}

static void apply(void *state, enum record_id record, bool removed, const void *row)
{
    struct table *t = table(state, record);
    const char *id = record == RECORD_inbox         ? ((const struct inbox *)row)->id
                     : record == RECORD_dead_letter ? ((const struct dead_letter *)row)->id
                                                    : "compliance";
    if (!t || strncmp(id, "compliance", 10) != 0)
        return;
    if (removed)
        table_remove(t, row);
    else
        table_put(t, row);
}

static void raise(const struct compliance *s, const struct command *c, struct verdict *d,
                  const struct notice *n)
{
    struct alert a;
    record_clear(RECORD(alert), &a);
    a.id = decision_id(d, c);
    a.number = table_live(&s->alerts) + 1;
    a.version = 1;
    snprintf(a.book, sizeof a.book, "%s", n->book);
    a.time = n->time;
    snprintf(a.rule, sizeof a.rule, "%s", n->rule);
    a.severity = n->severity;
    snprintf(a.subject, sizeof a.subject, "%s", n->subject);
    a.value = n->value;
    a.limit = n->limit;
    snprintf(a.user, sizeof a.user, "%s", n->user);
    a.state = ALERT_OPEN;
    a.updated = c->now;
    decision_put(d, RECORD_alert, &a);
}

static void key_of(enum record_id record, const void *row, char *out, size_t room)
{
    snprintf(out, room, "%s/%s", record_of(record)->name,
             record == RECORD_notice ? ((const struct notice *)row)->book : "");
}

static void take(const void *state, const struct command *c, struct verdict *d)
{
    if (c->record == RECORD_notice)
        raise(state, c, d, c->body);
}

static void alarm_about(const void *state, const struct command *c, struct verdict *d,
                        const struct dead_letter *l)
{
    struct notice n;
    record_clear(RECORD(notice), &n);
    snprintf(n.book, sizeof n.book, "%s", *l->book ? l->book : "FIRM");
    snprintf(n.rule, sizeof n.rule, "dead-letter");
    n.severity = SEVERITY_HIGH;
    snprintf(n.subject, sizeof n.subject, "%s", l->id);
    n.time = c->now;
    raise(state, c, d, &n);
}

static const struct alert *target_alert(const struct compliance *s, const struct command *c,
                                        struct verdict *d)
{
    struct uuid id;
    const struct alert *a = uuid_parse(c->target, &id) ? table_get(&s->alerts, &id, sizeof id) : NULL;
    if (!a) /* people see numbers */
        table_each(&s->alerts, const struct alert, other)
        {
            char number[24];
            snprintf(number, sizeof number, "%lld", (long long)other->number);
            if (!strcmp(number, c->target))
                a = other;
        }
    if (!a) {
        decision_refuse(d, 404, "no alert %.60s", c->target);
        return NULL;
    }
    char text[UUID_TEXT];
    decision_object(d, "alert", uuid_format(&a->id, text));
    if (a->state == ALERT_CLOSED) {
        decision_refuse(d, 409, "alert %lld is closed", (long long)a->number);
        return NULL;
    }
    if (c->version != INT64_MIN && c->version != a->version) {
        decision_refuse(d, 412, "the alert has changed: version is %lld", (long long)a->version);
        return NULL;
    }
    return a;
}

static void decide_alert(const struct compliance *s, const struct command *c, struct verdict *d)
{
    const struct alert_request *q = c->body;
    const struct alert *old = target_alert(s, c, d);
    if (!old)
        return;
    struct alert a = *old;
    if (c->kind == COMMAND_ALERT_ACK) {
        if (a.state != ALERT_OPEN) {
            decision_refuse(d, 409, "alert %lld is not open", (long long)a.number);
            return;
        }
        a.state = ALERT_ACKNOWLEDGED;
        snprintf(a.owner, sizeof a.owner, "%s", c->actor.user);
    } else if (c->kind == COMMAND_ALERT_ASSIGN) {
        if (!table_find(&s->users, q->owner)) {
            decision_refuse(d, 422, "owner: no user '%s'", q->owner);
            return;
        }
        a.state = ALERT_ASSIGNED;
        snprintf(a.owner, sizeof a.owner, "%s", q->owner);
    } else {
        if (!strcmp(a.user, c->actor.user)) {
            decision_refuse(d, 403, "alert %lld is about %s's own activity: somebody else closes it",
                            (long long)a.number, a.user);
            return;
        }
        if (!*q->reason) {
            decision_refuse(d, 422, "reason: expected why the alert is closed");
            return;
        }
        a.state = ALERT_CLOSED;
        snprintf(a.owner, sizeof a.owner, "%s", c->actor.user);
        snprintf(a.reason, sizeof a.reason, "%s", q->reason);
        snprintf(d->reason, sizeof d->reason, "%s", q->reason);
    }
    a.version++;
    a.updated = c->now;
    decision_put(d, RECORD_alert, &a);
}

static void decide_limit_change(const struct compliance *s, const struct command *c, struct verdict *d)
{
    const struct limit_request *q = c->body;
    const struct limit *l = table_find(&s->limits, q->number);
    struct approval a;
    if (!l) {
        decision_refuse(d, 404, "no limit %s", q->number);
        return;
    }
    record_clear(RECORD(approval), &a);
    snprintf(a.id, sizeof a.id, "A-%d", table_live(&s->approvals) + 1);
    decision_object(d, "approval", a.id);
    if (q->limit <= 0) {
        decision_refuse(d, 422, "limit: expected more than 0");
        return;
    }
    snprintf(a.subject, sizeof a.subject, "%s", q->number);
    a.value = q->limit;
    a.warning = q->warning != DEC_NONE ? q->warning : q->limit / 10 * 8;
    if (a.warning <= 0 || a.warning > a.value) {
        decision_refuse(d, 422, "warning: expected more than 0 and at most the limit");
        return;
    }
    snprintf(a.reason, sizeof a.reason, "%s", q->reason);
    snprintf(a.requested_by, sizeof a.requested_by, "%s", c->actor.user);
    a.state = DECISION_PENDING;
    a.time = c->now;
    decision_put(d, RECORD_approval, &a);
}

static void decide_approval(const struct compliance *s, const struct command *c, struct verdict *d)
{
    const struct approval_request *q = c->body;
    const struct approval *old = table_find(&s->approvals, c->target);
    decision_object(d, "approval", c->target);
    if (!old) {
        decision_refuse(d, 404, "no approval %.60s", c->target);
        return;
    }
    if (old->state != DECISION_PENDING || q->state == DECISION_PENDING) {
        decision_refuse(d, 409, "%s is %s", old->id, field_enum_text(RECORD(approval), "state", old->state));
        return;
    }
    if (!strcmp(old->requested_by, c->actor.user)) {
        decision_refuse(d, 403, "%s asked for this: a second person decides", c->actor.user);
        return;
    }
    struct approval a = *old;
    a.state = q->state;
    snprintf(a.decided_by, sizeof a.decided_by, "%s", c->actor.user);
    decision_put(d, RECORD_approval, &a);
    const struct limit *l = table_find(&s->limits, a.subject);
    if (a.state != DECISION_APPROVED || !l)
        return;
    struct limit next = *l;
    next.limit = a.value;
    next.warning = a.warning;
    next.version++;
    snprintf(next.approved_by, sizeof next.approved_by, "%s", c->actor.user);
    decision_put(d, RECORD_limit, &next);
}

/* What has expired goes with the next one that comes. */
static void decide_sign_in(const struct compliance *s, const struct command *c, struct verdict *d)
{
    struct sign_in in = *(const struct sign_in *)c->body;
    const struct user *u = table_find(&s->users, in.user);
    decision_object(d, "sign_in", in.id);
    if (!u) {
        decision_refuse(d, 401, "no user '%s'", in.user);
        return;
    }
    in.role = u->role;
    snprintf(in.books, sizeof in.books, "%s", u->books);
    table_each(&s->sign_ins, const struct sign_in, old) if (old->expires <= c->now)
        decision_remove(d, RECORD_sign_in, old);
    decision_put(d, RECORD_sign_in, &in);
}

static void decide_sign_out(const struct compliance *s, const struct command *c, struct verdict *d)
{
    const struct sign_in *in = table_find(&s->sign_ins, c->target);
    decision_object(d, "sign_in", c->target);
    if (in)
        decision_remove(d, RECORD_sign_in, in);
}

static void decide(const void *state, const struct command *c, struct verdict *d)
{
    const struct compliance *s = state;
    const struct intake in = {"compliance", &s->inboxes, &s->letters, key_of, take, alarm_about};
    switch ((int)c->kind) {
    case COMMAND_INTAKE:
    case COMMAND_REQUEUE:
        intake_decide(&in, state, c, d);
        break;
    case COMMAND_ALERT_ACK:
    case COMMAND_ALERT_ASSIGN:
    case COMMAND_ALERT_CLOSE:
        decide_alert(state, c, d);
        break;
    case COMMAND_LIMIT_CHANGE:
        decide_limit_change(state, c, d);
        break;
    case COMMAND_LIMIT_DECIDE:
        decide_approval(state, c, d);
        break;
    case COMMAND_SESSION_OPEN:
        decide_sign_in(state, c, d);
        break;
    case COMMAND_SESSION_CLOSE:
        decide_sign_out(state, c, d);
        break;
    case COMMAND_IMPORT:
        for (int i = 0; i < c->row_count; i++)
            decision_put(d, c->record, c->rows[i]);
        decision_object(d, record_of(c->record)->name, "opening desk");
        break;
    default:
        decision_refuse(d, 404, "compliance does not know this command");
    }
}

const struct service_ops compliance_ops = {"compliance", owns,  mirrors, create, destroy,
                                           decide,       apply, table,   NULL};

const struct user *compliance_user(const void *state, const char *name)
{
    const struct compliance *s = state;
    return s ? table_find(&s->users, name) : NULL;
}
