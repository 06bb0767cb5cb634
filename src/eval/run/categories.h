/* Reading tables of categories. */
#ifndef CIR_EVAL_CATEGORIES_H
#define CIR_EVAL_CATEGORIES_H

#include "base/file.h"
#include "cir/experiment.h"

/* As cir_categories_open, from bytes; the file's name is that of the bytes. */
CIR_MUST_CHECK cir_status cir__categories_parse(cir__bytes_view bytes, const cir_dataset *dataset,
                                                cir_categories **categories_out, cir_error *err);

#endif
