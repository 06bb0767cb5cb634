/* Collections: an index together with its model, searched by one call.
 *
 *   cir_collection_open → cir_collection_search → cir_answer_get_n_hits, cir_answer_get_hit → cir_answer_free
 *
 * A search encodes the photo and the words, composes them by a method (method.h), finds the best rows
 * (search.h: by compact codes, where the index has any), and looks up what their photos are (index.h). A
 * collection does not change: it is the index as it was when it was opened. Any number of threads may use it
 * at once. What a search makes ready is kept for the next: the composers of the latest eight methods and
 * settings, features of the latest words, rows that pass the latest filters. What lies beside the index
 * meanwhile is told in method.h. */
#ifndef CIR_COLLECTION_H
#define CIR_COLLECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/method.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/search.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- structs that callers fill ----
 *
 * They begin with their size, as the caller was compiled, and later versions add members at the end: set them
 * up with their function and sizeof, then fill in what is wanted. A library that is older than its caller
 * refuses what it does not know with CIR_UNSUPPORTED. */

/* How to open a collection. */
typedef struct cir_collection_options {
    size_t size;
    const cir_model *model;  /* an open one, lent as long as the collection; NULL: one of its own */
    const char *model_path;  /* of its own: where it lies now; NULL: where the index' first model lay */
    cir_precision precision; /* of its own */
    /* Opens one of its own; NULL: cir_model_open. For programs that know more places, or fetch
     * models. */
    cir_status (*open_model)(void *context, const char *path, const cir_model_options *options,
                             cir_model **model_out, cir_error *err);
    void *open_model_context;
    cir_pool *pool;  /* lent; NULL: one of its own with a thread for each processor */
    bool is_trusted; /* as in cir_index_options */
} cir_collection_options;

CIR_API void cir_collection_options_init(cir_collection_options *options, size_t size);

/* Which shape a photo has. */
typedef enum cir_orientation {
    CIR_ORIENTATION_ANY,
    CIR_ORIENTATION_LANDSCAPE, /* wider than high */
    CIR_ORIENTATION_PORTRAIT,
    CIR_ORIENTATION_SQUARE
} cir_orientation;

/* Which photos are meant. Set up: all. Lends its texts. */
typedef struct cir_photo_filter {
    size_t size;
    const char *folder; /* in it or below it, as the index' paths begin; NULL: any */
    const char *camera; /* EXIF's maker and model; NULL: any. See cir_collection_set_camera */
    /* after ≤ time < before, seconds since 1970 of the camera's clock; INT64_MIN, INT64_MAX: any. A photo
     * whose time is not known is within no limit. */
    int64_t after, before;
    cir_orientation orientation;
} cir_photo_filter;

CIR_API void cir_photo_filter_init(cir_photo_filter *filter, size_t size);

/* Sets one member from text, which is lent: folder, camera; after and before from a day, "2021-12-31", of
 * which before's is still within; orientation from landscape, portrait or square. Errors: CIR_ARGUMENT (an
 * unknown key, the message lists the known ones; a value that is none of its kind), "KEY: WHY". */
CIR_MUST_CHECK CIR_API cir_status cir_photo_filter_set(cir_photo_filter *filter, const char *key,
                                                       const char *value, cir_error *err);

CIR_API bool cir_photo_filter_is_empty(const cir_photo_filter *filter); /* whether it lets all pass */

/* Whether path is folder or lies below it. "": whatever path. */
CIR_API bool cir_folder_holds(const char *folder, const char *path);

/* A part of an upright picture, in fractions of its width and height; width and height 0: all of it.
 * Frozen. */
typedef struct cir_region {
    double x, y, width, height;
} cir_region;

#define CIR_NO_ID SIZE_MAX

/* What is searched for, how, and what of it is wanted. Lends all. */
typedef struct cir_search_request {
    size_t size;

    /* The photo of the thing: a file, a file's contents or an indexed photo; none for words alone. */
    const char *image_path;
    const void *image_bytes; /* [image_size_bytes] */
    size_t image_size_bytes;
    const char *image_name; /* what messages call the bytes; NULL: "the picture that was given" */
    size_t image_id;        /* CIR_NO_ID: none */
    /* [dim], unit: of that photo, or of one of its own; made before by this model (cir_answer_info). Nothing
     * is decoded then. */
    const float *image_feature;
    cir_region image_region; /* the part of the photo that is meant */
    /* How it is decoded. NULL: allow_shrinking, as most indexes are made. An indexed photo may have any
     * size. */
    const cir_image_options *image_options;

    const char *text; /* how it should differ; NULL or blank: the photo alone is searched for */

    cir_method method;
    const cir_settings *settings;   /* NULL: the method's */
    size_t k;                       /* hits that are wanted, ≥ 1; set up: 20 */
    size_t offset;                  /* hits before the first that is wanted */
    const cir_photo_filter *filter; /* NULL: all photos */
    /* Near-duplicates (the same shot saved anew, resized; the next of a burst) in one hit, among the best
     * 4,096. */
    bool fold_duplicates;
    bool skip_missing; /* passes over photos whose files are gone, at most 65,536 */
    bool explain;      /* ranks by either score alone: another pass over all rows */
} cir_search_request;

