/* Features of photos and words for searches: taken from the index, from the cache, or made and kept. */
#ifndef CIR_SERVER_FEATURES_H
#define CIR_SERVER_FEATURES_H

#include "server/context.h"
#include "server/search_request.h"

/* The feature of a request's photo as a blob of [dim] floats; *blob_out: drop it; NULL where it has none.
 * upload: its bytes, or NULL where the feature is kept.
 * Errors: those of the index, of cir_image_parse and of encoding. */
CIR_MUST_CHECK cir_status cir__features_of_image(cir__context *context, const cir__snapshot *snapshot,
                                                 const cir__search_request *request, cir__blob *upload,
                                                 cir__blob **blob_out, cir_error *err);

/* Whether that feature is kept, so that the upload's bytes are not needed. */
bool cir__features_has_upload(cir__context *context, const cir__search_request *request);

/* The feature of words; n_cut_out as in cir_composer_encode_text. Errors: those of encoding. */
CIR_MUST_CHECK cir_status cir__features_of_text(cir__context *context, const cir_composer *composer,
                                                const char *text, cir__blob **blob_out, size_t *n_cut_out,
                                                cir_error *err);

#endif
