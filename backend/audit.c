/* quanta-audit: verifies the chain of an audit trail, from a store or from JSON lines, offline. */
#include <stdio.h>
#include <string.h>
#include "backend/data/audit_chain.h"
#include "backend/data/store.h"

struct walk {
    int64_t count;
    char previous[65];
    char problem[160];
};

static void check(struct walk *w, const struct audit *a)
{
    char hash[65];
    if (*w->problem)
        return;
    audit_hash(a, hash);
    if (a->sequence != w->count + 1)
        snprintf(w->problem, sizeof w->problem, "record %lld follows %lld: something is missing",
                 (long long)a->sequence, (long long)w->count);
    else if (strcmp(a->previous, w->previous) != 0)
        snprintf(w->problem, sizeof w->problem, "record %lld does not follow from the one before",
                 (long long)a->sequence);
    else if (strcmp(hash, a->hash) != 0)
        snprintf(w->problem, sizeof w->problem, "record %lld was changed: its hash does not fit",
                 (long long)a->sequence);
    w->count++;
    memcpy(w->previous, a->hash, sizeof w->previous);
}

static void store_row(void *arg, const void *row)
{
    check(arg, row);
}

static int finish(const struct walk *w, const char *path)
{
    if (*w->problem) {
        fprintf(stderr, "quanta-audit: %s: %s\n", path, w->problem);
        return 1;
    }
    printf("%s: %lld records, chain whole, head %s\n", path, (long long)w->count, w->previous);
    return 0;
}

static int verify_lines(const char *path)
{
    struct walk w = {.previous = AUDIT_ZERO};
    char line[4096];
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "quanta-audit: %s: cannot be opened\n", path);
        return 2;
    }
    while (!*w.problem && fgets(line, sizeof line, f)) {
        struct audit a;
        if (record_parse(RECORD(audit), line, strlen(line), &a))
            check(&w, &a);
        else
            snprintf(w.problem, sizeof w.problem, "line %lld is not an audit record", (long long)w.count + 1);
    }
    fclose(f);
    return finish(&w, path);
}

int main(int argc, char **argv)
{
    char address[500], why[300];
    struct walk w = {.previous = AUDIT_ZERO};
    if (argc != 2 || !strcmp(argv[1], "--help")) {
        fprintf(stderr, "usage: quanta-audit STORE.db | RECORDS.jsonl\n");
        return 2;
    }
    size_t n = strlen(argv[1]);
    if (n > 6 && !strcmp(argv[1] + n - 6, ".jsonl"))
        return verify_lines(argv[1]);
    snprintf(address, sizeof address, "sqlite:%.480s", argv[1]);
    struct store *s = store_sqlite(address, true, why, sizeof why);
    if (!s) {
        fprintf(stderr, "quanta-audit: %s\n", why);
        return 2;
    }
    bool read = s->ops->load(s, RECORD_audit, store_row, &w);
    if (!read)
        snprintf(w.problem, sizeof w.problem, "cannot be read: %.100s", s->ops->error(s));
    s->ops->close(s);
    return finish(&w, argv[1]);
}
