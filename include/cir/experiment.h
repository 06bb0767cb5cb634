/* The paper's experiments: settings swept over values, positives against a growing pool of random images, and
 * metrics by category. */
#ifndef CIR_EXPERIMENT_H
#define CIR_EXPERIMENT_H

#include "cir/eval.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One method's metrics over the values of one setting. End with cir_sweep_done. */
typedef struct cir_sweep {
    const char *key; /* static storage */
    cir_method method;
    size_t n;
    double *values;     /* [n], ascending */
    double *mAP, *mmAP; /* [n], percent */
    /* [n]: queries that ties matter to, and the metrics by the worst and the best order of equal scores. */
    size_t *n_tied;
    double *mAP_low, *mmAP_low, *mAP_high, *mmAP_high;
    /* Of "weight", where 0 and 1 are among the values, the composition gain: what the best weight is better
     * than the better of image and text alone. */
    bool has_gain;
    double mAP_gain, mmAP_gain;
} cir_sweep;

/* What a setting is swept over where nobody says: texts as cir_settings_set takes them, [*n_out]; NULL for a
 * setting that is not swept. Settings: weight (sum, product, weicom), lambda, alpha, components (basic-,
 * basic). Static storage. */
CIR_API const char *const *cir_sweep_get_values(const char *key, size_t *n_out);

/* Whether sweeping that setting changes that method's answers. */
CIR_API bool cir_sweep_applies(const char *key, cir_method method);

/* Evaluates a method once for each value, all else as settings say. values: [n], ascending. Errors:
 * CIR_ARGUMENT (the setting is not swept or does not apply, a value out of range or not above the one
 * before), and those of cir_eval_run. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_sweep(const cir_dataset *dataset, cir_method method,
                                                 const cir_settings *settings, const char *key,
                                                 const char *const *values, size_t n, cir_ap_form ap,
                                                 cir_pool *pool, cir_sweep *sweep_out, cir_error *err);
CIR_API void cir_sweep_done(cir_sweep *sweep);

/* ---- metrics by category ---- */

/* A file that puts instances, or texts, into categories. Immutable. */
typedef struct cir_categories cir_categories;

typedef struct cir_categories_info {
    const char *name; /* of the file, without its folder and ".csv" */
    bool are_of_texts;
    size_t n;
    /* In the order in which the file names them; "(none)" last, where some queries are in no category. */
    const char *const *names;
    const size_t *n_queries, *n_instances; /* [n] */
} cir_categories_info;

/* Reads a table of two columns, "instance,category" or "text,category" (RFC 4180). With such a header it says
 * which; without one, the first row does: its first field is an instance of the queries, or else one of
 * their texts. dataset: only for the call. Errors: CIR_FORMAT (file and line named: a name that no query has,
 * two categories for one, other columns), and those of reading. */
CIR_MUST_CHECK CIR_API cir_status cir_categories_open(const char *path, const cir_dataset *dataset,
                                                      cir_categories **categories_out, cir_error *err);
CIR_API void cir_categories_close(cir_categories *categories); /* NULL is allowed */
CIR_API const cir_categories_info *cir_categories_get_info(const cir_categories *categories);

/* A result's means over the queries of each category: mAP_out, mmAP_out [n], percent. dataset and result are
 * of the data set that the categories were opened with. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_categories_average(const cir_categories *categories,
                                                         const cir_dataset *dataset,
                                                         const cir_eval_result *result, double *mAP_out,
                                                         double *mmAP_out, cir_error *err);

/* Writes folder/NAME.categories.csv (taxonomy, category, queries, instances, mAP, mmAP) as
 * cir_eval_write_csv writes its tables. Errors: as there. */
CIR_MUST_CHECK CIR_API cir_status cir_categories_write_csv(const cir_categories *const *taxonomies, size_t n,
                                                           const cir_dataset *dataset,
                                                           const cir_eval_result *result, const char *folder,
                                                           const char *name, cir_error *err);

