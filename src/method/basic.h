/* BASIC: from a photo's feature and the words' feature to a linear query. Knows neither index nor model nor
 * data set: the composer and the evaluation both stand on it. */
#ifndef CIR_METHOD_BASIC_H
#define CIR_METHOD_BASIC_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/centre.h"
#include "method/normalise.h"
#include "method/project.h"

/* What BASIC knows beside the query. Lends everything. */
typedef struct cir__basic {
    size_t dim;
    const float *image_mean;                /* μv, [dim]; NULL: images are not centred */
    const float *text_mean;                 /* μt, [dim]; NULL: texts are not centred */
    const cir__projection *projection;      /* P; NULL: not projected */
    const cir__projection *text_projection; /* P′ of the text; NULL, or without directions: not projected */
    cir__minima minima;                     /* mv and mt; not 0 where settings->normalise */
} cir__basic;

/* The image side of n queries, folded: an image's feature x enters through ⟨a, x⟩ + a0 alone (METHOD §1, last
 * paragraph). images: [n] features [dim], unit; rows: what query expansion looks at, in one pass for all. Of
 * the settings, variant, neighbours, beta, expand, normalise, recall and codes are read. weights_out: [n,
 * dim]; sides_out: [n], which lend them. Errors: CIR_NO_MEMORY, those of cir_search_find. */
CIR_MUST_CHECK cir_status cir__basic_image_sides(const cir__basic *basic, const cir_settings *settings,
                                                 const cir_rows *rows, cir_pool *pool,
                                                 const float *const *images, size_t n, double *weights_out,
                                                 cir__side *sides_out, cir_error *err);

/* The text side of a query: ⟨b, x⟩ + b0. text: [dim] unit, contextualised already where settings ask for it;
 * weights_out: [dim], which the side lends. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__basic_text_side(const cir__basic *basic, const cir_settings *settings,
                                               const float *text, double *weights_out, cir__side *side_out,
                                               cir_error *err);

/* Both sides and BASIC's fusion; image or text may be NULL, not both. *composed_out: end with
 * cir_composed_done. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__basic_join(const cir__basic *basic, const cir_settings *settings,
                                          const cir__side *image, const cir__side *text,
                                          cir_composed *composed_out, cir_error *err);

/* All of it for one query: image, text: as above, or NULL; not both. Errors: those of the above. */
CIR_MUST_CHECK cir_status cir__basic_compose(const cir__basic *basic, const cir_settings *settings,
                                             const cir_rows *rows, cir_pool *pool, const float *image,
                                             const float *text, cir_composed *composed_out, cir_error *err);

#endif
