/* What candidates look like, from their files: decoded once a picture, a few at a time. */
#ifndef CIR_CURATE_MEASURE_H
#define CIR_CURATE_MEASURE_H

#include "curate/store/curation.h"

/* Measures all pictures that were found for an instance and have not been measured, committing now and then. A picture
 * whose file is gone, cannot be read or has other bytes now is marked so. Errors: CIR_INTERRUPTED. */
CIR_MUST_CHECK cir_status cir__measure_all(cir_curation *curation, const cir_mining_options *options,
                                           int64_t instance, cir_mining_report *report, cir_error *err);

#endif
