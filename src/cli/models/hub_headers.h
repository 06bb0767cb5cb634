/* What a model hub tells of a file in its answer's headers. Bytes in, values out: no network, no memory. */
#ifndef CIR_CLI_HUB_HEADERS_H
#define CIR_CLI_HUB_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/common/digest.h"

#define CIR__HUB_TEXT_SIZE 256

/* Of one answer. Numbers are -1 and texts "" where they were not told. */
typedef struct cir__hub_headers {
    long status;
    long long length;      /* Content-Length */
    long long range_begin; /* Content-Range */
    long long range_total;
    bool is_encoded; /* Content-Encoding is another than identity */
    long long linked_size;
    char linked_etag[CIR__DIGEST_TEXT_SIZE]; /* SHA-256 */
    char etag[CIR__DIGEST_TEXT_SIZE];        /* 64 digits: SHA-256; 40: git's SHA-1; others are not kept */
    char commit[CIR__DIGEST_TEXT_SIZE];      /* 40 digits */
    /* For people: printable ASCII only. */
    char content_type[CIR__HUB_TEXT_SIZE];
    char retry_after[CIR__HUB_TEXT_SIZE]; /* seconds or a date */
    char error_code[CIR__HUB_TEXT_SIZE];
    char error_message[CIR__HUB_TEXT_SIZE];
} cir__hub_headers;

void cir__hub_headers_init(cir__hub_headers *self);

/* Takes one line, with or without its end; a status line begins anew. */
void cir__hub_headers_take(cir__hub_headers *self, const char *line, size_t size);

/* Copies what is printable ASCII of size bytes, other characters as '?', without white space at the ends. */
void cir__hub_copy_text(const char *bytes, size_t size, char out[CIR__HUB_TEXT_SIZE]);

#endif
