/* Requests for a service that another process runs, carried to it over mutual TLS. Loop's thread unless said.
 */
#pragma once
#include "backend/gateway/gateway.h"

struct forward;
struct request;
/* What came back; status 0: the owner could not be reached in time, and nothing was done. -1: it was reached,
 * and whether it was done is not known. `type` and `body` are borrowed. */
typedef void forward_fn(struct request *r, int status, const char *type, const char *body, size_t n);
/* NULL with one line in `why`. */
struct forward *forward_new(struct gateway *g, forward_fn *done, char *why, size_t room);
void forward_free(struct forward *f); /* waits for those on their way; theirs is not answered any more */
/* Copies what it needs of the request. False when too much waits. `lane`: cancel and halt, which others
 * cannot hold up. */
bool forward_send(struct forward *f, struct request *r, const char *service, bool lane);
/* Hands back what is done. */
void forward_poll(struct forward *f);
