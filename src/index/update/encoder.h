/* What an update needs of models, so that the index knows no more of them: a file's bytes become a picture,
 * and the picture each model's tensor, on many threads; tensors become features in batches. */
#ifndef CIR_INDEX_ENCODER_H
#define CIR_INDEX_ENCODER_H

#include <stddef.h>
#include <stdint.h>

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

    /* A picture to the tensor_floats floats that encode takes. Called from many threads at once. */
    cir_status (*prepare)(const void *context, const cir_image *image, float *tensor_out, cir_error *err);

    /* tensors [n, tensor_floats] to unit features [n, dim]. */
    cir_status (*encode)(const void *context, cir_pool *pool, const float *tensors, size_t n,
                         float *features_out, cir_error *err);
} cir__encoder;

#define CIR__MAX_ENCODERS 16 /* in one update */

/* Those of one update. */
typedef struct cir__encoders {
    const cir__encoder *items; /* [n] */
    size_t n;                  /* 1 … CIR__MAX_ENCODERS */

    /* A picture file's bytes to a picture that all of them take, and its facts: as cir_image_parse. name
     * stands in messages for the path. Called from many threads at once. */
    cir_status (*read)(const void *context, const void *bytes, size_t size_bytes, const char *name,
                       const cir_image_options *options, cir_image *image_out, cir_image_facts *facts_out,
                       cir_error *err);
    const void *context; /* read's */
} cir__encoders;

/* One bit an encoder. */
typedef uint32_t cir__encoder_set;

static inline cir__encoder_set cir__encoders_all(const cir__encoders *encoders)
{
    return (cir__encoder_set)(((uint64_t)1 << encoders->n) - 1);
}

#endif
