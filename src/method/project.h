/* The contrastive projection (doc/method.md, step 3; paper §4): keeps the directions in which objects differ from
 * each other and styles do not. */
#ifndef CIR_METHOD_PROJECT_H
#define CIR_METHOD_PROJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/method.h"
#include "cir/pool.h"
#include "cir/status.h"

/* Orthonormal directions. n_directions may be 0: everything is projected to nothing. */
typedef struct cir__projection {
    size_t dim;
    size_t n_directions;
    float *directions; /* [n_directions, dim], owned */
    double *precise;   /* the same numbers as cir__projection_apply takes them, owned */
} cir__projection;

/* Fits P: the eigenvectors of C = (1 − α)·S₊ − α·S₋ with the largest eigenvalues, at most
 * settings->components and only those with a positive one; S₊, S₋ are the second moments (divisor n − 1) of
 * the objects and of the styles, both centred with text_mean (NULL: not centred). Eigenvalues within rounding
 * of 0 (dim·ε·largest) count as 0: a text tower narrower than its features has many such directions, and
 * which of them came out positive would be chance. Variant reference adds 1e-5 to every entry of C, as its
 * code does (doc/method.md, deviation 1).
 * is_of_text: the mirrored projection of the text, P′, with the corpora changed round, of
 * (1 − α′)·S₋ − α′·S₊, at most settings->text_components directions; α′: settings->text_alpha. Not in the
 * paper. Where no eigenvalue is positive there are no directions, and the text is not to be projected.
 * objects: [n_objects, dim], styles: [n_styles, dim] unit rows, at least 2 each. Cost: n·dim² + dim³. Errors:
 * CIR_ARGUMENT (features that are no numbers), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__projection_fit(bool is_of_text, const float *objects, size_t n_objects,
                                              const float *styles, size_t n_styles, size_t dim,
                                              const float *text_mean, const cir_settings *settings,
                                              cir_pool *pool, cir__projection *projection_out,
                                              cir_error *err);

/* Names all settings that one of the two depends on, for keys of what is kept: 128 bytes suffice. */
void cir__projection_describe(const cir_settings *settings, bool is_of_text, char *text_out, size_t size);

/* Fills in precise from a projection's directions, for one that was read. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__projection_ready(cir__projection *projection, cir_error *err);

/* projected_out = P·Pᵀ·query for n queries, both [n, dim], not overlapping; without a projection (NULL) a
 * copy. Images need not be projected: ⟨Pᵀq, Pᵀx⟩ = ⟨PPᵀq, x⟩. Errors: CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__projection_apply(const cir__projection *projection, size_t dim,
                                                const double *queries, size_t n, double *projected_out,
                                                cir_error *err);
void cir__projection_done(cir__projection *projection); /* a zeroed one is allowed */

#endif
