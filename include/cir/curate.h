/* Curation: evaluation sets of one's own, made as i-CIR was: instances, the changes that may be asked of
 * them, seeds; neighbours of the seeds in an index as candidates; people's judgements; and out of these,
 * queries, positives and hard negatives whose kinds are known.
 *
 * A project is a folder of its own, never part of an index: one index serves many. Pictures are known by
 * their bytes, so that a project survives moves, updates and replacements of the index. One process at a time
 * has a project open for writing; any number may read it. All functions may be called from several threads at
 * once, and what changes a project returns CIR_OK only after the disk has it.
 *
 * Errors of all that take an open project, beside those named: CIR_DAMAGED, CIR_FULL, CIR_IO, CIR_BUSY,
 * CIR_PERMISSION (also: open for reading), CIR_GONE, CIR_NO_MEMORY. */
#ifndef CIR_CURATE_H
#define CIR_CURATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/index.h"
#include "cir/method.h"
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

/* Makes a project: a folder that is not there, or empty. Errors: CIR_ARGUMENT (it holds something),
 * CIR_NOT_FOUND (the index, or the folder's parent), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_new(const char *path, const char *index_path, cir_error *err);

/* Opens one; close with cir_curation_close. Errors: CIR_NOT_FOUND, CIR_FORMAT (no project),
 * CIR_OTHER_VERSION, CIR_BUSY (another process has it open for writing), CIR_UNSUPPORTED (a file system
 * without locks), and those above. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_open(const char *path, bool writes,
                                                    cir_curation **curation_out, cir_error *err);
CIR_API void cir_curation_close(cir_curation *curation); /* NULL is allowed */
CIR_API const cir_curation_info *cir_curation_get_info(const cir_curation *curation);

/* Told of what is no error and should be looked at, a line for people. */
typedef void cir_curation_tell_fn(void *context, const char *line);

/* Where photos of seeds come from, and how they are read. Zeroed: ids of photos are refused. */
typedef struct cir_plan_options {
    const cir_index *index;         /* seeds may be ids of its photos; NULL: none */
    const cir_image_options *image; /* how pictures are decoded; may be NULL */
    cir_curation_tell_fn *tell;     /* may be NULL */
    void *context;
} cir_plan_options;

typedef struct cir_plan_report {
    size_t n_instances, n_changes, n_seeds; /* as they are now */
    size_t n_new, n_removed;                /* seeds */
} cir_plan_report;

/* Reads the whole plan: CSV with the header instance,role,change,value. Roles: name (needed), category, kind;
 * image (a file, or the id of an indexed photo); change (value: its textual category; at least one); and for
 * a change: rephrased, composed-image, composed-text (in place of the joined sentences, which are made by
 * themselves). What is not in it any more leaves the project, unless people have judged it. Files are
 * relative to the plan's folder, or to the project's, and are copied. Nothing is changed where there is an
 * error. Errors, with the plan's line: CIR_FORMAT (unknown roles, things given twice or missing),
 * CIR_ARGUMENT (wordings that give the answer away: a seed that is, or says, the text; judged things that are
 * missing), CIR_NOT_FOUND (pictures, ids), those of reading pictures. report_out: may be NULL. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_read_plan(cir_curation *curation, const char *path,
                                                         const cir_plan_options *options,
                                                         cir_plan_report *report_out, cir_error *err);

/* The plan as it is, in that form; joined sentences are left out. Free with cir_bytes_free. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_format_plan(cir_curation *curation, char **csv_out,
                                                           size_t *size_out, cir_error *err);

/* Where a picture came from, for one query: labels by source. A picture that only seeds of another change of
 * its instance found is "other". By how near to a positive it may be. */
typedef enum cir_source_type {
    CIR_SOURCE_OTHER,
    CIR_SOURCE_VISUAL,
    CIR_SOURCE_TEXTUAL,
    CIR_SOURCE_COMPOSED,
    CIR_N_SOURCE_TYPES
} cir_source_type;
CIR_API const char *cir_source_type_name(cir_source_type type); /* "visual"; static storage */

/* What mining does, one after the other; told of how far each is. false asks it to stop. */
typedef enum cir_mining_stage {
    CIR_MINING_ENCODES,
    CIR_MINING_SEARCHES,
    CIR_MINING_MEASURES,
    CIR_MINING_FILTERS
} cir_mining_stage;
typedef bool cir_mining_watch(void *context, cir_mining_stage stage, size_t n_done, size_t n_total);

