/* Where prices come from: the two-factor model (model.c) or recorded history (replay.c). Both answer
 * the same questions; market.c makes quotes and closes days from the answers. To add a source, fill in
 * the functions and a line in source_open. */
#pragma once
#include "backend/data/series.h"
#include "common/product.h"

struct source;
struct source_ops {
    const char *stamp; /* sim or replay */
    /* The business dates next to d; DATE_NONE beyond the last. */
    date (*next)(struct source *s, date d);
    date (*previous)(struct source *s, date d);
    /* Official settlement of a product's delivery month (of a rate: month is ignored) on a closed date. */
    dec (*settle)(struct source *s, const char *product, date month, date d);
    /* Theoretical price during date d, a fraction f of it gone, at `now`. NaN when there is none. */
    double (*level)(struct source *s, const char *product, date month, date d, double f, int64_t now);
    int (*depth)(struct source *s, const char *product); /* listed months, 0: not traded */
    /* Appends everything that is known through `last` to the history that risk reads. */
    void (*fill)(struct source *s, struct history *h, date last);
    /* Appends one closed date. */
    void (*append)(struct source *s, struct history *h, date d);
    void (*close)(struct source *s);
};
struct source {
    const struct source_ops *ops;
    date first;       /* business date that a new desk opens with */
    double speed;     /* replay: business days a second; 0: the clock's own */
    char origin[121]; /* date and source of the first curve, for people */
};

/* The simulated market: same seed and anchor, same prices. `anchor` is the last closed date at birth. */
struct source *source_sim(uint64_t seed, date anchor);
/* Recorded history from a folder of wide CSV files; starts after 501 days or at `from`. */
struct source *source_replay(const char *dir, date from, double speed, char *why, size_t room);
/* The firm's business days: Monday to Friday without UK bank holidays. */
date business_next(date d);
date business_previous(date d);
/* The instant at which a business date closes: 18:30 Europe/London. */
int64_t business_close(date d);
