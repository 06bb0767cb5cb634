/* Making the codes of an index without an update; cir_index_update_codes is this. */
#ifndef CIR_INDEX_CODES_UPDATE_H
#define CIR_INDEX_CODES_UPDATE_H

#include <stddef.h>

#include "cir/index.h"

/* As cir_index_update_codes; batch_blocks: as in cir__codes_job. */
CIR_MUST_CHECK cir_status cir__index_update_codes(const char *path, cir_pool *pool,
                                                  const cir_update_options *options, size_t batch_blocks,
                                                  cir_error *err);

#endif
