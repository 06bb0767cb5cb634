/* A model's tensors, found by the names of transformers' CLIPModel and SiglipModel, each with its shape and
 * kind checked. Views only: nothing is copied or converted here. Tensors of other names are let be. */
#ifndef CIR_MODEL_WEIGHTS_H
#define CIR_MODEL_WEIGHTS_H

#include "format/tensors.h"
#include "model/config.h"
#include "model/views.h"

/* file: for messages. The views lend from table. End with cir__weights_done. Errors, which name tensor, file
 * and both shapes: CIR_FORMAT (a tensor is missing), CIR_SHAPE, CIR_UNSUPPORTED (not F32, F16 or BF16),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__weights_find(const cir__tensors *table, const cir__config *config,
                                            const char *file, cir__weights *weights_out, cir_error *err);
void cir__weights_done(cir__weights *weights); /* a zeroed struct is allowed */

#endif
