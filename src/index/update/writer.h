/* One process' update of an index: the lock, the catalogue open for writing, the vectors of the models that
 * it encodes with, and the order of writes that makes a commit whole.
 *
 * A power cut at any moment must leave what was committed, and never a row that is marked encoded with
 * another picture's vector. So a commit writes new rows, syncs, the header, syncs, and only then commits the
 * catalogue. A row that holds a committed feature is overwritten in two steps: the first commit says that it
 * has none, then the vector is written and synced, then a second commit says that it has one again. All
 * models' features are committed together.
 *
 * Used by one thread at a time; the caller sees to that. But between begin and commit one thread may put
 * features while another writes catalogue rows through the store. */
#ifndef CIR_INDEX_WRITER_H
#define CIR_INDEX_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"
#include "index/codes/codes_build.h"
#include "index/store/place.h"
#include "index/store/store.h"
#include "index/update/encoder.h"

typedef struct cir__writer cir__writer;

/* Makes the index where there is none, or with options' only refuses all but that one (CIR_GONE), refuses
 * that of another user unless options trust it (CIR_PERMISSION), locks it, and adds the encoders' models
 * where they are new; the encoders must outlive it. Below, i is an encoder's number. Close with
 * cir__writer_close. Errors: CIR_ARGUMENT (a model twice), CIR_BUSY, CIR_FORMAT, CIR_OTHER_VERSION,
 * CIR_DAMAGED, CIR_FULL, CIR_PERMISSION, CIR_IO, CIR_NOT_FOUND, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__writer_open(const char *index_path, const cir__encoders *encoders,
                                           const cir_update_options *options, cir__writer **writer_out,
                                           cir_error *err);
void cir__writer_close(cir__writer *writer); /* NULL is allowed; what is not committed is undone */

/* Lent: the catalogue's rows are read and written through it, after cir__writer_begin. */
cir__store *cir__writer_store(cir__writer *writer);
const cir__place *cir__writer_place(const cir__writer *writer);

/* Rows of the index, those not yet committed included, and a new id at their end. */
size_t cir__writer_n_rows(const cir__writer *writer);
size_t cir__writer_add_row(cir__writer *writer);

/* Every change is between begin, which does nothing when begun already, and commit. Errors: CIR_BUSY, CIR_IO,
 * CIR_FULL, CIR_DAMAGED, CIR_NO_MEMORY. After any error the writer is good for cir__writer_close only. */
CIR_MUST_CHECK cir_status cir__writer_begin(cir__writer *writer, cir_error *err);
bool cir__writer_has_begun(const cir__writer *writer);
CIR_MUST_CHECK cir_status cir__writer_commit(cir__writer *writer, cir_error *err);

/* Which encoders' models have a feature of the row, and whether any model of the index has one. */
cir__encoder_set cir__writer_get_features(const cir__writer *writer, size_t id);
bool cir__writer_has_any_feature(const cir__writer *writer, size_t id);

/* The stored feature: row_out [dim]. *is_sound_out: there is one, and it is what its checksum says. */
CIR_MUST_CHECK cir_status cir__writer_get_feature(const cir__writer *writer, size_t i, size_t id,
                                                  uint16_t *row_out, bool *is_sound_out, cir_error *err);

/* Stores the model's feature of a row: row [dim]. Other models' features of it stay. */
CIR_MUST_CHECK cir_status cir__writer_put_feature(cir__writer *writer, size_t i, size_t id,
                                                  const uint16_t *row, cir_error *err);

/* Brings the model's compact codes up to date with what is committed; nothing may have begun. min_coded,
 * watch: as in cir__codes_job. Errors: those of cir__codes_update. */
CIR_MUST_CHECK cir_status cir__writer_update_codes(cir__writer *writer, size_t i, size_t min_coded,
                                                   cir_pool *pool, cir__codes_watch *watch,
                                                   void *watch_context, cir_error *err);

/* Forgets every model's features of a row whose content has changed. */
CIR_MUST_CHECK cir_status cir__writer_clear_features(cir__writer *writer, size_t id, cir_error *err);

#endif
