/* What is odd about a data set's lists and changes metrics, though it is no error. */
#ifndef CIR_EVAL_REMARKS_H
#define CIR_EVAL_REMARKS_H

#include "eval/data/dataset.h"

/* Looks at lists in i-CIR's manner, which are read, and fills in the remarks of info: rows that repeat
 * another one, instances' names with blanks around them, queries without words. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__remarks_make(cir_dataset *dataset, cir_error *err);

#endif
