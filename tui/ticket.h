/* The order ticket: fields, their editing, and the review that `y` sends. An edit undoes the review. */
#pragma once
#include "common/records/records.h"
#include "tui/canvas.h"

struct app;
enum ticket_field {
    TICKET_SIDE,
    TICKET_QUANTITY,
    TICKET_INSTRUMENT,
    TICKET_TYPE,
    TICKET_PRICE,
    TICKET_TIF,
    TICKET_BOOK,
    TICKET_FIELDS
};
enum review { REVIEW_NONE, REVIEW_ASKED, REVIEW_DONE };
#define TICKET_CHECKS 16
#define TICKET_TEXT   DEC_TEXT

struct ticket {
    char text[TICKET_FIELDS][TICKET_TEXT];
    int field;
    bool fresh;            /* the first character typed replaces what stands in the field */
    struct order replaces; /* the order that it replaces; its id is none for a new one */
    enum review review;
    int64_t turn; /* counts reviews: an answer to an older one is dropped */
    struct order_request request;
    struct check checks[TICKET_CHECKS]; /* those that refuse first */
    int check_count;
    bool refused, whatif_known;
    struct whatif_answer whatif;
    char problem[200];
};
/* Lines that it takes at the bottom of the screen. */
int ticket_height(const struct ticket *t);
void ticket_open(struct app *a, const char *side, const char *instrument, const char *quantity,
                 const char *price, const char *book);
void ticket_open_replace(struct app *a, const struct order *o);
void ticket_key(struct app *a, const char *key);
void ticket_draw(const struct app *a, struct canvas *c, struct rect r, int *y, int *x);
/* Reads the fields; false with one line in `why`. */
bool ticket_request(const struct app *a, const struct ticket *t, struct order_request *q, char *why,
                    size_t room);
