/* An index as the source of a fit: its rows, and what was made of them before, beside its vectors. */
#ifndef CIR_METHOD_FIT_INDEX_H
#define CIR_METHOD_FIT_INDEX_H

#include "method/fit.h"

/* Lends both; the index shows the model's features. */
cir__fit_source cir__fit_source_of_index(const cir_index *index, const cir_model *model);

#endif
