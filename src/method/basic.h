/* BASIC: from photos' and words' features to linear queries (doc/method.md). Knows neither index nor data set:
 * what they give it is fitted before (fit.h). */
#ifndef CIR_METHOD_BASIC_H
#define CIR_METHOD_BASIC_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/normalise.h"
#include "method/project.h"
#include "method/query_set.h"
#include "method/terms.h"

/* What BASIC knows beside the query. Lends everything. */
typedef struct cir__basic {
    size_t dim;
    const float *image_mean;                /* μv, [dim]; NULL: images are not centred */
    const float *text_mean;                 /* μt, [dim]; NULL: texts are not centred */
    const cir__projection *projection;      /* P; NULL: not projected */
    const cir__projection *text_projection; /* P′ of the text; NULL, or without directions: not projected */
    cir__minima minima;                     /* mv and mt; not 0 where settings->normalise */
} cir__basic;

/* The words' feature [dim], unit and not centred: among the context terms where settings->contextualise,
 * else plain. Errors: those of encoding, CIR_FORMAT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__basic_encode_text(const cir__text_cache *texts, const cir_settings *settings,
                                                 const cir__terms *context, cir_pool *pool, const char *text,
                                                 float *feature_out, size_t *n_cut_out, cir_error *err);

/* Composes a set of queries. rows: what query expansion looks at, in one pass for all. Of the settings, those
 * of a query, variant and normalise are read. composed_out: [set->n]; end each with cir_composed_done,
 * whatever came back. Errors: CIR_NO_MEMORY, those of cir_search_find. */
CIR_MUST_CHECK cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings,
                                             const cir_rows *rows, cir_pool *pool, const cir__query_set *set,
                                             cir_composed *composed_out, cir_error *err);

#endif
