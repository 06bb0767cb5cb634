/* Near-duplicates in a list of hits, folded into the best of them. */
#ifndef CIR_RETRIEVAL_FOLD_DUPLICATES_H
#define CIR_RETRIEVAL_FOLD_DUPLICATES_H

#include "cir/index.h"
#include "cir/search.h"

/* Photos whose features have at least this cosine count as the same shot: re-saved, resized, the next of a burst. */
#define CIR__SAME_COSINE 0.97f

/* A hit that stands for those folded into it. */
typedef struct cir__fold {
    size_t i_hit;
    size_t *ids; /* [n_ids] of the others, best first */
    size_t n_ids, capacity;
} cir__fold;

/* Goes through hits [n], best first: each joins the first before it that it is a near-duplicate of, or stands
 * for itself. So the list is the same however many hits follow, and only the counts grow. *folds_out:
 * [*n_out], to be freed with cir__folds_free. Errors: those of cir_index_get_feature, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__fold_duplicates(const cir_index *index, const cir_hit *hits, size_t n,
                                               cir__fold **folds_out, size_t *n_out, cir_error *err);
void cir__folds_free(cir__fold *folds, size_t n); /* NULL is allowed */

#endif
