/* Queries that are composed together, and what they are composed with. */
#ifndef CIR_METHOD_QUERY_SET_H
#define CIR_METHOD_QUERY_SET_H

#include "cir/method.h"
#include "method/text_cache.h"

/* Queries over the same rows, by the distinct photos and texts among them: what is made of one of these is
 * made once. Lends everything. */
typedef struct cir__query_set {
    size_t n;
    size_t n_images, n_texts;
    const float *const *images; /* [n_images] unit features */
    const float *const *texts;  /* [n_texts] unit features, contextualised where settings ask for it */
    const char *const *words;   /* [n_texts] instead, of methods whose words need the photo */
    const size_t *image_of,
        *text_of; /* [n] which ones are a query's; SIZE_MAX: it has none, though not of both */
} cir__query_set;

/* Whether queries are among the rows that they search. */
typedef enum cir__inside {
    CIR__INSIDE_ASK, /* each photo is looked for */
    CIR__INSIDE_NO,
    CIR__INSIDE_YES
} cir__inside;

/* Beside the queries. Lends everything. */
typedef struct cir__compose_context {
    cir_method method;
    const cir_fit *fit;
    size_t gallery; /* of the fit: that of rows */
    const cir_settings *settings;
    const cir_rows *rows;
    cir__inside inside; /* of FREEDOM */
    const cir__text_cache *texts;
    cir_pool *pool;
} cir__compose_context;

#endif
