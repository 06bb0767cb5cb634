/* What becomes of a file: the rules by which an update changes the catalogue, one file at a time.
 *
 *   size and time as they were, and a feature     → kept, without reading the file
 *   the same content (by hash)                    → kept; its size, time or path are put right
 *   new path, the content of a file that is gone  → that row moves along: the same id
 *   new path or content, known from another file  → the feature is copied
 *   anything else                                 → encoded, or failed with its reason
 *
 * Used by one thread at a time. */
#ifndef CIR_INDEX_APPLY_H
#define CIR_INDEX_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"
#include "index/encoder.h"
#include "index/job.h"
#include "index/walk.h"
#include "index/writer.h"

typedef struct cir__apply {
    cir__writer *writer;
    const cir__job_settings *settings;
    cir_pool *pool;
    uint8_t *flags; /* [n_rows]: what is known of each row in this run */
    size_t flags_capacity;
    uint16_t *row;    /* [dim] */
    float *feature;   /* [dim] */
    size_t n_changes; /* since the last commit */
} cir__apply;

/* End with cir__apply_done. Errors of all: those of the writer, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__apply_init(cir__apply *apply, cir__writer *writer,
                                          const cir__job_settings *settings, cir_pool *pool, cir_error *err);
void cir__apply_done(cir__apply *apply); /* a zeroed one is allowed */

/* Decides what can be decided without reading the file. *is_settled_out: nothing remains to do; else job is
 * filled in. A file that can no longer be examined keeps its row as it is: *is_failure_out says so. */
CIR_MUST_CHECK cir_status cir__apply_plan(cir__apply *apply, const cir__walk_entry *entry, cir__job *job,
                                          bool *is_settled_out, bool *is_failure_out, cir_error *err);

typedef enum cir__applied { CIR__APPLIED_UNCHANGED, CIR__APPLIED_ENCODED, CIR__APPLIED_FAILED } cir__applied;

/* Applies an answered job. feature: [dim], of a decoded job, NULL otherwise. A failed job's why is the
 * reason.
 */
CIR_MUST_CHECK cir_status cir__apply_job(cir__apply *apply, cir__job *job, const float *feature,
                                         cir__applied *applied_out, cir_error *err);

/* Marks the rows at or below root (absolute) that were not met in this run, unless they lie below one of the
 * unreadable folders. *n_vanished_out: how many. */
CIR_MUST_CHECK cir_status cir__apply_vanish(cir__apply *apply, const char *root, char *const *unreadable,
                                            size_t n_unreadable, size_t *n_vanished_out, cir_error *err);

/* Commits, if anything has changed. */
CIR_MUST_CHECK cir_status cir__apply_commit(cir__apply *apply, cir_error *err);

#endif
