/* Min-normalisation (doc/method.md, step 6): s̃ = (s − m)/|m|, with m the smallest similarity over the pairs of a
 * sample. Being linear, it folds into the query's form; clamping at 0 is the fusion's. */
#ifndef CIR_METHOD_NORMALISE_H
#define CIR_METHOD_NORMALISE_H

#include <stddef.h>

#include "cir/method.h"
#include "cir/pool.h"
#include "cir/status.h"
#include "method/centre.h"

/* The smallest similarities of image–image and of text–image pairs, or what stands for them. Below 0. */
typedef struct cir__minima {
    double image;
    double text;
    cir_minima_source source;
} cir__minima;

/* The paper's definition, for synthetic pairs from outside: takes the minima over all pairs of images
 * [n_images, dim] with each other, and of texts [n_texts, dim] with images; each centred with its mean (NULL:
 * not) and not projected. n_images ≥ 1, n_texts ≥ 1. They may come out as 0 or more where a mean is not the
 * pairs' own, which the caller has to refuse. Errors: CIR_FORMAT (features that are no numbers),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__minima_fit(const float *images, size_t n_images, const float *texts,
                                          size_t n_texts, size_t dim, const float *image_mean,
                                          const float *text_mean, cir_pool *pool, cir__minima *minima_out,
                                          cir_error *err);

/* form = (form − minimum)/|scale|. scale is the same minimum, except that variant reference scales the text
 * form by the images' (doc/method.md, deviation 2). scale ≠ 0. */
void cir__normalise(cir__linear_form *form, double minimum, double scale);

#endif
