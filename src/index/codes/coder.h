/* Compact codes of features: one bit a dimension after a random rotation, and two numbers a row that make of
 * it an unbiased estimate of any inner product with a known error (RaBitQ, Gao and Long, SIGMOD 2024, §3).
 *
 * A row x with centre c is r = R·(x − c), R a random rotation of code_dim ≥ dim dimensions; its bits are the
 * signs of r. For any vector a, with a′ = R·a,
 *
 *   ⟨a, x⟩ = ⟨a, c⟩ + factor · Σ ±a′ᵢ + error,   factor = ‖r‖² / ‖r‖₁,
 *
 * where the error has mean 0 over rotations and deviation at most ‖a‖ · std_error,
 * std_error = ‖r‖ · √((1 − s²) / (s² · (code_dim − 1))), s = ‖r‖₁ / (‖r‖ · √code_dim) (§3.2, theorem 3.2),
 * and is close to normal: a bound of z deviations fails for a row and a query about as often as a normal
 * variable exceeds z.
 *
 * Rows are kept in blocks of CIR__CODE_ROWS, the groups of four bits of all rows of a block side by side, so
 * that one instruction looks a group of many rows up in a table of 16 (as André, Kermarrec and Le Scouarnec
 * do for product quantisation, "Quicker ADC", 2019):
 *
 *   n_groups/2 lines of 64 bytes: byte r of line j has group 2j of row r in its low four bits, group 2j + 1
 *   in its high ones; bit i of group g is set where r's component 4g + i is ≥ 0;
 *   64 halves (IEEE): factors;  64 halves: std_errors, rounded up.
 *
 * What it must not know: files, indexes. */
#ifndef CIR_INDEX_CODER_H
#define CIR_INDEX_CODER_H

#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "kernels/kernels.h" /* CIR__CODE_ROWS */

/* Largest dimension that codes are made for: sums of table entries fit into 16 bits. */
#define CIR__CODE_MAX_DIM 4096

/* Immutable once made. */
typedef struct cir__coder cir__coder;

/* dim: 1 … CIR__CODE_MAX_DIM; seed: of the rotation; centre: [dim], copied. Free with cir__coder_free.
 * Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__coder_new(size_t dim, uint64_t seed, const float *centre,
                                         cir__coder **coder_out, cir_error *err);
void cir__coder_free(cir__coder *coder); /* NULL is allowed */

size_t cir__coder_dim(const cir__coder *coder);
size_t cir__coder_code_dim(const cir__coder *coder); /* dim rounded up to a multiple of 64 */
const float *cir__coder_centre(const cir__coder *coder);

/* Bytes of a block; a multiple of 64. */
size_t cir__coder_block_bytes(const cir__coder *coder);

/* Codes rows [n, dim] of halves into places first … first + n − 1 (< CIR__CODE_ROWS) of a block, whose other
 * rows stay what they are. A row that is no finite number gets a factor that is none, which makes every
 * estimate of it none. Thread-safe for different blocks. */
void cir__coder_write(const cir__coder *coder, const uint16_t *rows, size_t n, size_t first, uint8_t *block);

/* out = R·in, zeros appended to in: in [dim], out [code_dim], not overlapping. */
void cir__coder_rotate(const cir__coder *coder, const float *in, float *out);

#endif
