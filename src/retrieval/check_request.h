#ifndef CIR_RETRIEVAL_CHECK_REQUEST_H
#define CIR_RETRIEVAL_CHECK_REQUEST_H

#include "cir/collection.h"

/* Takes a caller's request over as it is meant, a blank text as none, and checks it. *fault_out: what is wrong. Errors:
 * those of cir_search_request_check. */
CIR_MUST_CHECK cir_status cir__request_read(const cir_search_request *given, cir_search_request *own,
                                            cir_request_fault *fault_out, cir_error *err);

#endif
