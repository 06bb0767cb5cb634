/* catalogue.sqlite: the tables, the models, which rows each model has encoded, the settings. Image rows are
 * in image_rows.h.
 *
 * SQLite with a rollback journal, which read-only media can open and which a power cut at any moment leaves
 * whole. What it must not know: vectors, files of photos. */
#ifndef CIR_INDEX_CATALOGUE_H
#define CIR_INDEX_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/status.h"
#include "index/store/place.h"
#include "index/store/store.h"

#define CIR__CATALOGUE_NAME "catalogue.sqlite"
#define CIR__CATALOGUE_FORMAT 2 /* 1: without inodes, times of change and an identity; read as it is */
#define CIR__MAX_DIM 65536
#define CIR__SYNTHETIC_PREFIX "made-up-" /* of a synthetic model's path; others are absolute, or "demo" */

typedef enum cir__catalogue_mode {
    CIR__CATALOGUE_READ,
    CIR__CATALOGUE_WRITE,
    CIR__CATALOGUE_CREATE /* writes, makes the catalogue where there is none, and brings its format up to
                           * date */
} cir__catalogue_mode;

/* Opens and checks kind, version and schema. Errors: as cir__store_open, CIR_FORMAT (not an index),
 * CIR_OTHER_VERSION. */
CIR_MUST_CHECK cir_status cir__catalogue_open(const cir__place *place, cir__catalogue_mode mode,
                                              cir__store **store_out, cir_error *err);

/* How often the index was committed, and the random number of the last commit, which tells apart what went
 * separate ways from one copy, and indexes copied over each other; of older indexes: the revision. */
CIR_MUST_CHECK cir_status cir__catalogue_get_revision(cir__store *store, uint64_t *revision_out,
                                                      uint64_t *state_out, cir_error *err);
CIR_MUST_CHECK cir_status cir__catalogue_raise_revision(cir__store *store, cir_error *err);

/* The models in the order in which they were added: *models_out [*n_out]; end with
 * cir__catalogue_free_models. A model's place in the array is the number that its checksums go by. */
CIR_MUST_CHECK cir_status cir__catalogue_list_models(cir__store *store, cir_index_model **models_out,
                                                     size_t *n_out, cir_error *err);
void cir__catalogue_free_models(cir_index_model *models, size_t n); /* NULL is allowed */
CIR_MUST_CHECK cir_status cir__catalogue_add_model(cir__store *store, size_t i_model,
                                                   const cir_index_model *model, cir_error *err);

/* A block of checksums of one model: 64 bits for each of CIR__BLOCK_ROWS rows, 0 where the model has no
 * feature of the row. Together they say in little space which rows are encoded. values:
 * [CIR__BLOCK_ROWS]; a missing block is all 0. */
#define CIR__BLOCK_ROWS 1024
typedef void cir__catalogue_visit_block(void *context, size_t i_block, const uint64_t *values);
CIR_MUST_CHECK cir_status cir__catalogue_list_blocks(cir__store *store, size_t i_model,
                                                     cir__catalogue_visit_block *visit, void *context,
                                                     cir_error *err);
CIR_MUST_CHECK cir_status cir__catalogue_put_block(cir__store *store, size_t i_model, size_t i_block,
                                                   const uint64_t *values, cir_error *err);

/* SQLite's own check of the file; visit gets each finding as text. */
typedef void cir__catalogue_visit_finding(void *context, const char *finding);
CIR_MUST_CHECK cir_status cir__catalogue_check(cir__store *store, cir__catalogue_visit_finding *visit,
                                               void *context, cir_error *err);

/* Mends what can be mended of that: SQLite's own indexes, states, contents that are no hash, blocks of
 * checksums out of place. What is given up is read or encoded again by the next update. */
CIR_MUST_CHECK cir_status cir__catalogue_repair(cir__store *store, cir_error *err);

#endif
