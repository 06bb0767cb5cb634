/* What a project's judgements make: for each instance its query images, and its database of positives and negatives.
 *
 * A picture is in a database if it is in the pool or was judged, was not dropped or removed, is not ambiguous, is no
 * query image, and was looked at: it has an answer for every text of its instance. */
#ifndef CIR_CURATE_CURATED_SET_H
#define CIR_CURATE_CURATED_SET_H

#include "curate/judge/labels.h"

#define CIR__NEGATIVE SIZE_MAX

typedef struct cir__set_row {
    size_t i_candidate;
    size_t i_change; /* that it is positive for; CIR__NEGATIVE: for none */
} cir__set_row;

typedef struct cir__set_instance {
    cir__candidates candidates;
    cir__labels labels;
    cir__set_row *rows; /* positives by change, then negatives; by picture within */
    size_t n_rows;
    size_t *queries; /* [n_queries] candidates */
    size_t n_queries;
    size_t *n_positives; /* [n_changes] */
    size_t n_unseen;     /* in the pool, and nobody said anything, or not for all texts */
    size_t n_two_texts;  /* positive for several texts: left out or taken for the first, as asked */
} cir__set_instance;

typedef struct cir__curated_set {
    cir__set_instance *instances;
    size_t n;
} cir__curated_set;

/* Begins and ends a transaction. keys: as cir__candidates_list_instances. Errors: CIR_ARGUMENT (no judgement makes a
 * query). End with cir__curated_set_done, also where it failed. */
CIR_MUST_CHECK cir_status cir__curated_set_load(cir_curation *curation, cir_two_texts two_texts,
                                                int64_t until, cir__curated_set *set_out, cir_error *err);
void cir__curated_set_done(cir__curated_set *set);

/* Whether a query image and a change make a query: the change has a positive. */
bool cir__set_has_query(const cir__set_instance *instance, size_t i_change);

#endif