/* Zeroed fields mean the defaults, but for index and model. */
typedef struct cir_mining_options {
    const cir_index *index; /* shows the model's features */
    const cir_model *model;
    cir_pool *pool;
    const char *const *instances; /* [n_instances] keys; NULL: all */
    size_t n_instances;
    size_t per_seed;     /* neighbours a seed; 0: a fiftieth of the index, 40 at least and 500 at most */
    bool goes_deeper;    /* twice as many as each seed has been searched for */
    size_t per_instance; /* pictures that people are to look at, beside those that they judged; 0: 4,000 */
    size_t min_side_px;  /* smaller pictures are dropped; 0: what the model sees */
    const cir_image_options *image; /* how pictures are decoded; may be NULL */
    cir_mining_watch *watch;        /* may be NULL */
    void *context;
} cir_mining_options;

typedef struct cir_mining_report {
    size_t n_searched;   /* seeds */
    size_t n_up_to_date; /* seeds that had been searched for so many in the index as it is */
    size_t n_new;        /* pictures that no seed had found before */
    size_t n_measured;   /* pictures that were decoded */
    size_t n_gone;       /* of those found: pictures whose files cannot be read, or have other bytes now */
    size_t n_seeds, n_small, n_copies; /* dropped: seeds and their copies, too small, copies of others */
    size_t n_linked;   /* pairs that are one picture edited, mirrored or turned: kept, side by side */
    size_t n_in_pools; /* of all instances mined */
} cir_mining_report;

/* Searches the index for neighbours of every seed, by the plain similarity of features, exactly: photos as
 * they are, and sentences as they are written. Says what each picture is by source, drops what cannot be used
 * (low resolution, seeds, copies), with the reason, and fills each instance's pool. Continues where it was
 * stopped, and does nothing twice. What other models found stays. report_out: may be NULL. Errors:
 * CIR_MISMATCH (the index shows another model's features), CIR_NOT_FOUND (an instance), CIR_ARGUMENT (there
 * is no plan), CIR_INTERRUPTED, those of reading pictures and of encoding. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_mine(cir_curation *curation, const cir_mining_options *options,
                                                    cir_mining_report *report_out, cir_error *err);

/* What people are asked of a picture: is it positive for this text (aspect "positive": yes, no, unsure,
 * skip)? Is it the same thing ("object": same, alike, other)? Does the text hold ("text": holds, nearly, no)?
 * Is it a query image ("query": yes, no)? And whether it leaves the set altogether ("remove": watermark,
 * person, low-quality, nonsense, other, or no), or is kept whatever filters say ("filter": keep, or no).
 * positive and text are of a change, the others of the picture in its instance. "clear" takes a word back. */
typedef enum cir_judged_object {
    CIR_OBJECT_UNSAID,
    CIR_OBJECT_SAME,
    CIR_OBJECT_ALIKE,
    CIR_OBJECT_OTHER
} cir_judged_object;
typedef enum cir_judged_text {
    CIR_TEXT_UNSAID,
    CIR_TEXT_HOLDS,
    CIR_TEXT_NEARLY,
    CIR_TEXT_NO
} cir_judged_text;

/* What object and text make of a picture for a query: the same thing and the text holds: positive; the same,
 * nearly, or alike and it holds or nearly does: composed; the same or alike without it: visual; another thing
 * for which it holds: textual; any other: plain. */
typedef enum cir_judged_type {
    CIR_JUDGED_UNKNOWN,
    CIR_JUDGED_PLAIN,
    CIR_JUDGED_VISUAL,
    CIR_JUDGED_TEXTUAL,
    CIR_JUDGED_COMPOSED,
    CIR_JUDGED_POSITIVE,
    CIR_N_JUDGED_TYPES
} cir_judged_type;
CIR_API const char *cir_judged_type_name(cir_judged_type type); /* "visual"; static storage */

#define CIR_UUID_SIZE 16

/* One word of one person about one picture. Strings are lent for the time of the call. */
typedef struct cir_judgement {
    uint8_t
        uuid[CIR_UUID_SIZE]; /* names it: given again, it is the same one; all zero: a random one is made */
    const char *instance;    /* a key */
    const char *change;      /* its text; NULL for aspects of the picture */
    int64_t picture;         /* as cir_curation_find_picture and tasks have it; 0: the one with this hash */
    uint8_t hash[16];        /* XXH3-128 of its bytes */
    const char *aspect, *value;
    const char *view; /* where it was said: "grid", "stream", "import"; NULL: "program" */
    uint32_t ms;      /* how long it took; 0: not known */
} cir_judgement;

/* A page of pictures that somebody looked at and confirmed: those not marked are no positives of any
 * change. */
typedef struct cir_judged_page {
    uint8_t uuid[CIR_UUID_SIZE];
    const char *instance;
    const int64_t *pictures; /* [n_pictures] the unmarked ones */
    size_t n_pictures;
    uint32_t ms;
} cir_judged_page;

