/* Which candidates of an instance cannot be used, and which belong together. */
#ifndef CIR_CURATE_FILTERS_H
#define CIR_CURATE_FILTERS_H

#include "curate/store/curation.h"

/* Says of every candidate whether it is kept, links edited and turned forms, and fills the pool. What a person asked to
 * keep is kept. Within no transaction. */
CIR_MUST_CHECK cir_status cir__filters_run(cir_curation *curation, const cir_mining_options *options,
                                           int64_t instance, cir_mining_report *report, cir_error *err);

#endif
