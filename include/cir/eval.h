/* Evaluation: methods on data sets with known answers, by the paper's protocol. */
#ifndef CIR_EVAL_H
#define CIR_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/method.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/status.h"

/* Queries, databases and their features, ready to be evaluated. Immutable once open. */
typedef struct cir_dataset cir_dataset;

typedef struct cir_dataset_info {
    const char *name;
    size_t n_queries;
    size_t n_instances;
    size_t n_database;
    size_t dim;
} cir_dataset_info;

/* Features that somebody else computed: the folder of `cir eval --features` (query.csv, database.csv,
 * query_image.npy …). What is optional there and missing: contextualised texts are the plain ones, the image
 * mean is that of each queried database, the minima are those of the settings. Errors: CIR_NOT_FOUND,
 * CIR_FORMAT (file and row named), CIR_SHAPE, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_features(const char *folder, cir_dataset **dataset_out,
                                                            cir_error *err);

/* A data set in i-CIR's layout (query_files.csv, database_files.csv, images beside them), encoded with a
 * model, which is lent and must outlive it: runs of BASIC encode corpora and contextualised texts, once each.
 * The image mean is that of the whole database, the minima are estimated as a composer does. watch, which may
 * be NULL, is told how many of how many pictures are encoded; false stops it (CIR_INTERRUPTED). Errors: as
 * above, and those of cir_model_encode_files. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_images(const char *folder, const cir_model *model,
                                                          cir_pool *pool, cir_encode_watch *watch,
                                                          void *context, cir_dataset **dataset_out,
                                                          cir_error *err);
CIR_API void cir_dataset_close(cir_dataset *dataset); /* NULL is allowed */
CIR_API const cir_dataset_info *cir_dataset_get_info(const cir_dataset *dataset);

#define CIR_N_RECALLS 4 /* recall at 1, 5, 10, 50 */
extern CIR_API const size_t cir_recall_at[CIR_N_RECALLS];
#define CIR_N_TOP 10

/* One method's figures. End with cir_eval_result_done. */
typedef struct cir_eval_result {
    cir_method method;
    cir_settings settings; /* those in force: the minima filled in, unless each database has its own */
    size_t n_queries;
    double mAP, mmAP, minmAP;     /* percent */
    double recall[CIR_N_RECALLS]; /* percent */
    double *AP;                   /* [n_queries], 0–1 */
    size_t *top; /* [n_queries, CIR_N_TOP] database rows, best first; SIZE_MAX where there are fewer */
    double seconds;
} cir_eval_result;

/* Evaluates one method: every query ranks the database of its own instance.
 * Errors: CIR_ARGUMENT (the features a setting needs are not there; the message says which), CIR_NO_MEMORY.
 */
CIR_MUST_CHECK CIR_API cir_status cir_eval_run(const cir_dataset *dataset, cir_method method,
                                               const cir_settings *settings, cir_pool *pool,
                                               cir_eval_result *result_out, cir_error *err);
CIR_API void cir_eval_result_done(cir_eval_result *result);

#endif