/* With the method that searches have by default (CIR_METHOD_DEFAULT). */
CIR_API void cir_search_request_init(cir_search_request *request, size_t size);

/* Which part of a request is wrong: for who says "--text" or "image" with the message. */
typedef enum cir_request_fault {
    CIR_REQUEST_FAULT_NONE,
    CIR_REQUEST_FAULT_QUERY,  /* neither a photo nor words, or more than one photo */
    CIR_REQUEST_FAULT_PHOTO,  /* the method needs one */
    CIR_REQUEST_FAULT_WORDS,  /* the method needs them */
    CIR_REQUEST_FAULT_REGION, /* not within the picture, or there is no picture that it is of */
    CIR_REQUEST_FAULT_OTHER
} cir_request_fault;

/* Checks a request as a search does at first, whatever the collection. *fault_out may be NULL. Errors:
 * CIR_ARGUMENT, CIR_UNSUPPORTED (a member of a newer version). */
CIR_MUST_CHECK CIR_API cir_status cir_search_request_check(const cir_search_request *request,
                                                           cir_request_fault *fault_out, cir_error *err);

/* ---- collections ---- */

typedef struct cir_collection cir_collection;

/* Opens an index and the model that made its features: the model at hand, where options name one, else that
 * of the index' first features, found where it lay then. options: may be NULL. Close with
 * cir_collection_close. Errors: those of cir_index_open and of cir_model_open, CIR_MISMATCH (that
 * model never encoded these photos; or the features are synthetic), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_open(const char *path, const cir_collection_options *options,
                                                      cir_collection **collection_out, cir_error *err);

/* The same path's index as it is now, with the same model, pool and words' features: after an update. Both
 * collections live on. Errors: those of cir_index_open. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_reopen(cir_collection *collection,
                                                        cir_collection **collection_out, cir_error *err);

/* No call may be using it, and its answers have to be freed. NULL is allowed. */
CIR_API void cir_collection_close(cir_collection *collection);

/* What a collection consists of. Filled by the library; later versions may add members at the end. */
typedef struct cir_collection_info {
    const cir_index *index;
    const cir_model *model;
    cir_pool *pool;
    double open_index_ms, open_model_ms; /* the time that opening took */
} cir_collection_info;
CIR_API const cir_collection_info *
cir_collection_get_info(const cir_collection *collection); /* as long as it */

/* Makes a method ready, so that the first search with it need not. settings: NULL: the method's. Errors:
 * those of cir_composer_new. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_prepare(cir_collection *collection, cir_method method,
                                                         const cir_settings *settings, cir_error *err);

/* ---- searching ---- */

typedef struct cir_answer cir_answer;

/* Free *answer_out with cir_answer_free, before the collection is closed. Errors: those of
 * cir_search_request_check, cir_image_read, cir_index_read_photo (a part of an indexed photo),
 * cir_index_get_record, cir_composer_new, cir_composer_compose and cir_search_find. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_search(cir_collection *collection,
                                                        const cir_search_request *request,
                                                        cir_answer **answer_out, cir_error *err);
CIR_API void cir_answer_free(cir_answer *answer); /* NULL is allowed */

/* One hit. Filled by the library; later versions may add members at the end. */
typedef struct cir_answer_hit {
    size_t rank; /* among all, from 1 */
    size_t id;
    const char *path; /* record->path */
    const cir_image_record *record;
    float score;                   /* fused */
    float image_score, text_score; /* what was fused; see cir_answer_info.has_image_score */
    size_t image_rank, text_rank;  /* by that alone among all that match, from 1; 0 unless explained */
    const size_t *duplicates;      /* [n_duplicates] ids that were folded into this hit, best first */
    size_t n_duplicates;
} cir_answer_hit;

CIR_API size_t cir_answer_get_n_hits(const cir_answer *answer); /* 0 for NULL */
/* The best first; i < n_hits. Lives as long as the answer. */
CIR_API const cir_answer_hit *cir_answer_get_hit(const cir_answer *answer, size_t i);

