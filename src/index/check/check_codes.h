/* Checking a model's compact codes: files, headers, and every code against one that is made again from the
 * feature that it is to be of. */
#ifndef CIR_INDEX_CHECK_CODES_H
#define CIR_INDEX_CHECK_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/pool.h"
#include "cir/status.h"
#include "index/check/findings.h"
#include "index/store/checksums.h"
#include "index/store/place.h"

typedef struct cir__check_codes_job {
    const cir__place *place;
    const cir__folder *folder; /* features/KEY */
    const cir_index_model *model;
    const cir__checksums *checksums;
    size_t n_rows;
    const uint16_t *rows; /* [n_rows, dim], mapped */
    bool repair;          /* the caller holds the index' lock */
    cir_pool *pool;
} cir__check_codes_job;

/* None are fine. Bad ones are deleted by repair: the next update makes them anew. Errors: CIR_PERMISSION,
 * CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__check_codes(const cir__check_codes_job *job, cir__findings *findings,
                                           cir_error *err);

#endif
