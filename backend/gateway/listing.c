#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/gateway/private.h"

#define ROWS_DEFAULT 1000
#define ROWS_MAX     10000

/* The value of a query argument, percent-decoded by libwebsockets already. */
static bool argument(const struct request *r, const char *name, char *out, size_t room)
{
    size_t n = strlen(name);
    for (const char *p = r->query; *p;) {
        size_t m = strcspn(p, "&");
        if (m > n && !memcmp(p, name, n) && p[n] == '=') {
            snprintf(out, room, "%.*s", (int)(m - n - 1), p + n + 1);
            return true;
        }
        p += m + (p[m] == '&');
    }
    return false;
}

struct page {
    struct feeds *feeds;
    struct feed *feed;
    struct actor actor;
    struct filter *filter;
    char after[100];
    int limit;
    struct buf out;
    int count;
    char last[100];
    bool more;
};

static bool page_start(struct request *r, struct feed *f, struct page *p)
{
    char text[300], why[200];
    *p = (struct page){.feeds = &r->g->feeds, .feed = f, .actor = r->actor, .limit = ROWS_DEFAULT};
    if (argument(r, "limit", text, sizeof text)) {
        p->limit = atoi(text);
        if (p->limit < 1 || p->limit > ROWS_MAX) {
            reply_problem(r, 400, "limit '%.20s': expected 1 to %d", text, ROWS_MAX);
            return false;
        }
    }
    argument(r, "after", p->after, sizeof p->after);
    if (argument(r, "filter", text, sizeof text)) {
        p->filter = filter_new(f->record, text, why, sizeof why);
        if (!p->filter) {
            reply_problem(r, 400, "%s", why);
            return false;
        }
    }
    buf_text(&p->out, "{\"rows\":[");
    return true;
}

static void page_row(struct page *p, const void *row, const char *json)
{
    if (p->more || !feed_visible(p->feeds, p->feed, &p->actor, row) ||
        (p->filter && !filter_match(p->filter, row)))
        return;
    char key[100];
    record_key_text(p->feed->record, row, key, sizeof key);
    if (*p->after) {
        if (!strcmp(key, p->after))
            *p->after = 0;
        return;
    }
    if (p->count == p->limit) {
        p->more = true;
        return;
    }
    if (p->count++)
        buf_char(&p->out, ',');
    if (json)
        buf_text(&p->out, json);
    else
        record_json(p->feed->record, row, &p->out);
    snprintf(p->last, sizeof p->last, "%s", key);
}

static void page_end(struct page *p)
{
    buf_text(&p->out, "],\"next\":");
    if (p->more)
        buf_json(&p->out, p->last);
    else
        buf_text(&p->out, "null");
    buf_char(&p->out, '}');
    filter_free(p->filter);
    p->filter = NULL;
}

/* ---- as of a time: the journal's facts up to it, read in the pool ---- */

struct past {
    struct request *request;
    struct page page;
    struct table rows;
    int64_t as_of;
    char why[200];
};

static void past_fact(void *arg, const struct store_fact *f)
{
    struct past *p = arg;
    if (f->record != p->page.feed->id || f->time > p->as_of)
        return;
    if (f->removed)
        table_remove(&p->rows, f->row);
    else
        table_put(&p->rows, f->row);
}

static void past_run(void *arg)
{
    struct past *p = arg;
    struct store *s =
        store_reader(node_facts_at(p->request->g->node, p->page.feed->id), p->why, sizeof p->why);
    if (!s)
        return;
    if (!s->ops->facts(s, 0, INT64_MAX, -1, past_fact, p))
        snprintf(p->why, sizeof p->why, "the journal cannot be read: %.100s", s->ops->error(s));
    s->ops->close(s);
}

static void past_done(void *arg)
{
    struct past *p = arg;
    table_each(&p->rows, const void, row) page_row(&p->page, row, NULL);
    page_end(&p->page);
    if (*p->why)
        reply_problem(p->request, 503, "%s", p->why);
    else
        reply_json(p->request, 200, p->page.out.data, p->page.out.length);
    buf_free(&p->page.out);
    table_free(&p->rows);
    free(p);
}

void list_rows(struct request *r, struct feed *f)
{
    struct page p;
    char text[64];
    int64_t as_of;
    if (argument(r, "as_of", text, sizeof text)) {
        if (!(f->record->flags & RECORD_VERSIONED)) {
            reply_problem(r, 422, "as_of: %s are not versioned", f->record->plural);
            return;
        }
        if (!time_parse(text, &as_of)) {
            reply_problem(r, 400, "as_of '%s': expected a UTC time such as 2026-11-24T10:00:00Z", text);
            return;
        }
        if (!page_start(r, f, &p))
            return;
        struct past *past = mem_new(sizeof *past);
        *past = (struct past){.request = r, .page = p, .as_of = as_of};
        table_init(&past->rows, f->record);
        if (!pool_submit(r->g->pool, past_run, past_done, past)) {
            buf_free(&past->page.out);
            filter_free(past->page.filter);
            free(past);
            reply_problem(r, 503, "busy: try again");
        }
        return;
    }
    if (!page_start(r, f, &p))
        return;
    for (int i = 0; i < f->rows.count && !p.more; i++)
        if (f->rows.rows[i])
            page_row(&p, f->rows.rows[i], feed_json(f, i));
    page_end(&p);
    reply_json(r, 200, p.out.data, p.out.length);
    buf_free(&p.out);
}

/* ---- the audit trail, newest last, read in the pool ---- */

struct trail {
    struct request *request;
    int64_t after;
    int limit, count;
    struct buf out;
    char why[200];
    int64_t last;
    bool more;
};

static void trail_row(void *arg, const void *row)
{
    struct trail *t = arg;
    const struct audit *a = row;
    if (a->sequence <= t->after || t->more)
        return;
    if (t->count == t->limit) {
        t->more = true;
        return;
    }
    if (t->count++)
        buf_char(&t->out, ',');
    record_json(RECORD(audit), row, &t->out);
    t->last = a->sequence;
}

static void trail_run(void *arg)
{
    struct trail *t = arg;
    struct store *s = store_reader(t->request->g->config.store, t->why, sizeof t->why);
    if (!s)
        return;
    buf_text(&t->out, "{\"rows\":[");
    if (!s->ops->load(s, RECORD_audit, trail_row, t))
        snprintf(t->why, sizeof t->why, "the audit trail cannot be read: %.100s", s->ops->error(s));
    s->ops->close(s);
    if (t->more)
        buf_printf(&t->out, "],\"next\":\"%lld\"}", (long long)t->last);
    else
        buf_text(&t->out, "],\"next\":null}");
}

static void trail_done(void *arg)
{
    struct trail *t = arg;
    if (*t->why)
        reply_problem(t->request, 503, "%s", t->why);
    else
        reply_json(t->request, 200, t->out.data, t->out.length);
    buf_free(&t->out);
    free(t);
}

void audit_rows(struct request *r)
{
    char text[32];
    struct trail *t = mem_new(sizeof *t);
    *t = (struct trail){.request = r, .limit = ROWS_DEFAULT};
    if (argument(r, "after", text, sizeof text))
        t->after = strtoll(text, NULL, 10);
    if (argument(r, "limit", text, sizeof text) && atoi(text) > 0 && atoi(text) < ROWS_MAX)
        t->limit = atoi(text);
    if (!pool_submit(r->g->pool, trail_run, trail_done, t)) {
        free(t);
        reply_problem(r, 503, "busy: try again");
    }
}