/* ---- positives against a growing pool (the paper's ">40M distractors") ----
 *
 * Each query keeps its positives; its hard negatives give way to images that all queries share, random ones
 * from a pool, 1,000 of them, 2,000, … all. The pool is a file [n, dim] of float16 or float32 that is read
 * from front to back, once, or twice where a method has to know it first (WeiCom's deviations, the nearest
 * images of query expansion): nothing of it is kept or sorted. Pools are nested, each the first so many rows
 * of a random order that the seed fixes. Between equal scores there is no order: AP is its expected value, as
 * in a plain evaluation. Means, projections and minima are those of the plain evaluation; WeiCom's deviations
 * and the images of query expansion are of what the query ranks: its positives and that pool. */
#define CIR_N_POOLS 32 /* at most */

typedef struct cir_distract_options {
    const char *pool_path;
    const size_t *sizes; /* [n_sizes] ascending, at most CIR_N_POOLS, the last within the pool */
    size_t n_sizes;      /* 0: 1,000, 2,000, 5,000, 10,000 … and all (10, 20, 50 … of 1,000 or fewer) */
    size_t max_memory_bytes; /* 0: 256 MiB. Beside the data set; the file's own pages do not count */
    uint64_t seed;
    cir_ap_form ap;
    cir_encode_watch_fn
        *watch; /* of rows read, over all passes; may be NULL; false stops (CIR_INTERRUPTED) */
    void *watch_context;
} cir_distract_options;

/* Where a method's metric falls to what it is with the hard negatives: between two sizes by a line over the
 * logarithm of the size; or beyond the largest, or below the smallest. */
typedef enum cir_crossing_kind { CIR_CROSSING_AT, CIR_CROSSING_BEYOND, CIR_CROSSING_BELOW } cir_crossing_kind;
typedef struct cir_crossing {
    cir_crossing_kind kind;
    double n; /* distractors */
} cir_crossing;

/* A method in the experiment. The first four are the caller's. */
typedef struct cir_distracted {
    cir_method method;
    const cir_settings *settings; /* lent */
    double hard_mAP, hard_mmAP;   /* with the hard negatives, percent, by the same form of AP */
    double mAP[CIR_N_POOLS], mmAP[CIR_N_POOLS];
    /* Queries that ties between positives and the pool matter to, and the metrics by the worst and the best
     * order. */
    size_t n_tied[CIR_N_POOLS];
    double mAP_low[CIR_N_POOLS], mmAP_low[CIR_N_POOLS], mAP_high[CIR_N_POOLS], mmAP_high[CIR_N_POOLS];
    cir_crossing mAP_crossing, mmAP_crossing;
} cir_distracted;

typedef struct cir_distraction {
    size_t n_pool; /* rows of the file */
    size_t n_sizes;
    size_t sizes[CIR_N_POOLS];
    size_t n_vectors; /* vectors that every row is multiplied with at least, over all passes */
} cir_distraction;

/* Whether a method can rank positives against a pool. Errors: those of cir_dataset_check, and CIR_ARGUMENT
 * (FREEDOM with expansion, whose words come from the hard negatives; composed features with a database of
 * their own, where the pool has none; a benchmark of domain conversion, which has no hard negatives). */
CIR_MUST_CHECK CIR_API cir_status cir_eval_check_distract(const cir_dataset *dataset, cir_method method,
                                                          const cir_settings *settings, cir_error *err);

/* Whether the pool can be read and has the data set's dimension, and sizes are of it. Errors: as
 * cir_eval_distract. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_check_distract_pool(const cir_dataset *dataset,
                                                               const cir_distract_options *options,
                                                               cir_error *err);

/* Fills in methods [n_methods]. Errors: as above; CIR_ARGUMENT (sizes), CIR_SHAPE (dimensions, rows),
 * CIR_FORMAT, CIR_LIMIT (the memory does not suffice: the message says what would), those of reading and
 * of composing, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_distract(const cir_dataset *dataset,
                                                    const cir_distract_options *options,
                                                    cir_distracted *methods, size_t n_methods, cir_pool *pool,
                                                    cir_distraction *distraction_out, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif
