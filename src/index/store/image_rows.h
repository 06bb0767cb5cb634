/* The catalogue's image rows. Ids are row numbers of the vectors and have no gaps. */
#ifndef CIR_INDEX_IMAGE_ROWS_H
#define CIR_INDEX_IMAGE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "index/store/store.h"

#define CIR__HASH_SIZE 16

/* One image, without path and error. */
typedef struct cir__row {
    size_t id;
    uint64_t size_bytes;
    int64_t modified_ns;
    bool has_hash; /* the content was read */
    uint8_t hash[CIR__HASH_SIZE];
    bool has_change; /* the two that follow are known: set by cir__image_rows_find_file alone */
    uint64_t inode;
    int64_t changed_ns;
    size_t width_px;
    size_t height_px;
    int64_t taken_at; /* INT64_MIN: unknown */
    bool is_vanished;
    bool is_failed; /* it has an error */
} cir__row;

/* Ids lie in [0, *n_out). Errors of all: CIR_DAMAGED, CIR_FULL, CIR_IO, CIR_BUSY, CIR_PERMISSION,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__image_rows_count(cir__store *store, size_t *n_out, cir_error *err);

/* The row of a stored path. */
CIR_MUST_CHECK cir_status cir__image_rows_find_path(cir__store *store, const char *stored, cir__row *row_out,
                                                    bool *is_found_out, cir_error *err);

/* The same with the file's inode and time of change, for who writes: older formats have none. */
CIR_MUST_CHECK cir_status cir__image_rows_find_file(cir__store *store, const char *stored, cir__row *row_out,
                                                    bool *is_found_out, cir_error *err);

/* The first row with this content and an id ≥ first_id. */
CIR_MUST_CHECK cir_status cir__image_rows_find_hash(cir__store *store, const uint8_t hash[CIR__HASH_SIZE],
                                                    size_t first_id, cir__row *row_out, bool *is_found_out,
                                                    cir_error *err);

/* A row by id. path_out, error_out: may be NULL; free(). *error_out is NULL where there is none. Errors: also
 * CIR_NOT_FOUND. */
CIR_MUST_CHECK cir_status cir__image_rows_get(cir__store *store, size_t id, cir__row *row_out,
                                              char **path_out, char **error_out, cir_error *err);

/* Writes a row, new or not. error: NULL exactly where the row is not failed. */
CIR_MUST_CHECK cir_status cir__image_rows_put(cir__store *store, const cir__row *row, const char *stored,
                                              const char *error, cir_error *err);

/* Whether the file is there; an error of before, if any, stands again when it is back. */
CIR_MUST_CHECK cir_status cir__image_rows_set_vanished(cir__store *store, size_t id, bool is_vanished,
                                                       cir_error *err);

/* The same content in a file that was touched or moved: it is there, under this path. Of row, id, size and
 * times are looked at. */
CIR_MUST_CHECK cir_status cir__image_rows_set_file(cir__store *store, const cir__row *row, const char *stored,
                                                   cir_error *err);

/* Takes everything out of a row but its id. */
CIR_MUST_CHECK cir_status cir__image_rows_forget(cir__store *store, size_t id, cir_error *err);

/* Calls visit for all rows that are vanished, failed or forgotten, in no order. */
typedef enum cir__row_state { CIR__ROW_FAILED = 1, CIR__ROW_VANISHED, CIR__ROW_FORGOTTEN } cir__row_state;
typedef void cir__rows_visit_state(void *context, size_t id, cir__row_state state);
CIR_MUST_CHECK cir_status cir__image_rows_list_states(cir__store *store, cir__rows_visit_state *visit,
                                                      void *context, cir_error *err);

/* Calls visit for all rows by id; stored and what it lies in live until visit returns. false from visit ends
 * it. visit must not use the store. */
typedef bool cir__rows_visit_row(void *context, const cir__row *row, const char *stored, size_t size);
CIR_MUST_CHECK cir_status cir__image_rows_list_all(cir__store *store, cir__rows_visit_row *visit,
                                                   void *context, cir_error *err);

/* Calls visit for all rows whose stored path begins with prefix, which ends with a slash, or is relative,
 * where prefix is "". false from visit means that memory is short. visit must not use the store. */
typedef bool cir__rows_visit_path(void *context, size_t id, const char *stored, size_t size);
CIR_MUST_CHECK cir_status cir__image_rows_list_paths(cir__store *store, const char *prefix,
                                                     cir__rows_visit_path *visit, void *context,
                                                     cir_error *err);

#endif
