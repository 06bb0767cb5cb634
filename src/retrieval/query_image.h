/* A request's photo as a feature: of a file, of bytes, of an indexed photo or a part of it. */
#ifndef CIR_RETRIEVAL_QUERY_IMAGE_H
#define CIR_RETRIEVAL_QUERY_IMAGE_H

#include "cir/collection.h"

bool cir__query_image_is_there(const cir_search_request *request);

/* Whether a part of a picture is meant. */
bool cir__query_image_is_part(const cir_search_request *request);

/* record: of the indexed photo, else zeroed. feature_out: [dim]. Errors: those of cir_image_read,
 * cir_index_read_photo, cir_index_get_feature and cir_model_encode_tensors. */
CIR_MUST_CHECK cir_status cir__query_image_encode(const cir_collection_info *collection,
                                                  const cir_search_request *request,
                                                  const cir_image_record *record, float *feature_out,
                                                  cir_error *err);

#endif
