#include "backend/data/series.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/buf.h"

#define SERIES_MAX 24

struct history {
    struct series list[SERIES_MAX];
    int count;
    pthread_mutex_t lock;
};

struct history *history_new(void)
{
    struct history *h = mem_new(sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->count; i++) {
        free(h->list[i].dates);
        free(h->list[i].front);
        free(h->list[i].prices);
    }
    pthread_mutex_destroy(&h->lock);
    free(h);
}

const struct series *history_series(const struct history *h, const char *product)
{
    for (int i = 0; i < h->count; i++)
        if (!strcmp(h->list[i].product, product))
            return &h->list[i];
    return NULL;
}

void history_append(struct history *h, const char *product, int depth, date day, date front,
                    const dec *prices)
{
    history_lock(h);
    struct series *s = (struct series *)(uintptr_t)history_series(h, product);
    if (!s && h->count < SERIES_MAX) {
        s = &h->list[h->count++];
        snprintf(s->product, sizeof s->product, "%s", product);
        s->depth = depth;
    }
    if (s && depth == s->depth && (!s->days || s->dates[s->days - 1] < day)) {
        if (s->days == s->room) {
            s->room = s->room ? s->room * 2 : 512;
            s->dates = mem_grow(s->dates, (size_t)s->room * sizeof *s->dates);
            s->front = mem_grow(s->front, (size_t)s->room * sizeof *s->front);
            s->prices = mem_grow(s->prices, (size_t)s->room * (size_t)depth * sizeof *s->prices);
        }
        s->dates[s->days] = day;
        s->front[s->days] = front;
        memcpy(s->prices + (size_t)s->days * (size_t)depth, prices, (size_t)depth * sizeof *prices);
        s->days++;
    }
    history_unlock(h);
}

int history_settlements(const struct history *h)
{
    int n = 0;
    for (int i = 0; i < h->count; i++)
        for (int k = 0; k < h->list[i].days * h->list[i].depth; k++)
            n += h->list[i].prices[k] != DEC_NONE;
    return n;
}

void history_lock(struct history *h)
{
    pthread_mutex_lock(&h->lock);
}

void history_unlock(struct history *h)
{
    pthread_mutex_unlock(&h->lock);
}

int series_day(const struct series *s, date d)
{
    int low = 0, high = s->days; /* dates below low are <= d */
    while (low < high) {
        int mid = (low + high) / 2;
        if (s->dates[mid] <= d)
            low = mid + 1;
        else
            high = mid;
    }
    return low - 1;
}

int series_nearby(const struct series *s, int i, date month)
{
    int y, m, d, fy, fm;
    if (s->depth == 1)
        return 0;
    date_split(month, &y, &m, &d);
    date_split(s->front[i], &fy, &fm, &d);
    return (y - fy) * 12 + m - fm;
}

dec series_price(const struct series *s, int i, date month)
{
    int n = series_nearby(s, i, month);
    return n < 0 || n >= s->depth ? DEC_NONE : s->prices[i * s->depth + n];
}
