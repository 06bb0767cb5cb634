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
    size_t n_domains;           /* of a benchmark of domain conversion; 0 for others */
    const char *const *domains; /* [n_domains] as queries call them */
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

/* The four benchmarks of domain conversion by FREEDOM's lists ("path domain class", separated by spaces):
 * imagenet_r and ltll (full_files.csv, the queries are the database; for imagenet_r also its source
 * imgnet_targets.txt), nico and minidn (query_files.csv and database_files.csv). Every listed image is
 * composed with every domain but its own; relevant are the rows of its class in that domain, and all rows are
 * ranked. Classes are what other data sets call instances: mmAP, intervals and breakdowns go by them. Queries
 * go by the list, for one image by the benchmark's order of domains.
 *
 * Features that somebody else computed lie beside the lists, as for cir_dataset_open_features, except:
 * database_image.npy has one row a database row, query_image.npy one row a listed query image (not read where
 * the queries are the database), query_text.npy and the optional query_text_context.npy one row a domain, in
 * the benchmark's order. Errors: CIR_ARGUMENT (no such benchmark), and those of the other two. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_domain_features(const char *folder, const char *benchmark,
                                                                   cir_dataset **dataset_out, cir_error *err);
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_domain_images(const char *folder, const char *benchmark,
                                                                 const cir_model *model, cir_pool *pool,
                                                                 cir_encode_watch *watch, void *context,
                                                                 cir_dataset **dataset_out, cir_error *err);
CIR_API void cir_dataset_close(cir_dataset *dataset); /* NULL is allowed */
CIR_API const cir_dataset_info *cir_dataset_get_info(const cir_dataset *dataset);

/* Whether the data set has what a method needs whatever its settings. Errors: CIR_ARGUMENT (no: the message
 * says what is missing). */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_check(const cir_dataset *dataset, cir_method method,
                                                    cir_error *err);

/* One query, lent from the data set. Queries of one instance, or with one text, share its number. */
typedef struct cir_query_view {
    const char *path, *text, *instance;
    size_t text_number, instance_number; /* the latter counted from 0 */
    size_t n_database;                   /* rows that it ranks */
} cir_query_view;
CIR_API cir_query_view cir_dataset_get_query(const cir_dataset *dataset, size_t i_query);

/* A database row as a query ranks it, lent. */
typedef struct cir_answer_view {
    const char *path, *text;
    bool is_relevant;
} cir_answer_view;

/* row: one of those that the query ranks, as cir_eval_result's top has them. */
CIR_API cir_answer_view cir_dataset_get_answer(const cir_dataset *dataset, size_t i_query, size_t row);

/* Where a picture that a list of a data set of pictures names is to be opened; folder: the data set's. Free
 * with cir_bytes_free; NULL where memory is short. */
CIR_API char *cir_picture_path(const char *folder, const char *listed);

/* What figures must have in common to be compared. Hashes are XXH3 in 32 hexadecimal digits. */
#define CIR_HASH_TEXT_SIZE 33
typedef struct cir_protocol {
    size_t smallest_gallery, largest_gallery; /* rows that a query ranks */
    const char *exclusion;                    /* which rows a query does not rank; static storage */
    const char *prompt; /* the text that is encoded: "{text}", as listed, or "given": by others; static */
    char relevance[CIR_HASH_TEXT_SIZE]; /* over the queries, what each ranks, and what is relevant to it */
    char features[CIR_HASH_TEXT_SIZE];  /* over all feature bytes, unit rows as they are ranked */
    char composed[CIR_HASH_TEXT_SIZE];  /* the same over what a trained method composed; "": there is none */
} cir_protocol;

/* Reads all features once. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_get_protocol(const cir_dataset *dataset, cir_pool *pool,
                                                           cir_protocol *protocol_out, cir_error *err);

/* Average precision: the trapezoid rule of the reference and of every published figure, or the paper's
 * wording, the mean of the precision at the ranks of the relevant rows. */
typedef enum cir_ap_form { CIR_AP_TRAPEZOID, CIR_AP_PAPER, CIR_N_AP_FORMS } cir_ap_form;
CIR_API const char *cir_ap_form_name(cir_ap_form form); /* "trapezoid", "paper"; static storage */

#define CIR_N_RECALLS 4 /* recall and precision at 1, 5, 10, 50 */
extern CIR_API const size_t cir_recall_at[CIR_N_RECALLS];
#define CIR_N_TOP 10
#define CIR_N_RESAMPLES 10000    /* of a bootstrap */
#define CIR_N_PERMUTATIONS 99999 /* drawn, where there are too many to try all */

#define CIR_PROMPT_SIZE 160
#define CIR_N_CURVE 101 /* points of a curve of precision: recall 0, 0.01 … 1 */

/* A 95 % interval, percent. */
typedef struct cir_interval {
    double low, high;
} cir_interval;

