/* What all queries of a run of FREEDOM share: the vocabulary, and whose queries are in their database. */
#ifndef CIR_EVAL_WORDS_H
#define CIR_EVAL_WORDS_H

#include "eval/data/dataset.h"
#include "method/freedom.h"
#include "method/terms.h"

/* Zeroed means none. */
typedef struct cir__words {
    cir__terms terms; /* the object corpus */
    cir__vocabulary vocabulary;
    bool *are_inside; /* [n_instances]: an instance's queries are in its database; NULL: nobody asked */
} cir__words;

/* Encodes the vocabulary, or finds it among what the data set keeps, and where the settings expand compares
 * all queries with their databases. The data set has a model. End with cir__words_done, whatever came back.
 * Errors: those of the settings' files and of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__words_new(const cir_dataset *dataset, const cir_settings *settings,
                                         cir_pool *pool, cir__words *words, cir_error *err);
void cir__words_done(cir__words *words);

/* The query of FREEDOM for query q. */
CIR_MUST_CHECK cir_status cir__words_compose(const cir__words *words, const cir_dataset *dataset,
                                             const cir_settings *settings, size_t q,
                                             cir_composed *composed_out, cir_error *err);

#endif
