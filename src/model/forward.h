/* Sequences of tokens through a tower to unit features.
 *
 * All rows (tokens) of a batch stand one below the other, each sequence as long as it is: nothing is padded.
 * In a causal tower a token's numbers depend on it and those before it alone: where sequences begin alike,
 * the prefix's rows are there once. Of the last layer, only the rows where features are read are computed.
 *
 * A layer is two steps with a barrier behind each: attention, cut by sequence and head; everything else, cut
 * into blocks of rows. Cuts depend on the batch alone, never on the threads, and a row's numbers do not
 * depend on its block: neither threads nor neighbours change a feature. */
#ifndef CIR_MODEL_FORWARD_H
#define CIR_MODEL_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "model/tower.h"

/* Rows that are best run together: enough for full speed, few enough for the caches. */
#define CIR__FORWARD_ROWS 2048

/* Writes the rows [first_row, first_row + n_rows) of the batch into x [block, width], before the first layer.
 * scratch: [block, n_patch] or more. The block has at least n_rows rows; those behind them may hold anything
 * finite. False where oneDNN fails. */
typedef bool cir__embed(void *context, cir__lane *lane, size_t i_block, size_t first_row, size_t n_rows,
                        float *scratch, float *x);

/* For tests: told x [n_rows, width] as it enters layer i_layer; i_layer == n_layers: as it leaves the last
 * one. */
typedef void cir__layer_hook(void *context, size_t i_layer, const float *x, size_t n_rows);

/* What each row of a causal tower's batch sees. */
typedef struct cir__paths {
    const size_t *first;       /* [n_rows + 1] */
    const uint32_t *seen;      /* row r sees seen[first[r] … first[r + 1]), at most max_tokens, itself last;
                             numbers from CIR__PATHS_CACHED on mean rows of prefix_cache */
    const float *prefix_cache; /* [n_cached, n_layers, 2, width]: keys and values of another batch's rows */
    float *cache_out;          /* the same for this batch's own rows, or NULL */
} cir__paths;

#define CIR__PATHS_CACHED 0x80000000U

/* Sequences to run together; lends all. */
typedef struct cir__batch {
    size_t n_rows;
    size_t n_sequences;
    const size_t *
        starts; /* [n_sequences + 1] first rows, where there are no paths: a token sees all of its sequence */
    const size_t
        *pooled; /* [n_sequences] rows where features are read; where there is a head it reads all of them */
    const cir__paths *paths; /* NULL: none */
    cir__embed *embed;
    void *embed_context;
    cir__layer_hook *hook; /* NULL: none */
    void *hook_context;
} cir__batch;

/* A call's scratch; used by one call at a time. */
typedef struct cir__forward cir__forward;

/* Scratch for batches of at most max_rows rows whose sequences have at most max_tokens; the tower is lent.
 * Free with cir__forward_free. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__forward_new(const cir__tower *tower, cir_pool *pool, size_t max_rows,
                                           size_t max_tokens, cir__forward **forward_out, cir_error *err);
void cir__forward_free(cir__forward *forward); /* NULL is allowed */

/* features_out: [n_sequences, dim]. *i_bad_out is the first sequence whose feature has no length, with
 * CIR_FORMAT, whose message is the caller's to write. Errors: CIR_FORMAT, CIR_NO_MEMORY, CIR_UNSUPPORTED
 * (oneDNN fails). */
CIR_MUST_CHECK cir_status cir__forward_run(cir__forward *forward, cir_pool *pool, const cir__batch *batch,
                                           float *features_out, size_t *i_bad_out, cir_error *err);

#endif
