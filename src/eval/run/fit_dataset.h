/* A data set as the source of a fit: its database, what came with its features, and what runs made before. */
#ifndef CIR_EVAL_FIT_DATASET_H
#define CIR_EVAL_FIT_DATASET_H

#include "eval/data/dataset.h"
#include "method/fit.h"

/* settings are brought in line with what the data set has: contextualise goes off where somebody else's
 * features come without query_text_context.npy. Lends the data set. Errors: CIR_ARGUMENT (something that a
 * method of BASIC needs is not there; the message says what). */
CIR_MUST_CHECK cir_status cir__fit_source_of_dataset(const cir_dataset *dataset, cir_method method,
                                                     cir_settings *settings, cir__fit_source *source_out,
                                                     cir_error *err);

#endif