/* One method's figures. End with cir_eval_result_done. */
typedef struct cir_eval_result {
    cir_method method;
    cir_settings settings; /* those in force: the minima filled in, unless each database has its own */
    /* What of a query's words is encoded: "{text}", "{word} {text}", "mean of {term} {text} and {text}
     * {term}, 100 terms HASH" (XXH3 over the terms in their order); "none"; or which file it comes from. */
    char prompt[CIR_PROMPT_SIZE];
    size_t n_queries;
    cir_ap_form ap;
    double mAP, mmAP, minmAP; /* percent */
    /* Bootstrap over instances: the 2.5 and 97.5 % points of CIR_N_RESAMPLES resamples, which are the same
     * for every result over the same instances. */
    cir_interval mAP_interval, mmAP_interval;
    /* Domain conversion: mean AP of each pair of domains, source by source ([n_domains, n_domains], 0 where a
     * pair has no queries), of each source over its targets, and of all sources. Percent; NULL, 0 for others.
     */
    double *pairs, *sources;
    double average;
    double recall[CIR_N_RECALLS], precision[CIR_N_RECALLS]; /* percent */
    /* Precision (0–1) at recall i/100, interpolated: the best at that recall or more; mean over instances. */
    double curve[CIR_N_CURVE];
    const double *AP;         /* [n_queries], 0–1: the row of AP_forms that ap names */
    double *AP_forms;         /* [CIR_N_AP_FORMS, n_queries] */
    double *query_recalls;    /* [n_queries, CIR_N_RECALLS], 0–1 */
    double *query_precisions; /* the same */
    size_t *n_relevant;       /* [n_queries] rows that are relevant */
    size_t *top; /* [n_queries, CIR_N_TOP] database rows, best first; SIZE_MAX where there are fewer */
    double seconds;
} cir_eval_result;

/* Evaluates one method: every query ranks the database of its own instance.
 * Errors: those of cir_dataset_check, CIR_ARGUMENT (the features a setting needs are not there; the message
 * says which), those of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_run(const cir_dataset *dataset, cir_method method,
                                               const cir_settings *settings, cir_pool *pool,
                                               cir_eval_result *result_out, cir_error *err);
CIR_API void cir_eval_result_done(cir_eval_result *result);

/* Changes AP, the means and the intervals to another form of AP; a run's are the trapezoid's. dataset is that
 * of the run. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_result_set_ap(const cir_dataset *dataset, cir_ap_form form,
                                                         cir_eval_result *result, cir_error *err);

/* Writes folder/NAME.queries.csv (path, text, instance, AP, R@k, P@k, relevant rows, ranked rows) and
 * folder/NAME.instances.csv (instance, queries, mean and smallest AP, ranked rows), each with a header,
 * quoted by RFC 4180, replaced atomically. The folder is made where it is missing, its parent is not. dataset
 * is that of the run. Errors: CIR_ARGUMENT (a name with a slash), CIR_NO_MEMORY, and those of writing. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_write_csv(const cir_dataset *dataset,
                                                     const cir_eval_result *result, const char *folder,
                                                     const char *name, cir_error *err);

/* A file that `cir eval --json` wrote. Immutable. */
typedef struct cir_results cir_results;

/* Errors: CIR_FORMAT (what is wrong, and where), CIR_LIMIT, CIR_NOT_FOUND, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_results_open(const char *path, cir_results **results_out,
                                                   cir_error *err);
CIR_API void cir_results_close(cir_results *results); /* NULL is allowed */
CIR_API size_t cir_results_n_methods(const cir_results *results);

/* The label of a method's figures, its name where it has none; lent. */
CIR_API const char *cir_results_get_method(const cir_results *results, size_t i_method);

/* The first figures of that label or name; false: there are none. */
CIR_API bool cir_results_find(const cir_results *results, const char *method, size_t *i_method_out);

/* One mean, percent. */
typedef struct cir_compared {
    double a, b, difference; /* b − a */
    cir_interval interval;   /* 95 % of the difference, by bootstrap over instances */
    double p;                /* two-sided, of a paired sign-flip test over instances */
} cir_compared;

typedef struct cir_comparison {
    size_t n_queries;
    size_t n_instances; /* where it is 1, the interval has no width and p is 1: they tell nothing */
    bool is_exact;      /* p counts all 2^n_instances patterns of signs, else CIR_N_PERMUTATIONS drawn ones */
    cir_compared mAP, mmAP;
    /* What is not the same in the protocols, and in the prompt and settings of one method in two files: lines
     * for people. The figures are to be mistrusted where there are any. */
    size_t n_differences;
    char **differences;
} cir_comparison;

/* Compares two methods' figures of one file or of two. Figures over other queries, galleries, relevant rows
 * or forms of AP are not comparable, and refused; with forces, that is one more difference, and queries are
 * paired by their number. End with cir_comparison_done. Errors: CIR_MISMATCH (not comparable: the first
 * reason is named), CIR_SHAPE (other numbers of queries, whatever forces), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_results_compare(const cir_results *a, size_t i_a, const cir_results *b,
                                                      size_t i_b, bool forces, cir_comparison *comparison_out,
                                                      cir_error *err);
CIR_API void cir_comparison_done(cir_comparison *comparison);

#endif
