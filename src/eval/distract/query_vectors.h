/* The vectors that queries multiply rows with, each once: queries that share a photo or a text share its
 * products. */
#ifndef CIR_EVAL_QUERY_VECTORS_H
#define CIR_EVAL_QUERY_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* Zeroed means none but dim. End with cir__query_vectors_done. */
typedef struct cir__query_vectors {
    size_t dim;
    size_t n, capacity;
    float *weights;   /* [n, dim] */
    uint64_t *hashes; /* [n] */
} cir__query_vectors;

/* A vector's number: that of an equal one, or a new one; SIZE_MAX for NULL. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__query_vectors_put(cir__query_vectors *vectors, const float *weights,
                                                 size_t *i_out, cir_error *err);
void cir__query_vectors_done(cir__query_vectors *vectors);

/* out[s·n_rows + r] = ⟨vector s, row r⟩; rows: [n_rows, dim]. Each is the same whoever calls, and on one
 * thread. */
void cir__query_vectors_multiply(const cir__query_vectors *vectors, const float *rows, size_t n_rows,
                                 float *out);

#endif