/* Records a person's words, all or none of them; returns once they are on the disk. Calls of several threads
 * that come together are committed together. Nothing is ever overwritten: the last word counts, so that to
 * undo is to say what was said before, or "clear". person: a name; who is not known is added. page: may be
 * NULL. Errors: CIR_ARGUMENT (a value or an aspect that is none; the message names the judgement),
 * CIR_NOT_FOUND (an instance, change or picture). */
CIR_MUST_CHECK CIR_API cir_status cir_curation_judge(cir_curation *curation, const char *person,
                                                     const cir_judgement *judgements, size_t n,
                                                     const cir_judged_page *page, cir_error *err);

/* The picture of a file's bytes, or of what stood at a path when it was found: the path's end from a slash on
 * is enough, where only one picture has it. Errors: CIR_NOT_FOUND, CIR_ARGUMENT (several). */
CIR_MUST_CHECK CIR_API cir_status cir_curation_find_picture(cir_curation *curation, const char *path,
                                                            int64_t *picture_out, cir_error *err);

/* Reads judgements from a file: CSV with a header that names its columns, of instance, change, picture (a
 * path, as above, or "xxh3:" and 32 hexadecimal digits), aspect (default "positive"), value, person (default:
 * the given one). With skips_unknown, rows about pictures that no seed found are counted and passed over.
 * Without a change, positive and text are said of all changes; the picture "*" with the value no stands for
 * all of the instance's pool that is left: a page that was confirmed. Where a row is wrong nothing is
 * recorded; rows of one instance and person that follow each other are committed together. Errors:
 * CIR_FORMAT, and those of cir_curation_judge, with the line. */
typedef struct cir_judging_report {
    size_t n_judgements, n_unknown;
} cir_judging_report;
CIR_MUST_CHECK CIR_API cir_status cir_curation_judge_file(cir_curation *curation, const char *path,
                                                          const char *person, bool skips_unknown,
                                                          cir_judging_report *report_out, cir_error *err);

/* How far an instance is. Counts of pictures; negatives by source go by each query, and are summed over
 * changes. */
typedef struct cir_instance_status {
    const char *key, *name;
    size_t n_changes, n_seeds, n_found, n_in_pool, n_dropped, n_gone, n_flagged;
    size_t n_judged, n_positives, n_ambiguous, n_removed, n_query_images;
    size_t by_source[CIR_N_SOURCE_TYPES]; /* of the pool, the nearest to a positive over all changes */
    size_t negatives_by_source[CIR_N_SOURCE_TYPES]; /* judged no, by query text */
    size_t negatives_by_judged[CIR_N_JUDGED_TYPES]; /* the same by what people said they are */
} cir_instance_status;

/* Calls visit for every instance, in the plan's order; what it is given is lent until it returns. */
typedef void cir_instance_status_visit(void *context, const cir_instance_status *status);
CIR_MUST_CHECK CIR_API cir_status cir_curation_list_status(cir_curation *curation,
                                                           cir_instance_status_visit *visit, void *context,
                                                           cir_error *err);

/* i-CIR's layout cannot say that a picture is positive for two texts: one row would be a negative with the positive's own
 * score. What is done with such pictures: */
typedef enum cir_two_texts { CIR_TWO_TEXTS_REFUSE, CIR_TWO_TEXTS_DROP, CIR_TWO_TEXTS_FIRST } cir_two_texts;

/* How a set is written. Strings are lent. */
typedef struct cir_export_options {
    const cir_index *index; /* where the pictures are read */
    cir_pool *pool;
    const char *version;     /* "1.0.0" */
    const char *licence;     /* SPDX name or URL of the whole, for LICENSE and croissant.json */
    const char *creator;     /* who made it; may be NULL */
    const char *url;         /* where it is to be found; may be NULL */
    const char *description; /* may be NULL */
    cir_two_texts two_texts;
    const cir_image_options *image;                              /* how pictures are decoded; may be NULL */
    bool (*watch)(void *context, size_t n_done, size_t n_total); /* of pictures; false stops; may be NULL */
    void *context;
} cir_export_options;

typedef struct cir_export_report {
    size_t n_instances, n_queries, n_query_images, n_pictures, n_positives, n_negatives;
    size_t n_unseen;    /* left out: in a pool, and not looked at for every text */
    size_t n_two_texts; /* left out, or taken for the first text alone */
    size_t
        n_reencoded; /* pictures whose bytes had to be made anew: turned by their metadata, or of a rare kind */
    bool is_again;   /* a version that was exported before, and is the same */
} cir_export_report;

