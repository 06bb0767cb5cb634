/* One search: from a checked request to the answer's JSON. Knows nothing of HTTP. */
#ifndef CIR_SERVER_FIND_ANSWER_H
#define CIR_SERVER_FIND_ANSWER_H

#include "server/api/query_json.h"
#include "server/state/context.h"

/* Whether the feature of the request's upload is cached, so that its bytes are not needed. */
bool cir__find_has_feature(cir__context *context, const cir__search_request *request);

/* upload: the bytes of the request's upload, or NULL where its feature is cached or it has none. The document
 * as a blob: drop *blob_out. Errors: those of cir_collection_search. */
CIR_MUST_CHECK cir_status cir__find_answer(cir__context *context, cir__snapshot *snapshot,
                                           const cir__search_request *request, cir__blob *upload,
                                           cir__blob **blob_out, cir_error *err);

#endif
