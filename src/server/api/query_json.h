/* What a search is asked for: the JSON of POST /v1/search, checked. */
#ifndef CIR_SERVER_QUERY_JSON_H
#define CIR_SERVER_QUERY_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cir/collection.h"

enum {
    CIR__UPLOAD_NAME_SIZE = 65, /* SHA-256 in hexadecimal digits, and a zero */
    CIR__MAX_K = 1000,
    CIR__MAX_OFFSET = 100000,
    CIR__MAX_SCATTER = 50000,
    CIR__MAX_QUERY_TEXT = 2000,
    CIR__MAX_CONTEXT = 500 /* terms: each costs two texts to be encoded */
};

typedef struct cir__search_request {
    cir_search_request asked;           /* lends from what follows; an upload's bytes or feature come later */
    char upload[CIR__UPLOAD_NAME_SIZE]; /* "": none */
    size_t scatter;                     /* at most so many points; 0: no scatter */
    cir_settings settings;
    cir_photo_filter filter;
    json_t *document;
} cir__search_request;

/* Reads a document. Whether a photo or words are there at all is cir__search_request_check's matter: an
 * upload may come beside the document. free() with cir__search_request_free. Errors: CIR_ARGUMENT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__search_request_parse(const char *bytes, size_t size,
                                                    cir__search_request **request_out, cir_error *err);
void cir__search_request_free(cir__search_request *request); /* NULL is allowed */

/* cir_search_request_check, with the upload as a photo. Errors: "MEMBER: WHY". */
CIR_MUST_CHECK cir_status cir__search_request_check(const cir__search_request *request, cir_error *err);

/* Requests with the same answer, and no others, have the same key. free(). NULL when out of memory. */
char *cir__search_request_key(const cir__search_request *request);

#endif