/* Writes the set in i-CIR's layout into a folder that is not there, or empty: database_files.csv, query_files.csv,
 * pictures without metadata, pictures.csv (source and judged type of every row), visual.csv, textual.csv (for cir eval
 * --categories), VERSION.txt, LICENSE, DATASHEET.md, croissant.json, checksums.sha256. It appears whole or not at all,
 * and is recorded in the project as a release: the same version again is the same bytes, or an error. Versions: a change
 * to what an existing instance has needs a new first number, new instances a new second one, all else a new third.
 * Seeds never leave. Errors: CIR_ARGUMENT (nothing to export, the version, pictures positive for two texts),
 * CIR_MISMATCH (a release of this version has other content), CIR_NOT_FOUND, CIR_INTERRUPTED, those of reading and
 * writing files. report_out: may be NULL. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_export(cir_curation *curation, const char *folder,
                                                      const cir_export_options *options,
                                                      cir_export_report *report_out, cir_error *err);

/* How hard a set is for a method: h of a negative for a query is the share of the query's positives that it outranks (half
 * a place where they score the same), and H the sum of h over a query's negatives: how many stand above a positive, on
 * average. Means over queries. */
typedef struct cir_difficulty {
    cir_method method;
    size_t n_queries;
    double mean_database; /* pictures that a query ranks */
    double mAP;           /* percent */
    double H, H_by_source[CIR_N_SOURCE_TYPES], H_by_judged[CIR_N_JUDGED_TYPES];
    double n_by_source[CIR_N_SOURCE_TYPES], n_by_judged[CIR_N_JUDGED_TYPES]; /* negatives */
    /* With the same positives among random photos of the index, the mAP falls to the set's at so many, between two sizes by
     * a line over the size's logarithm; is_beyond: not even among all n_pool. Positives, query images
     * and the same shots (cosine 0.97) are no distractors; others may be positives that nobody labelled, so that it is a lower bound. */
    double equivalent;
    bool is_beyond;
    size_t n_pool;
    double pool_mAP; /* among all of them, or where it fell below the set's; percent */
} cir_difficulty;

typedef struct cir_difficulty_options {
    const cir_index *index; /* shows the model's features */
    const cir_model *model;
    cir_pool *pool;
    cir_two_texts two_texts;
    bool finds_equivalent; /* one pass over the index for each query and method */
    uint64_t seed;         /* of the order of the distractors */
} cir_difficulty_options;

/* Measures the set as it would be exported, by each of methods [n_methods]; difficulties_out: [n_methods]. Errors:
 * CIR_ARGUMENT (no query), CIR_NOT_FOUND (the index lacks a picture of the set), those of composing. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_measure(cir_curation *curation,
                                                       const cir_difficulty_options *options,
                                                       const cir_method *methods, size_t n_methods,
                                                       cir_difficulty *difficulties_out, cir_error *err);

/* Audits: what is to be looked at before a set is given away. */
typedef enum cir_audit_level { CIR_AUDIT_INFO, CIR_AUDIT_WARNING, CIR_AUDIT_ERROR } cir_audit_level;
typedef struct cir_audit_finding {
    const char *rule; /* "A4" */
    cir_audit_level level;
    const char *subject;    /* "INSTANCE", "INSTANCE/TEXT", "INSTANCE/TEXT/QUERY" or a picture's path */
    const char *message;    /* for people */
    const char *waived_for; /* why somebody accepted it; NULL: nobody did */
} cir_audit_finding;
typedef void cir_audit_visit(void *context, const cir_audit_finding *finding);

typedef struct cir_audit_options {
    const cir_index *index; /* NULL: nothing by features and rankings */
    const cir_model *model; /* NULL: nothing by rankings */
    cir_pool *pool;
} cir_audit_options;

typedef struct cir_audit_counts {
    size_t n_errors, n_warnings, n_waived; /* the first two without what was waived */
} cir_audit_counts;

/* Calls tell for every finding; what it is given is lent until it returns. Findings are no error. A1: shortcuts; A2: texts
 * that are the thing's usual state; A3: negatives above the median positive by some method, which nobody looked at again;
 * A4: query images and seeds in databases; A6: texts that name the thing; A7: pictures positive for two texts; A8: too few
 * positives, negatives of a type, query images or people. Errors: those of cir_curation_measure. */
CIR_MUST_CHECK CIR_API cir_status cir_curation_audit(cir_curation *curation, const cir_audit_options *options,
                                                     cir_audit_visit *tell, void *context,
                                                     cir_audit_counts *counts_out, cir_error *err);

/* Accepts a finding, for a reason, which is published with the set. Errors: CIR_ARGUMENT (no reason). */
CIR_MUST_CHECK CIR_API cir_status cir_curation_waive(cir_curation *curation, const char *rule,
                                                     const char *subject, const char *person, const char *why,
                                                     cir_error *err);

#ifdef __cplusplus
}
#endif

#endif
