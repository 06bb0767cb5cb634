/* What becomes of a file: the rules by which an update changes the catalogue, one file at a time.
 *
 *   size, times and inode as they were, and all features  → kept, without reading the file
 *   the same content (by hash)                    → kept; its size, time or path are put right
 *   new path, the content of a file that is gone  → that row moves along: the same id
 *   new path or content, known from another file  → the features are copied
 *   anything else                                 → encoded, or failed with its reason
 *
 * With several models each feature that is missing is copied or encoded. Where only some of them fail on a
 * picture, or its content has a feature of a model already, the row does not count as failed: it stays
 * searchable by what it has, and what it lacks is tried again by every update.
 *
 * Used by one thread at a time. */
#ifndef CIR_INDEX_APPLY_H
#define CIR_INDEX_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/pool.h"
#include "cir/status.h"
#include "index/update/encoder.h"
#include "index/update/job.h"
#include "index/update/scope.h"
#include "index/update/writer.h"
#include "index/walk/walk.h"

typedef struct cir__apply {
    cir__writer *writer;
    const cir__job_settings *settings;
    cir_pool *pool;
    uint8_t *flags; /* [n_rows]: what is known of each row in this run */
    size_t flags_capacity;
    uint16_t *row;    /* [largest dim] */
    float *feature;   /* [largest dim] */
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

typedef struct cir__applied {
    enum { CIR__APPLIED_UNCHANGED, CIR__APPLIED_ENCODED, CIR__APPLIED_FAILED } result;
    enum {
        CIR__CHANGE_NONE,
        CIR__CHANGE_NEW,
        CIR__CHANGE_MOVED,
        CIR__CHANGE_CONTENT
    } change; /* of the row */
} cir__applied;

/* Applies an answered job. features: [n_encoders] of [dim], of those in job->decoded, NULL where the model
 * failed, for which job->why is the reason then. CIR__APPLIED_FAILED: something failed, and job->why is
 * what. */
CIR_MUST_CHECK cir_status cir__apply_job(cir__apply *apply, cir__job *job, const float *const *features,
                                         cir__applied *applied_out, cir_error *err);

/* Marks the rows at or below root i of a scope that were not met in this run, unless they lie below a folder
 * that could not be listed, or are there and below a root that was not walked. Adds to *n_vanished how many,
 * and to *n_left_out those of them that are there, and left out. */
CIR_MUST_CHECK cir_status cir__apply_vanish(cir__apply *apply, const cir__scope *scope, size_t i_root,
                                            size_t *n_vanished, size_t *n_left_out, cir_error *err);

/* Commits, if anything has changed. */
CIR_MUST_CHECK cir_status cir__apply_commit(cir__apply *apply, cir_error *err);

#endif
