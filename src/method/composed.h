/* The memory of a composed query. */
#ifndef CIR_METHOD_COMPOSED_H
#define CIR_METHOD_COMPOSED_H

#include "cir/method.h"
#include "method/centre.h"

/* Makes a query from its forms; image or text may be NULL, not both. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__composed_new(size_t dim, const cir__linear_form *image,
                                            const cir__linear_form *text, cir_fusion fusion,
                                            cir_composed *composed_out, cir_error *err);

#endif
