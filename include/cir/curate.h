/* Curation: evaluation sets of one's own, made as i-CIR was: instances, the changes that may be asked of them, seeds;
 * neighbours of the seeds in an index as candidates; people's judgements; and out of these, queries, positives and hard
 * negatives whose kinds are known.
 *
 * A project is a folder of its own, never part of an index: one index serves many. Pictures are known by their bytes,
 * so that a project survives moves, updates and replacements of the index. One process at a time has a project open for
 * writing; any number may read it. All functions may be called from several threads at once, and what changes a project
 * returns CIR_OK only after the disk has it.
 *
 * Errors of all that take an open project, beside those named: CIR_DAMAGED, CIR_FULL, CIR_IO, CIR_BUSY, CIR_PERMISSION
 * (also: open for reading), CIR_GONE, CIR_NO_MEMORY. */
#ifndef CIR_CURATE_H
#define CIR_CURATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/index.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cir_curation cir_curation;

/* What a project is; lives as long as it is open. */
typedef struct cir_curation_info {
    const char *path;
    const char *index_path; /* of the index that it was made for, absolute */
    char identity[33];      /* random; the same in copies */
} cir_curation_info;

/* Makes a project: a folder that is not there, or empty. Errors: CIR_ARGUMENT (it holds something), CIR_NOT_FOUND (the
 * index, or the folder's parent), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_new(const char *path, const char *index_path, cir_error *err);

/* Opens one; close with cir_curation_close. Errors: CIR_NOT_FOUND, CIR_FORMAT (no project), CIR_OTHER_VERSION,
 * CIR_BUSY (another process has it open for writing), CIR_UNSUPPORTED (a file system without locks), and those above.
 */
CIR_MUST_CHECK CIR_API cir_status cir_curation_open(const char *path, bool writes,
                                                    cir_curation **curation_out, cir_error *err);
CIR_API void cir_curation_close(cir_curation *curation); /* NULL is allowed */
CIR_API const cir_curation_info *cir_curation_get_info(const cir_curation *curation);

/* Told of what is no error and should be looked at, a line for people. */
typedef void cir_curation_tell(void *context, const char *line);

/* Where photos of seeds come from, and how they are read. Zeroed: ids of photos are refused. */
typedef struct cir_plan_options {
    const cir_index *index;         /* seeds may be ids of its photos; NULL: none */
    const cir_image_options *image; /* how pictures are decoded; may be NULL */
    cir_curation_tell *tell;        /* may be NULL */
    void *context;
} cir_plan_options;

typedef struct cir_plan_report {
    size_t n_instances, n_changes, n_seeds; /* as they are now */
    size_t n_new, n_removed;                /* seeds */
} cir_plan_report;

/* Reads the whole plan: CSV with the header instance,role,change,value. Roles: name (needed), category, kind; image (a
 * file, or the id of an indexed photo); change (value: its textual category; at least one); and for a change: rephrased,
 * composed-image, composed-text (in place of the joined sentences, which are made by themselves). What is not in it any
 * more leaves the project, unless people have judged it. Files are relative to the plan's folder, or to the project's,
 * and are copied. Nothing is changed where there is an error. Errors, with the plan's line: CIR_FORMAT (unknown roles,
 * things given twice or missing), CIR_ARGUMENT (wordings that give the answer away: a seed that is, or says, the text;
 * judged things that are missing), CIR_NOT_FOUND (pictures, ids), those of reading pictures. report_out: may be NULL. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_read_plan(cir_curation *curation, const char *path,
                                                         const cir_plan_options *options,
                                                         cir_plan_report *report_out, cir_error *err);

/* The plan as it is, in that form; joined sentences are left out. Free with cir_bytes_free. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_format_plan(cir_curation *curation, char **csv_out,
                                                           size_t *size_out, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif
