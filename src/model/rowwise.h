/* What a transformer does to rows of numbers beside products: plain loops that a compiler vectorises, every
 * sum in a fixed order, so that results do not depend on the machine's vector width. */
#ifndef CIR_MODEL_ROWWISE_H
#define CIR_MODEL_ROWWISE_H

#include <stdbool.h>
#include <stddef.h>

/* out[r] = (rows[r] − mean) / √(variance + eps) · weight + bias, for n_rows rows of n items. out may be rows.
 */
void cir__layer_norm(const float *rows, size_t n_rows, size_t n, const float *weight, const float *bias,
                     float eps, float *out);

/* row = exp(row − max) / Σ, in place, n ≥ 1. Exponentials are within 3e-7 of the true ones, relatively. A
 * row with a NaN or an infinity becomes NaN. */
void cir__softmax(float *row, size_t n);

/* Σ a·b, in an order that depends on n alone. */
float cir__dot(const float *a, const float *b, size_t n);

/* out += scale · row */
void cir__add_scaled(const float *row, size_t n, float scale, float *out);

/* row / its length, in place; false where the length is 0 or no number. */
bool cir__unit_row(float *row, size_t n);

#endif
