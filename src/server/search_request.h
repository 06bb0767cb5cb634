/* What a search is asked for: the JSON of POST /v1/search, checked. */
#ifndef CIR_SERVER_SEARCH_REQUEST_H
#define CIR_SERVER_SEARCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/method.h"
#include "server/filter.h"

enum {
    CIR__UPLOAD_NAME_SIZE = 65, /* SHA-256 in hexadecimal digits, and a zero */
    CIR__MAX_K = 1000,
    CIR__MAX_OFFSET = 100000,
    CIR__MAX_SCATTER = 50000,
    CIR__MAX_QUERY_TEXT = 2000,
    CIR__MAX_CONTEXT = 500 /* terms: each costs two texts to be encoded */
};

typedef struct cir__crop {
    double x, y, width, height; /* fractions of the upright picture */
} cir__crop;

typedef struct cir__search_request {
    bool has_id;
    size_t id;                          /* of an indexed photo */
    char upload[CIR__UPLOAD_NAME_SIZE]; /* "": none */
    bool has_crop;
    cir__crop crop;
    char *text; /* NULL: none */
    cir_method method;
    cir_settings settings;
    size_t k, offset;
    cir__filter filter;
    bool explains;
    bool folds;     /* near-duplicates into one hit */
    size_t scatter; /* at most so many points; 0: no scatter */
} cir__search_request;

/* Reads a document. Whether a photo or words are there at all is cir__search_request_check's matter: an
 * upload may come beside the document. free() with cir__search_request_free. Errors: CIR_ARGUMENT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__search_request_parse(const char *bytes, size_t size,
                                                    cir__search_request **request_out, cir_error *err);
void cir__search_request_free(cir__search_request *request); /* NULL is allowed */

/* Errors: CIR_ARGUMENT: neither photo nor words, or not what the method needs. */
CIR_MUST_CHECK cir_status cir__search_request_check(const cir__search_request *request, cir_error *err);

/* Requests with the same answer, and no others, have the same key. free(). NULL where memory is short. */
char *cir__search_request_key(const cir__search_request *request);

/* Settings in a text for keys: all that a composer is made of, or all. free(). */
char *cir__settings_key(cir_method method, const cir_settings *settings, bool is_of_composer);

#endif