/* How the answer came about. Filled by the library; later versions may add members at the end. */
typedef struct cir_answer_info {
    cir_method method;
    const cir_settings *settings; /* in force, the minima and where they come from filled in */
    const cir_query *query;       /* what rows were scored by; its fusion names the scores */
    bool has_image_score, has_text_score, has_ranks;
    size_t n_images;                      /* that can be searched */
    size_t n_matching;                    /* of them, that pass the filter */
    size_t n_missing;                     /* photos passed over as their files are gone */
    size_t n_cut;                         /* texts that were longer than the model reads */
    const cir_image_record *image_record; /* of an indexed photo that was searched for; else NULL */
    const float *image_feature; /* [dim], to be given again instead of the picture; NULL: no photo */
    const cir_search_report *report;
    double image_ms;   /* decoding and encoding the photo */
    double prepare_ms; /* making the method ready, next to nothing where it was */
    double text_ms;    /* encoding the words */
    double compose_ms;
    double search_ms;
    double look_up_ms; /* records, folding, ranks */
    double total_ms;
} cir_answer_info;
CIR_API const cir_answer_info *
cir_answer_get_info(const cir_answer *answer); /* lives as long as the answer */

/* Both scores of every row, [n_rows] each, before clamping; NaN for rows that do not match. Errors: those of
 * cir_search_scores. */
CIR_MUST_CHECK CIR_API cir_status cir_answer_get_scores(const cir_answer *answer, float *image_scores_out,
                                                        float *text_scores_out, cir_error *err);

/* ---- what there is ----
 *
 * The catalogue is read into memory by the first of these calls, and by the first search with a filter. */

/* Reads it now. Errors: those of cir_index_list_all_images. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_load_catalogue(cir_collection *collection, cir_error *err);

/* Photos that pass a filter, which may be NULL, newest first; those without a time of their own go by their
 * file's. ids_out: [limit], of those from offset on; *n_out of them; *n_matching_out, which may be NULL: of
 * all that pass. Errors: those of cir_index_list_all_images, CIR_UNSUPPORTED. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_list(cir_collection *collection,
                                                      const cir_photo_filter *filter, size_t offset,
                                                      size_t limit, size_t *ids_out, size_t *n_out,
                                                      size_t *n_matching_out, cir_error *err);

/* What photos are counted by. */
typedef enum cir_facet {
    CIR_FACET_FOLDER, /* the one that holds the photo, sorted; also such whose photos are gone, with 0 */
    CIR_FACET_YEAR,   /* it was taken in, ascending */
    CIR_FACET_CAMERA  /* those that were told by cir_collection_set_camera, in that order */
} cir_facet;

/* Calls visit with every value and how many searchable photos have it; NULL at last: those whose value is not
 * known, where there are any. Errors: those of cir_index_list_all_images, CIR_NO_MEMORY. */
typedef void cir_facet_visit_fn(void *context, const char *value, size_t n);
CIR_MUST_CHECK CIR_API cir_status cir_collection_count(cir_collection *collection, cir_facet facet,
                                                       cir_facet_visit_fn *visit, void *context,
                                                       cir_error *err);

/* How the index' paths begin that lie in a folder given as the user names it, for cir_photo_filter.folder:
 * free *folder_out with cir_bytes_free. Errors: CIR_NOT_FOUND (none does), CIR_NO_MEMORY, those of
 * cir_index_list_all_images. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_find_folder(cir_collection *collection, const char *path,
                                                             char **folder_out, cir_error *err);

/* What the catalogue said of a photo's file. Filled by the library; frozen. */
typedef struct cir_photo_facts {
    int64_t taken_at; /* INT64_MIN: not known */
    int64_t modified_ns;
    uint64_t size_bytes;
} cir_photo_facts;

/* Of any row, ready or not. Errors: CIR_NOT_FOUND (no such id), those of cir_index_list_all_images. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_get_facts(cir_collection *collection, size_t id,
                                                           cir_photo_facts *facts_out, cir_error *err);

/* The catalogue does not say which camera took a photo: who looked into its file (cir_image_read_facts) tells
 * it here, for filters, counts and cir_collection_get_camera. name: copied; "" or NULL: not known. At most
 * 10,000 cameras; more stay not known. Errors: CIR_NOT_FOUND, CIR_NO_MEMORY, those of
 * cir_index_list_all_images. */
CIR_MUST_CHECK CIR_API cir_status cir_collection_set_camera(cir_collection *collection, size_t id,
                                                            const char *name, cir_error *err);
/* NULL: not known, or not told as yet. Lives as long as the collection. */
CIR_API const char *cir_collection_get_camera(const cir_collection *collection, size_t id);

#ifdef __cplusplus
}
#endif

#endif
