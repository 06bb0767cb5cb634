/* Updating an index with any encoders; cir_index_update is this with models'. */
#ifndef CIR_INDEX_UPDATE_H
#define CIR_INDEX_UPDATE_H

#include <stddef.h>

#include "cir/index.h"
#include "index/update/encoder.h"

/* As cir_index_update. commit_changes: changes after which it commits at the latest; 0 means 512. */
CIR_MUST_CHECK cir_status cir__index_update(const char *index_path, const char *const *paths, size_t n_paths,
                                            const cir__encoders *encoders, cir_pool *pool,
                                            const cir_update_options *options, size_t commit_changes,
                                            cir_update_progress *progress_out, cir_error *err);

#endif
