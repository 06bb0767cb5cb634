/* The two minima estimated from what there is, where no external synthetic pairs are: on a fixed sample of
 * the paper's size. */
#ifndef CIR_METHOD_SAMPLE_H
#define CIR_METHOD_SAMPLE_H

#include "cir/search.h"
#include "method/normalise.h"

#define CIR__SAMPLE_IMAGES 800 /* the paper's 200 prompts × 4 images */
#define CIR__SAMPLE_TEXTS 200

/* Estimates the minima over up to CIR__SAMPLE_IMAGES searchable rows, drawn by the seed, and up to
 * CIR__SAMPLE_TEXTS of the texts [n_texts, dim], drawn likewise; means as in cir__minima_estimate. With fewer
 * than 2 rows, or without texts, there are no pairs: the paper's −0.077 and −0.117, and the source says so.
 * ids_out: [CIR__SAMPLE_IMAGES] the drawn rows, *n_ids_out of them. Errors: CIR_FORMAT, CIR_LIMIT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__sample_minima(const cir_rows *rows, const float *texts, size_t n_texts,
                                             const float *image_mean, const float *text_mean, uint64_t seed,
                                             cir_pool *pool, cir__minima *minima_out, size_t *ids_out,
                                             size_t *n_ids_out, cir_error *err);

#endif
