/* The pictures of a data set, files or parts of archives, encoded with a model, or found in a cache. */
#ifndef CIR_EVAL_ENCODE_PICTURES_H
#define CIR_EVAL_ENCODE_PICTURES_H

#include "cir/image.h"
#include "eval/read/feature_cache.h"

/* One picture. */
typedef struct cir__picture {
    const char *path;     /* absolute: the file, or the archive */
    const char *name;     /* for messages */
    const uint8_t *bytes; /* [size] in the mapped archive; NULL: a file */
    size_t size;
    uint64_t offset; /* in the archive */
} cir__picture;

/* Unit features [n, dim] of pictures. cache: NULL for none. What was encoded is committed group by group;
 * watch, which may be NULL, is told of those that must be encoded. The first picture that cannot be read ends
 * the call. Errors: those of cir_image_parse, of reading and of cir_model_encode_tensors, CIR_INTERRUPTED. */
CIR_MUST_CHECK cir_status cir__encode_pictures(const cir_model *model, cir_pool *pool,
                                               const cir_image_options *reading, const cir__picture *pictures,
                                               size_t n, cir__feature_cache *cache, float *features_out,
                                               cir_encode_watch_fn *watch, void *context, cir_error *err);

#endif
