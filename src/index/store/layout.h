/* The index' own folder: making it, locking it, the folders in it. */
#ifndef CIR_INDEX_LAYOUT_H
#define CIR_INDEX_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "index/store/place.h"

#define CIR__FEATURES_NAME "features"
#define CIR__THUMBNAILS_NAME "thumbnails.sqlite" /* the server's */

/* Makes the folder of an index where there is none; one that holds something else than an index is refused.
 * Errors: CIR_FORMAT (not an index), CIR_PERMISSION, CIR_FULL, CIR_NOT_FOUND (its parent), CIR_IO. */
CIR_MUST_CHECK cir_status cir__layout_make(const char *path, cir_error *err);

/* Opens NAME.cir/features/KEY; makes: it is made where there is none, durably. Close with cir__folder_close.
 * Errors: CIR_NOT_FOUND, CIR_FORMAT (a link or the like), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__layout_open_model(const cir__place *place, const char *key, bool makes,
                                                 cir__folder **folder_out, cir_error *err);

/* Opens NAME.cir/features. Errors: as above. */
CIR_MUST_CHECK cir_status cir__layout_open_features(const cir__place *place, cir__folder **folder_out,
                                                    cir_error *err);

/* Removes a model's folder that holds nothing but the vectors file of no rows; false where it holds more. */
bool cir__layout_remove_empty_model(const cir__folder *features, const char *key);

/* Bytes of all files in the index, links not followed. */
uint64_t cir__layout_size(const cir__place *place);

#endif
