/* An answer's parts: what a search fills in. */
#ifndef CIR_RETRIEVAL_FOUND_H
#define CIR_RETRIEVAL_FOUND_H

#include "cir/collection.h"
#include "retrieval/collection_internal.h"

struct cir_answer {
    cir_collection *collection; /* lent */
    cir_answer_info info;       /* points at what follows */
    cir_settings settings;
    cir_search_report report;
    cir_composed composed;
    cir_rows rows;
    cir__lru_item *mask; /* rows.ready's; NULL: no filter */
    cir_image_record image_record;
    float *image_feature;
    size_t n_hits;
    cir_answer_hit *hits;      /* [n_hits]; their duplicates are owned */
    cir_image_record *records; /* [n_hits] theirs */
};

cir_answer *cir__answer_new(cir_collection *collection); /* NULL when out of memory */

#endif
