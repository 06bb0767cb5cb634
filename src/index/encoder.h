/* What an update needs of a model, so that the index knows no more of it: files' bytes become tensors on many
 * threads, tensors become features in batches. */
#ifndef CIR_INDEX_ENCODER_H
#define CIR_INDEX_ENCODER_H

#include <stddef.h>

#include "cir/image.h"
#include "cir/pool.h"
#include "cir/status.h"

typedef struct cir__encoder {
    const char *name;
    const char *path;
    const char *fingerprint;
    size_t dim;
    size_t tensor_floats;
    const void *context;

    /* A picture file's bytes to the tensor_floats floats that encode takes, and its facts. name stands in
     * messages for the path. Called from many threads at once. */
    cir_status (*prepare)(const void *context, const void *bytes, size_t size_bytes, const char *name,
                          const cir_image_options *options, float *tensor_out, cir_image_facts *facts_out,
                          cir_error *err);

    /* tensors [n, tensor_floats] to unit features [n, dim]. */
    cir_status (*encode)(const void *context, cir_pool *pool, const float *tensors, size_t n,
                         float *features_out, cir_error *err);
} cir__encoder;

#endif
