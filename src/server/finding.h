/* One search: from a checked request to the answer's JSON. Knows nothing of HTTP. */
#ifndef CIR_SERVER_FINDING_H
#define CIR_SERVER_FINDING_H

#include "server/context.h"
#include "server/search_request.h"

/* upload: the bytes of the request's upload, or NULL where its feature is kept or it has none. The document
 * as a blob: drop *blob_out. Errors: those of the features (features.h), of composing and of searching. */
CIR_MUST_CHECK cir_status cir__find(cir__context *context, cir__snapshot *snapshot,
                                    const cir__search_request *request, cir__blob *upload,
                                    cir__blob **blob_out, cir_error *err);

#endif
