/* The two minima of min-normalisation estimated from a sample, where no external synthetic pairs are.
 *
 * The paper's minimum is an extreme: over n² pairs it falls as n grows, and where the image mean is not the
 * collection's own it may lie above 0, so that clamping reverses what it should not touch. What stands in for
 * it is the width of the same similarities:
 *
 *     m = −(w + 3.09·u)
 *
 * w: root mean square of the similarities about their row's mean (a row: one image or text with all sampled
 * images); u: root mean square of the rows' means about 0, less what chance would make of w. Around its own
 * mean a collection has u = 0, and m is one deviation below 0: on FashionCLIP −0.078 from 50, 200 and 800
 * images, where the minimum goes from −0.20 to −0.26. One scene under a foreign mean has all its similarities
 * to one text shifted together: u takes that in, at the 0.1 % point of a Gaussian, so that no usual text is
 * clamped for all images at once. m < 0 by construction, and no function of the sample's size. */
#ifndef CIR_METHOD_ESTIMATE_H
#define CIR_METHOD_ESTIMATE_H

#include "method/normalise.h"

/* What stands for a minimum that is nearer to 0 (copies of one image): dividing by it would blow rounding up
 * to scores. */
#define CIR__MINIMUM_FLOOR (-0.01)

/* Estimates both over images [n_images, dim] with each other, none with itself, and texts [n_texts, dim] with
 * images; each centred with its mean (NULL: not) and not projected. n_images ≥ 2, n_texts ≥ 1. Errors:
 * CIR_FORMAT (features that are no numbers), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__minima_estimate(const float *images, size_t n_images, const float *texts,
                                               size_t n_texts, size_t dim, const float *image_mean,
                                               const float *text_mean, cir_pool *pool,
                                               cir__minima *minima_out, cir_error *err);

#endif
