/* The audit chain's canonical form, shared by the writer and by the offline verifier quanta-audit.
 *
 * hash = SHA-256("quanta-audit-1" || for each field but hash: 4-byte length || its text). The first
 * record's previous is 64 zeros. Model: RFC 9162, CloudTrail digest files. */
#pragma once
#include "common/records/records.h"

#define AUDIT_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

/* Where a chain stands: what the next record follows. */
struct audit_head {
    int64_t sequence;
    char hash[65];
};
/* Numbers and links records that follow; the head moves once they are committed. */
void audit_link(const struct audit_head *head, struct audit *records, int count);
void audit_advance(struct audit_head *head, const struct audit *records, int count);
void audit_hash(const struct audit *a, char out[65]);
/* SHA-256 of a row's JSON, in hexadecimal. */
void audit_row_hash(const struct record *r, const void *row, char out[65]);
