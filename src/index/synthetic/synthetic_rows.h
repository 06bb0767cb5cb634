/* Synthetic features in the shape of real ones, to measure and test with where nobody has so many photos.
 *
 * Row i is unit(0.6·m + 0.8·(√½·c + √½·w)): m a unit vector that all rows share, c its cluster's centre, w
 * its own part. c and w are sums of 2 and of 4 of CIR__SYNTHETIC_PARTS parts, each with a sign, over √2 and
 * √4; which ones the seed and the cluster's or the row's number say. The parts are drawn once: Gaussian,
 * their variances 1/i, i = 1 … dim, over Σ 1/i (a power law, as the spectra of real features are), along axes
 * that mix all dimensions. Clusters number a hundredth of the rows, and a row is in cluster ⌊n_clusters·u²⌋,
 * u even in [0, 1): few are large, most are small.
 *
 * The same bits on every machine: nothing but sums, products, quotients and roots, in a fixed order.
 *
 * What it must not know: files, indexes. */
#ifndef CIR_INDEX_SYNTHETIC_ROWS_H
#define CIR_INDEX_SYNTHETIC_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

#define CIR__SYNTHETIC_PARTS 2048

/* Immutable once made, any number of threads may use it. */
typedef struct cir__synthetic_rows cir__synthetic_rows;

/* For an index of n_rows rows of dim ≥ 2 dimensions; takes CIR__SYNTHETIC_PARTS rows' memory. Free with
 * cir__synthetic_rows_free. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__synthetic_rows_new(size_t n_rows, size_t dim, uint64_t seed,
                                                  cir__synthetic_rows **made_out, cir_error *err);
void cir__synthetic_rows_free(cir__synthetic_rows *made); /* NULL is allowed */

/* Row i as an index stores it; i ≥ n_rows gives more rows of the same kind. scratch: [dim], row_out: [dim]
 * halves. */
void cir__synthetic_rows_get(const cir__synthetic_rows *made, size_t i, float *scratch, uint16_t *row_out);

/* The centre of cluster i, any number: what its rows have in common, [dim], of length about 1. */
void cir__synthetic_rows_centre(const cir__synthetic_rows *made, size_t i, float *centre_out);

#endif
