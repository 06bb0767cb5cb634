/* Synthetic indexes, to measure and test with. A part of libcir-eval (eval.h). */
#ifndef CIR_SYNTHETIC_H
#define CIR_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of cir_index_make_synthetic. */
#define CIR_SYNTHETIC_MAX_ROWS 1000000000
#define CIR_SYNTHETIC_MAX_DIM 65536

/* Makes a new index of n_rows synthetic features, to measure and test with: unit vectors with a mean of
 * length 0.6, clusters, and variances that fall as a power law, from a synthetic model that encodes nothing.
 * The rows' photos need not exist. The same seed and shape give the same features and rows, whatever the
 * number of threads. Of options, which may be NULL, the watch counts, which hears of n_found, n_done and
 * n_encoded. An index that was stopped, or that the disk was too small for, keeps the rows that were
 * committed. Makes no compact codes. n_rows: 1 … CIR_SYNTHETIC_MAX_ROWS; dim: 2 … CIR_SYNTHETIC_MAX_DIM.
 * Errors: CIR_ARGUMENT (out of range, or something lies at index_path), CIR_FULL, CIR_NOT_FOUND (its folder),
 * CIR_PERMISSION, CIR_IO, CIR_LIMIT, CIR_INTERRUPTED, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_make_synthetic(const char *index_path, size_t n_rows, size_t dim,
                                                           uint64_t seed, cir_pool *pool,
                                                           const cir_update_options *options, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif
