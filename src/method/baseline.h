/* The baselines: text, image, sum and product of the plain similarities. */
#ifndef CIR_METHOD_BASELINE_H
#define CIR_METHOD_BASELINE_H

#include "cir/method.h"
#include "method/query_set.h"

/* The query of a method of CIR_FAMILY_BASELINE: the plain unit features [dim] and their fusion; a form that
 * the method does not use is left out. image or text may be NULL. Errors: CIR_ARGUMENT (the form that the
 * method needs is missing), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__baseline_query(cir_method method, const cir_settings *settings, size_t dim,
                                              const float *image, const float *text,
                                              cir_composed *composed_out, cir_error *err);

/* Those of a set; of CIR_FAMILY_EXTERNAL the images are features composed elsewhere. composed_out: [set->n].
 * Errors: as above. */
CIR_MUST_CHECK cir_status cir__baseline_compose(const cir__compose_context *context,
                                                const cir__query_set *set, cir_composed *composed_out,
                                                cir_error *err);

#endif
