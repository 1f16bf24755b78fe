/* From a durable fact to those who follow it: observers, mirrors in other services, and work. */
#pragma once
#include "backend/data/store.h"

struct node;
void delivery_fact(struct node *n, const struct store_fact *fact);
void delivery_publish(struct node *n, enum record_id record, const void *row);
/* The same, for a row that came from another process. */
void delivery_live(struct node *n, enum record_id record, const void *row);
/* Hands waiting events to their consumers; all of them when `drain`. */
void delivery_run(struct node *n, bool drain);
