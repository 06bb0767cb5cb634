/* One view of the index, and what is derived from it: the columns that filters look at, composers, the order
 * by time. Searches share a view; an update makes the next one, and the old one goes with its last search. */
#ifndef CIR_SERVER_SNAPSHOT_H
#define CIR_SERVER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/cir.h"
#include "server/cache.h"
#include "server/search_request.h"

typedef struct cir__snapshot cir__snapshot;

/* model is lent. is_trusted: as in cir_index_options. serial: no two views of a server have the same. Errors:
 * those of cir_index_open. */
CIR_MUST_CHECK cir_status cir__snapshot_open(const char *index_path, bool is_trusted, const cir_model *model,
                                             uint64_t serial, cir__snapshot **snapshot_out, cir_error *err);
cir__snapshot *cir__snapshot_share(cir__snapshot *snapshot);
void cir__snapshot_drop(cir__snapshot *snapshot); /* NULL is allowed */

const cir_index *cir__snapshot_index(const cir__snapshot *snapshot);
uint64_t cir__snapshot_serial(const cir__snapshot *snapshot);

/* The composer of a request, made now or before; give it back with cir__snapshot_return_composer. Errors:
 * those of cir_composer_new. */
typedef struct cir__kept_composer cir__kept_composer;
CIR_MUST_CHECK cir_status cir__snapshot_lend_composer(cir__snapshot *snapshot, cir_pool *pool,
                                                      cir_method method, const cir_settings *settings,
                                                      cir__kept_composer **kept_out, cir_error *err);
void cir__snapshot_return_composer(cir__snapshot *snapshot, cir__kept_composer *kept);
const cir_composer *cir__kept_composer_get(const cir__kept_composer *kept);

/* One byte a row: whether it is ready and passes. camera: the number of the filter's. *blob_out: drop it. */
CIR_MUST_CHECK cir_status cir__snapshot_mask(cir__snapshot *snapshot, const cir__filter *filter,
                                             uint16_t camera, cir__blob **blob_out, size_t *n_matching_out,
                                             cir_error *err);

/* A row's file as it was when the view was opened. false: there is no such row. */
typedef struct cir__file_facts {
    int64_t modified_ns;
    uint64_t size_bytes;
} cir__file_facts;
bool cir__snapshot_file_facts(const cir__snapshot *snapshot, size_t id, cir__file_facts *facts_out);

/* The camera of a row by number (cameras.h), 0: not known, or not as yet. Any thread. */
uint16_t cir__snapshot_camera(const cir__snapshot *snapshot, size_t id);
void cir__snapshot_set_camera(cir__snapshot *snapshot, size_t id, uint16_t number);

/* How many cameras were set: a filter by camera means the same as long as that stays. */
size_t cir__snapshot_n_cameras_set(const cir__snapshot *snapshot);

/* Ready rows, newest first: [n_ready], as long as the view. Photos without a time of their own go by their
 * file's. */
const uint32_t *cir__snapshot_newest(const cir__snapshot *snapshot, size_t *n_out);

/* Folders that hold ready photos, with how many lie directly in each, sorted by path. */
size_t cir__snapshot_n_folders(const cir__snapshot *snapshot);
const char *cir__snapshot_folder(const cir__snapshot *snapshot, size_t i, size_t *n_photos_out);

/* Calls visit for every year, ascending, in which ready photos were taken; *n_undated_out: without a time. */
typedef void cir__snapshot_visit_year(void *context, int year, size_t n);
void cir__snapshot_years(const cir__snapshot *snapshot, cir__snapshot_visit_year *visit, void *context,
                         size_t *n_undated_out);

#endif
