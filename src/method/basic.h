/* BASIC: from a photo's feature and the words' feature to a linear query. Knows neither index nor model nor
 * data set: the composer and the evaluation both stand on it. */
#ifndef CIR_METHOD_BASIC_H
#define CIR_METHOD_BASIC_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/normalise.h"
#include "method/project.h"

/* What BASIC knows beside the query. Lends everything. */
typedef struct cir__basic {
    size_t dim;
    const float *image_mean;           /* μv, [dim]; NULL: images are not centred */
    const float *text_mean;            /* μt, [dim]; NULL: texts are not centred */
    const cir__projection *projection; /* P; NULL: not projected */
    cir__minima minima;                /* mv and mt; not 0 where settings->normalise */
} cir__basic;

/* Whether the method is BASIC in one of its forms. */
bool cir__method_is_basic(cir_method method);

/* The query of BASIC, folded: an image's feature x enters through ⟨a, x⟩ + a0 and ⟨b, x⟩ + b0 alone (METHOD
 * §1, last paragraph). image: [dim] unit or NULL; text: [dim] unit, contextualised already where settings ask
 * for it, or NULL; not both. rows: what query expansion looks at. Of the settings, variant, neighbours, beta,
 * lambda, expand, normalise and fuse are read. *composed_out: end with cir_composed_done. Errors:
 * CIR_NO_MEMORY, those of cir_search_top. */
CIR_MUST_CHECK cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings,
                                             const cir_rows *rows, cir_pool *pool, const float *image,
                                             const float *text, cir_composed *composed_out, cir_error *err);

#endif
