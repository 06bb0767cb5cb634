/* What is encoded of a query's words. */
#ifndef CIR_EVAL_PROMPT_H
#define CIR_EVAL_PROMPT_H

#include "eval/data/dataset.h"

/* Describes it for cir_eval_result. settings: those in force. Errors: those of reading the corpus,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__prompt_describe(const cir_dataset *dataset, cir_method method,
                                               const cir_settings *settings, char out[CIR_PROMPT_SIZE],
                                               cir_error *err);

#endif
