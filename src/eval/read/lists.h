/* Which lists a data set is read from: the one place that knows all kinds. */
#ifndef CIR_EVAL_LISTS_H
#define CIR_EVAL_LISTS_H

#include "eval/data/dataset.h"

typedef struct cir__lists {
    const char *queries_file, *database_file;     /* as i-CIR's; NULL: of a benchmark */
    bool finds_shards;                            /* instead of those files, where they are not there */
    const char *domains;                          /* a benchmark of domain conversion; NULL: none */
    const cir_dataset_triplets_options *triplets; /* CIRR, CIRCO or FashionIQ; NULL: none */
} cir__lists;

/* Fills in all but features. Errors: CIR_ARGUMENT (no such benchmark or split), CIR_FORMAT with file and
 * place, those of reading. */
CIR_MUST_CHECK cir_status cir__lists_read(cir_dataset *dataset, const char *folder, const cir__lists *lists,
                                          cir_error *err);

#endif
