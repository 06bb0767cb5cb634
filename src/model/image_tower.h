/* Pictures, already resized and normalised, to unit features. CLIP: patches as rows, a class token in front,
 * positions, a norm, the layers; the feature is read at the class token. SigLIP: patches, positions, the
 * layers, the tower's head. */
#ifndef CIR_MODEL_IMAGE_TOWER_H
#define CIR_MODEL_IMAGE_TOWER_H

#include <stddef.h>

#include "model/forward.h"

typedef struct cir__image_tower cir__image_tower;

/* Converts and packs the image side of weights, which need not stay. Free with cir__image_tower_free. Errors:
 * those of cir__tower_new. */
CIR_MUST_CHECK cir_status cir__image_tower_new(const cir__config *config, const cir__weights *weights,
                                               cir__image_tower **tower_out, cir_error *err);
void cir__image_tower_free(cir__image_tower *tower); /* NULL is allowed */

/* tensors: [n, 3, image_px, image_px]; features_out: [n, dim]; hook may be NULL and is called for each batch
 * of pictures. file: for the message of CIR_FORMAT. Errors: CIR_FORMAT (a feature that is no number),
 * CIR_NO_MEMORY, CIR_UNSUPPORTED. Thread-safe. */
CIR_MUST_CHECK cir_status cir__image_tower_encode(const cir__image_tower *tower, cir_pool *pool,
                                                  const float *tensors, size_t n, float *features_out,
                                                  cir__layer_hook *hook, void *hook_context, const char *file,
                                                  cir_error *err);

#endif
