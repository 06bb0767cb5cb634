/* Checks one model's vectors against the catalogue: the file, its header and length, every row's checksum and
 * length. */
#ifndef CIR_INDEX_CHECK_FEATURES_H
#define CIR_INDEX_CHECK_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/index.h"
#include "cir/pool.h"
#include "index/check/findings.h"
#include "index/store/place.h"
#include "index/store/store.h"

/* model: number i_model of the catalogue. With repair, which needs the index' lock, header and length are
 * made right and rows that contradict their checksums are given up, to be encoded by the next update; derived
 * files go when rows were given up. Errors: CIR_IO, CIR_FULL, CIR_PERMISSION, CIR_BUSY, CIR_DAMAGED,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__check_features(const cir__place *place, cir__store *store, size_t i_model,
                                              const cir_index_model *model, bool repair, cir_pool *pool,
                                              cir__findings *findings, cir_error *err);

#endif
