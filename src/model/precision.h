/* Which precision a model computes in: by name, or the fastest that keeps its features. */
#ifndef CIR_MODEL_PRECISION_H
#define CIR_MODEL_PRECISION_H

#include "model/model_internal.h"
#include "model/rates.h"

/* Errors: CIR_UNSUPPORTED (this processor lacks it); path is for the message. */
CIR_MUST_CHECK cir_status cir__precision_check_supported(cir_precision asked, const char *path,
                                                         cir_error *err);

/* The least cosine that a choice allows: 0 where it is a precision's name. */
double cir__precision_least(cir_precision asked);

/* The precisions that are clearly faster than f32, fastest first; returns how many. */
size_t cir__precision_rank(const cir__rates *rates, cir__precision order_out[CIR__N_PRECISIONS]);

/* Sets config's precisions, info.precision and choice of an open model, as options ask. What cannot be measured is f32. */
void cir__precision_choose(cir_model *model, const cir_model_options *options);

/* The same with rates as given, and nothing looked up or kept; for tests. */
void cir__precision_choose_by(cir_model *model, cir_precision asked, const cir__rates *rates);

#endif
