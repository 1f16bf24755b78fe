#include "backend/data/audit_chain.h"
#include <openssl/evp.h>
#include <string.h>

static void hex_digest(const void *bytes, size_t n, char out[65])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[32];
    unsigned int size = sizeof digest;
    if (!EVP_Digest(bytes, n, digest, &size, EVP_sha256(), NULL))
        memset(digest, 0, sizeof digest);
    for (int i = 0; i < 32; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[64] = 0;
}

void audit_hash(const struct audit *a, char out[65])
{
    struct buf bytes = {0};
    char text[256];
    const struct record *r = RECORD(audit);
    buf_text(&bytes, "quanta-audit-1");
    for (int i = 0; i < r->field_count; i++) {
        if (!strcmp(r->fields[i].name, "hash"))
            continue;
        field_text(&r->fields[i], a, text, sizeof text);
        size_t n = strlen(text);
        unsigned char length[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                   (unsigned char)(n >> 8), (unsigned char)n};
        buf_add(&bytes, length, 4);
        buf_add(&bytes, text, n);
    }
    hex_digest(bytes.data, bytes.length, out);
    buf_free(&bytes);
}

void audit_row_hash(const struct record *r, const void *row, char out[65])
{
    struct buf json = {0};
    record_json(r, row, &json);
    hex_digest(json.data, json.length, out);
    buf_free(&json);
}

void audit_link(const struct audit_head *head, struct audit *records, int count)
{
    const char *previous = head->hash;
    for (int i = 0; i < count; i++) {
        struct audit *a = &records[i];
        a->sequence = head->sequence + i + 1;
        a->version = 1;
        memcpy(a->previous, previous, sizeof a->previous);
        audit_hash(a, a->hash);
        previous = a->hash;
    }
}

void audit_advance(struct audit_head *head, const struct audit *records, int count)
{
    if (!count)
        return;
    head->sequence = records[count - 1].sequence;
    memcpy(head->hash, records[count - 1].hash, sizeof head->hash);
}
