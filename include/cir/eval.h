/* Evaluation: methods on data sets with known answers, by the paper's protocol.
 *
 * With experiment.h and synthetic.h this is libcir-eval, the research harness, which cir.h does not include.
 * It is a static library that goes with libcir.a of the same version (pkg-config cir-eval names both) and not
 * with libcir.so. Its structs may change with every version: build against the headers that it came with. */
#ifndef CIR_EVAL_H
#define CIR_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/method.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

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
    const char *benchmark;      /* "cirr", "circo" or "fashioniq"; NULL for others */
    const char *split;          /* of those: "val" or "test" */
    bool has_answers;           /* a test split's are kept by its server */
    size_t n_remarks;           /* of i-CIR's lists: what changes metrics and may be a mistake */
    const char *const
        *remarks; /* [n_remarks] lines for people: repeated rows, blanks around names, no words */
} cir_dataset_info;

/* Features that somebody else computed: the folder of `cir eval --features` (query.csv, database.csv,
 * query_image.npy …). What is optional there and missing: contextualised texts are the plain ones, the image
 * mean is that of each queried database, the minima are those of the settings, or the paper's, or estimated
 * where the settings ask for that. The database's features stay mapped where its list has the instances one
 * after another, and are copied where it has not: the file is not to be changed while the data set is open.
 * Errors: CIR_NOT_FOUND, CIR_FORMAT (file and row named), CIR_SHAPE, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_features(const char *folder, cir_pool *pool,
                                                            cir_dataset **dataset_out, cir_error *err);

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
 * the benchmark's order. Errors: CIR_ARGUMENT (no such benchmark), and those of
 * cir_dataset_open_features. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_domain_features(const char *folder, const char *benchmark,
                                                                   cir_pool *pool, cir_dataset **dataset_out,
                                                                   cir_error *err);

/* CIRR, CIRCO and FashionIQ: pairs of a reference image and a text, and what is relevant to each, in the
 * files in which they are published. The reference images are part of what is ranked. */
typedef struct cir_dataset_triplets_options {
    const char *benchmark;  /* "cirr", "circo", "fashioniq" */
    const char *split;      /* "val" or "test"; NULL: "val" */
    bool ranks_used_images; /* FashionIQ: only the split's reference and target images, as VAL's protocol, not
                               all images of the split's lists */
} cir_dataset_triplets_options;

/* What lies below the folder, SPLIT being val or test (test1 of CIRR). CIRR: captions/cap.rc2.SPLIT.json and
 * image_splits/split.rc2.SPLIT.json; pictures in img_raw/. CIRCO: annotations/SPLIT.json and
 * COCO2017_unlabeled/annotations/image_info_unlabeled2017.json; pictures in
 * COCO2017_unlabeled/unlabeled2017/. FashionIQ: captions/cap.CATEGORY.SPLIT.json and
 * image_splits/split.CATEGORY.SPLIT.json for dress, shirt and toptee, each with a gallery of its own;
 * pictures in images/. A query's own image is ranked but for CIRR, as their evaluations do. FashionIQ's
 * captions of one pair are joined by " and ", blanks and ".?," taken off their ends. Intervals and breakdowns
 * go by image sets (CIRR) or reference images.
 *
 * Features that somebody else computed lie in the same folder: database_image.npy with one row for each image
 * of the split's list, in its order (FashionIQ: dress, shirt and toptee one after another; with
 * ranks_used_images those images alone), query_text.npy and the like with one row for each query in the order
 * of the captions. query_image.npy is not read. Errors: CIR_ARGUMENT (no such benchmark or split; FashionIQ's
 * test split, whose targets nobody tells), and those of cir_dataset_open_features. */
CIR_MUST_CHECK CIR_API cir_status
cir_dataset_open_triplet_features(const char *folder, const cir_dataset_triplets_options *options,
                                  cir_pool *pool, cir_dataset **dataset_out, cir_error *err);

/* Which pictures, and how they are encoded. Zeroed: those of i-CIR, nothing kept. */
typedef struct cir_dataset_images_options {
    const char *domains;                          /* a benchmark of domain conversion; NULL: none */
    const cir_dataset_triplets_options *triplets; /* CIRR, CIRCO or FashionIQ; NULL: none */
    const char *cache;          /* a folder, made where it is missing, that keeps features; NULL: none */
    bool is_cache_optional;     /* where it cannot be used, the report says why, and all is encoded */
    bool ignore_exif_rotation;  /* take pictures as they are stored, as the published code does; kept apart in
                                   the cache. Pictures are decoded as Pillow decodes them in any case
                                   (follow_pillow of cir_image_options) */
    cir_encode_watch_fn *watch; /* told of pictures that are encoded because none was kept; may be NULL */
    void *context;              /* of watch */
    /* Measure what searching this index gives: the database's pictures are the index' rows, found by their
     * paths; query pictures are encoded as searches encode them; methods are fitted to the index and look for
     * neighbours in all of it, as a composer over it does. Each query still ranks its own gallery, all of it
     * exactly: the index' other photos are left out of its answer, and compact codes are not used for it.
     * Shows the model's features; lent. NULL: the data set itself is searched. */
    const cir_index *searched;
} cir_dataset_images_options;

