/* The index' own folder: making it, locking it, the folders in it. */
#ifndef CIR_INDEX_LAYOUT_H
#define CIR_INDEX_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "index/place.h"

/* Makes the folder of an index where there is none; one that holds something else than an index is refused.
 * Errors: CIR_FORMAT (not an index), CIR_PERMISSION, CIR_FULL, CIR_NOT_FOUND (its parent), CIR_IO. */
CIR_MUST_CHECK cir_status cir__layout_make(const char *path, cir_error *err);

/* Locks the index for writing, until the file descriptor is closed or the process ends. *fd_out is -1 on
 * failure. Errors: CIR_BUSY (another process holds it), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__layout_lock(const cir__place *place, int *fd_out, cir_error *err);

/* Whether a process holds the lock; false also where that cannot be found out. */
bool cir__layout_is_locked(const cir__place *place);

/* NAME.cir/features, and NAME.cir/features/KEY; NULL where memory is short. free(). */
char *cir__layout_features(const cir__place *place);
char *cir__layout_of_model(const cir__place *place, const char *key);

/* Makes a model's folder, durably; one that is there already is fine. Errors: CIR_PERMISSION, CIR_FULL,
 * CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__layout_make_model(const cir__place *place, const char *key, cir_error *err);

/* Removes a model's folder that holds nothing but the vectors file of no rows; false where it holds more. */
bool cir__layout_remove_empty_model(const char *path);

/* Bytes of all files in the index, links not followed. */
uint64_t cir__layout_size(const cir__place *place);

/* Calls visit for every name in a folder, sorted bytewise. false where the folder cannot be read or memory is
 * short. */
typedef void cir__layout_visit(void *context, const char *path, const char *name, bool is_folder,
                               uint64_t size_bytes);
bool cir__layout_list(const char *path, cir__layout_visit *visit, void *context);

#endif
