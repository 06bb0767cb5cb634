/* Making compact codes, and bringing them up to date: the files of codes_file.h, written.
 *
 * Order, so that a process that is killed or a power cut leaves at worst rows without a code, never one with
 * another row's: a header that vouches for nothing; then for a run of blocks at a time the checksums of rows
 * whose code will change set to what is none, the blocks, the checksums, the header with as many rows; at the
 * end a header that vouches for all. Each is durable before the next is written.
 *
 * The rotation's seed and the centre stay for the life of the files, so that a row's code depends on nothing
 * but its feature. They are made anew, empty, where they are missing, damaged, of another version or model,
 * or when the features have become four times as many since the centre was taken. */
#ifndef CIR_INDEX_CODES_BUILD_H
#define CIR_INDEX_CODES_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/folder.h"
#include "cir/index.h"
#include "cir/pool.h"
#include "cir/status.h"
#include "index/store/checksums.h"

/* Called several times a second; false asks to stop. */
typedef bool cir__codes_watch(void *context, size_t n_coded, size_t n_to_code);

typedef struct cir__codes_job {
    const cir__folder *folder; /* features/KEY */
    const cir_index_model *model;
    const cir__checksums *checksums; /* the model's, as committed */
    size_t n_rows;                   /* of the index, as committed */
    size_t min_rows;                 /* with a feature, for codes to be begun; 0 means CIR_INDEX_MIN_CODED */
    size_t batch_blocks;             /* coded before they are made to count; 0 means 32 MiB of them */
    cir_pool *pool;
    cir__codes_watch *watch; /* may be NULL */
    void *watch_context;
} cir__codes_job;

/* The caller holds the index' lock. A stopped run keeps what it coded, and the next goes on from there.
 * Errors: CIR_INTERRUPTED, CIR_FULL, CIR_PERMISSION, CIR_IO, CIR_DAMAGED (the vectors' file is too short),
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_update(const cir__codes_job *job, cir_error *err);

#endif