/* What a cache did. */
typedef struct cir_cache_report {
    size_t n_found, n_encoded; /* pictures */
    uint64_t size_bytes;       /* of the model's file */
    char problem[256];         /* why it could not be written, though all was encoded; "": it could */
} cir_cache_report;

/* A data set of pictures, encoded with a model, which is lent and must outlive it: runs of BASIC encode
 * corpora and contextualised texts, once each. The image mean is that of the whole database, the minima are
 * estimated as a composer does. i-CIR's layout is query_files.csv and database_files.csv with the images
 * beside them, or, where there is no query_files.csv, WebDataset shards (query/ and database/ with *.tar, in
 * the folder or in webdataset/ below it), which are never unpacked. With a cache, a picture whose feature is
 * kept is not encoded again: it is known by its bytes, and by path, inode, size and times of change where
 * these were told seconds after the last change. An interrupted run is continued; watch returning false stops
 * it (CIR_INTERRUPTED). report_out: may be NULL. Errors: those of the lists and of cir_model_encode_files,
 * those of the cache's folder, and CIR_NOT_FOUND (a picture is not in the index that is searched). */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_open_images(const char *folder,
                                                          const cir_dataset_images_options *options,
                                                          const cir_model *model, cir_pool *pool,
                                                          cir_cache_report *report_out,
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

/* Where a picture that a list of the data set names is to be opened; folder: the data set's. The picture need
 * not be there, as those of shards are not. Free with cir_bytes_free; NULL when out of memory. */
CIR_API char *cir_dataset_find_picture(const cir_dataset *dataset, const char *folder, const char *listed);

/* What became of one file that checksums.sha256 lists. */
typedef enum cir_checksum_state {
    CIR_CHECKSUM_RIGHT,
    CIR_CHECKSUM_WRONG,
    CIR_CHECKSUM_MISSING,
    CIR_CHECKSUM_UNREADABLE
} cir_checksum_state;
CIR_API const char *cir_checksum_state_name(cir_checksum_state state); /* "wrong"; static storage */

/* Told of each file that is not right, in the list's order. */
typedef void cir_checksum_tell_fn(void *context, const char *path, cir_checksum_state state);

/* Checks all files that folder/checksums.sha256 lists, which is in sha256sum's format; paths are relative to
 * the folder, or begin with its name. n_bad_out of n_files_out are not right. tell, watch: may be NULL; watch
 * is told of files. Errors: CIR_NOT_FOUND (no list), CIR_FORMAT (with the line), CIR_INTERRUPTED, CIR_IO,
 * CIR_NO_MEMORY; a file that is not right is none. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_verify(const char *folder, cir_pool *pool,
                                                     cir_checksum_tell_fn *tell, void *tell_context,
                                                     cir_encode_watch_fn *watch, void *watch_context,
                                                     size_t *n_files_out, size_t *n_bad_out, cir_error *err);

/* What metrics must have in common to be compared. Hashes are XXH3 in 32 hexadecimal digits. */
#define CIR_HASH_TEXT_SIZE 33
typedef struct cir_protocol {
    size_t smallest_gallery, largest_gallery; /* rows that a query ranks */
    const char *exclusion;                    /* which rows a query does not rank; static storage */
    const char *prompt; /* the text that is encoded: "{text}", as listed, or "given": by others; static */
    char relevance[CIR_HASH_TEXT_SIZE]; /* over the queries, what each ranks, and what is relevant to it */
    char features[CIR_HASH_TEXT_SIZE];  /* over all features' bytes, the database's as they are ranked */
    char composed[CIR_HASH_TEXT_SIZE];  /* the same over what a trained method composed; "": there is none */
    char searched[CIR_HASH_TEXT_SIZE]; /* the same over the index that is searched; "": the data set itself */
} cir_protocol;

/* Reads all features once. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_dataset_get_protocol(const cir_dataset *dataset, cir_pool *pool,
                                                           cir_protocol *protocol_out, cir_error *err);

/* Average precision: the trapezoid rule of the reference and of every published result, or the paper's
 * wording, the mean of the precision at the ranks of the relevant rows. */
typedef enum cir_ap_form { CIR_AP_TRAPEZOID, CIR_AP_PAPER, CIR_N_AP_FORMS } cir_ap_form;
CIR_API const char *cir_ap_form_name(cir_ap_form form); /* "trapezoid", "paper"; static storage */

#define CIR_N_RECALLS 4 /* recall and precision at 1, 5, 10, 50: */
/* The i-th of these; 0 where i is too large. Thread-safe. */
CIR_API size_t cir_recall_at(size_t i);
#define CIR_N_TOP 10
#define CIR_N_RESAMPLES 10000    /* of a bootstrap */
#define CIR_N_PERMUTATIONS 99999 /* drawn, where there are too many to try all */

#define CIR_PROMPT_SIZE 160
#define CIR_N_CURVE 101 /* points of a curve of precision: recall 0, 0.01 … 1 */

/* A 95 % interval, percent. */
typedef struct cir_interval {
    double low, high;
} cir_interval;

/* One metric of a benchmark's own. Strings are static. */
typedef struct cir_metric {
    const char *group; /* what it is a part of: "dress"; NULL: of the whole */
    const char *name;  /* "R@10" */
    double value;      /* percent */
    double low, high;  /* the same by the worst and the best order of equal scores */
} cir_metric;

#define CIR_N_BEST 50 /* rows that submissions hold */
#define CIR_N_BEST_MEMBERS 3

/* One method's metrics. End with cir_eval_result_done.
 *
 * Rows with equal scores stand in no order. Where relevant and other rows share a score, AP, recall,
 * precision and the benchmarks' own metrics of a query are their expected values over all orders, each as
 * likely as any other, and the metrics by the worst and by the best order stand beside their means. Where no
 * such tie is, all three are the same. The smallest AP of an instance is the smallest of these values. top,
 * best and best_members are lists: there the smaller database row is first. */
typedef struct cir_eval_result {
    cir_method method;
    cir_settings settings; /* those in force: the minima filled in, unless each database has its own */
    /* What of a query's words is encoded: "{text}", "{word} {text}", "mean of {term} {text} and {text}
     * {term}, 100 terms HASH" (XXH3 over the terms in their order); "none"; or which file it comes from. */
    char prompt[CIR_PROMPT_SIZE];
    size_t n_queries;
    size_t n_instances; /* that have queries; intervals over one tell nothing */
    cir_ap_form ap;
    double mAP, mmAP, minmAP; /* percent */
    size_t n_tied;            /* queries that ties matter to */
    double mAP_low, mmAP_low, minmAP_low, mAP_high, mmAP_high, minmAP_high;
    /* Bootstrap over instances: the 2.5 and 97.5 % points of CIR_N_RESAMPLES resamples, which are the same
     * for every result over the same instances. */
    cir_interval mAP_interval, mmAP_interval;
    /* Domain conversion: mean AP of each pair of domains, source by source ([n_domains, n_domains], 0 where a
     * pair has no queries), of each source over its targets, and of all sources. Percent; NULL, 0 for
     * others. */
    double *pairs, *sources;
    double average, average_low, average_high;
    double recall[CIR_N_RECALLS], precision[CIR_N_RECALLS]; /* percent */
    /* Precision (0–1) at recall i/100, interpolated: the best at that recall or more; mean over instances.
     * Within ties, relevant rows count at their expected places. */
    double curve[CIR_N_CURVE];
    const double *AP;               /* [n_queries], 0–1: the row of AP_forms that ap names */
    double *AP_forms;               /* [CIR_N_AP_FORMS, n_queries] */
    const double *AP_low, *AP_high; /* [n_queries] by the worst and the best order of equal scores */
    double *AP_bounds;              /* [CIR_N_AP_FORMS, 2, n_queries] */
    double *query_recalls;          /* [n_queries, CIR_N_RECALLS], 0–1 */
    double *query_precisions;       /* the same */
    size_t *n_relevant;             /* [n_queries] rows that are relevant */
    size_t *top; /* [n_queries, CIR_N_TOP] database rows, best first; SIZE_MAX where there are fewer */
    /* CIRR, CIRCO and FashionIQ, as their own evaluations count (a recall of all is 1); NULL, 0 for others,
     * and no metrics without answers. CIRR: R@1, 5, 10, 50, R_subset@1, 2, 3, and the mean of R@5 and
     * R_subset@1. CIRCO: mAP@5, 10, 25, 50 over all answers, R@5, 10, 25, 50 of the target, and mAP@10 by
     * aspect. FashionIQ: R@10, R@50 and their mean of each category, and the categories' average. */
    size_t n_metrics;
    cir_metric *metrics;
    double *query_metrics; /* of each query, 0–1: what the metrics are means of; [3, n_queries, …]: expected,
                            * then by the worst and by the best order */
    size_t *best;          /* [n_queries, CIR_N_BEST] as top */
    size_t *best_members; /* [n_queries, CIR_N_BEST_MEMBERS] of CIRR's image set alone */
} cir_eval_result;

/* Evaluates one method: every query ranks the database of its own instance.
 * Errors: those of cir_dataset_check, CIR_ARGUMENT (the features a setting needs are not there; the message
 * says which), those of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_run(const cir_dataset *dataset, cir_method method,
                                               const cir_settings *settings, cir_pool *pool,
                                               cir_eval_result *result_out, cir_error *err);
/* A method to be evaluated; lends its settings. */
typedef struct cir_run {
    cir_method method;
    const cir_settings *settings;
} cir_run;

/* Evaluates several methods in one pass: as cir_eval_run for each, to the bit, in less time than their sum,
 * as the features are read once and what methods have in common is computed once. results_out:
 * [n_runs]. Memory: what cir_eval_run takes, and the metrics. Errors: as cir_eval_run, and no result
 * is left. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_run_all(const cir_dataset *dataset, const cir_run *runs,
                                                   size_t n_runs, cir_pool *pool,
                                                   cir_eval_result *results_out, cir_error *err);
CIR_API void cir_eval_result_done(cir_eval_result *result);

/* Changes AP, the means and the intervals to another form of AP; a run's are the trapezoid's. dataset is that
 * of the run. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_result_set_ap(const cir_dataset *dataset, cir_ap_form form,
                                                         cir_eval_result *result, cir_error *err);

/* Writes folder/NAME.queries.csv (path, text, instance, AP, R@k, P@k, relevant rows, ranked rows) and
 * folder/NAME.instances.csv (instance, queries, mean and smallest AP, ranked rows), each with a header,
 * quoted by RFC 4180, replaced atomically; where n_tied is not 0, each AP by the worst and the best order of
 * equal scores too. The folder is made where it is missing, its parent is not. dataset is that of the run.
 * Errors: CIR_ARGUMENT (a name with a slash), CIR_NO_MEMORY, and those of writing. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_write_csv(const cir_dataset *dataset,
                                                     const cir_eval_result *result, const char *folder,
                                                     const char *name, cir_error *err);

/* Writes what the benchmark's server takes, replaced atomically: folder/NAME.json of CIRCO ({"query": [50
 * image ids]}), folder/NAME.recall.json and folder/NAME.recall_subset.json of CIRR ({"version": "rc2",
 * "metric": …, "pairid": [50 or 3 names]}). The folder is made where it is missing, its parent is not.
 * Errors: CIR_ARGUMENT (a name with a slash, or no server takes this set's), CIR_NO_MEMORY, and those of
 * writing. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_write_submission(const cir_dataset *dataset,
                                                            const cir_eval_result *result, const char *folder,
                                                            const char *name, cir_error *err);

/* The document of `cir eval --json`, as text to be freed with cir_bytes_free: what was asked and of what,
 * with an empty array "methods", whose elements cir_results_format_method makes. label, where not NULL, tells
 * a method from another run of the same. Whoever writes may add members to both; cir_results_open reads the
 * whole. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_results_format(const cir_dataset *dataset, const cir_protocol *protocol,
                                                     cir_ap_form ap, double seconds, char **json_out,
                                                     cir_error *err);
CIR_MUST_CHECK CIR_API cir_status cir_results_format_method(const cir_dataset *dataset,
                                                            const cir_eval_result *result, const char *label,
                                                            char **json_out, cir_error *err);

/* A file that `cir eval --json` wrote. Immutable. */
typedef struct cir_results cir_results;

/* Errors: CIR_FORMAT (what is wrong, and where), CIR_LIMIT, CIR_NOT_FOUND, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_results_open(const char *path, cir_results **results_out,
                                                   cir_error *err);
CIR_API void cir_results_close(cir_results *results); /* NULL is allowed */
CIR_API size_t cir_results_get_n_methods(const cir_results *results);

/* The label of a method's metrics, its name where it has none; lent. */
CIR_API const char *cir_results_get_method(const cir_results *results, size_t i_method);

/* The first metrics of that label or name; false: there are none. */
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
     * for people. The metrics are to be mistrusted where there are any. */
    size_t n_differences;
    char **differences;
} cir_comparison;

/* Compares two methods' metrics of one file or of two. Metrics over other queries, galleries, relevant rows
 * or forms of AP are not comparable, and refused; with forces, that is one more difference, and queries are
 * paired by their number. End with cir_comparison_done. Errors: CIR_MISMATCH (not comparable: the first
 * reason is named), CIR_SHAPE (other numbers of queries, whatever forces), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_results_compare(const cir_results *a, size_t i_a, const cir_results *b,
                                                      size_t i_b, bool forces, cir_comparison *comparison_out,
                                                      cir_error *err);
CIR_API void cir_comparison_done(cir_comparison *comparison);

#ifdef __cplusplus
}
#endif

#endif
