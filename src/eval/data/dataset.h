/* A data set in memory: who asks for what, what there is, and all features. The two ways to make one
 * (features somebody else computed, images and a model) end here; runs read it. */
#ifndef CIR_EVAL_DATASET_H
#define CIR_EVAL_DATASET_H

#include "base/intern.h"
#include "cir/eval.h"
#include "eval/data/gallery.h"
#include "eval/data/run_cache.h"
#include "eval/data/triplets.h"

/* A query or a database row, as its line in the CSV says. Numbers of interned names. */
typedef struct cir__item {
    size_t path;
    size_t text;
    size_t instance; /* which gallery it belongs to: queries rank the rows of their own */
    size_t label;    /* a row is relevant to a query of its gallery where the labels are equal */
} cir__item;

/* A list of rows being read. items are to be freed. */
typedef struct cir__item_list {
    cir__item *items;
    size_t n;
    size_t capacity;
} cir__item_list;

typedef struct cir__shards cir__shards; /* shards.h */

#define CIR__MAX_REMARKS 6

struct cir_dataset {
    cir_dataset_info info;
    char *name;
    char *remarks[CIR__MAX_REMARKS]; /* [info.n_remarks], owned; remarks.h */
    cir__intern paths, texts, instances;
    bool has_equal_paths; /* lines with equal paths have different numbers of paths, which is quicker to
                           * read */
    size_t n_query_texts; /* texts below this number are those of queries */
    /* What messages say that rows of features belong to; static storage. */
    const char *query_list, *text_list, *database_list;

    cir__item *queries;   /* [n_queries] in the file's order */
    float *query_image;   /* [n_image_rows, dim] unit */
    float *query_text;    /* [n_text_rows, dim] unit */
    float *query_context; /* the same, contextualised by somebody else; NULL: none */
    size_t n_image_rows, n_text_rows;
    size_t *image_rows, *text_rows; /* [n_queries] which row is a query's; NULL: the one of its number */

    /* Sets of domains alone (domains.h); n_domains is 0 for others. A query's text row is its target. */
    size_t n_domains;
    cir__intern classes; /* numbered as label / n_domains; they are the instances of metrics, where there are
                            any */
    bool shares_images;  /* the queries' images are the database's, in its order: query_image is a copy */
    size_t *image_domains; /* [n_image_rows] the source domain of a query with that image */

    /* CIRR, CIRCO and FashionIQ alone; NULL for others. Instances are their galleries, a query's label is
     * what metrics go by, a number of classes, and tells nothing of relevance. */
    cir__triplets *triplets;
    const char *const *picture_folders; /* where pictures may lie below the folder, NULL at the end; NULL: as
                                           i-CIR's */

    cir__item *items;       /* [n_database] grouped by instance, and in the file's order within one */
    size_t *item_rows;      /* [n_database] their rows in the file */
    cir__gallery images;    /* [n_database, dim] in the same order */
    size_t *instance_begin; /* [instances.n + 1] an instance's items are those from [i] to [i + 1] */

    /* What a trained method computed, unit; NULL: not there. */
    size_t composed_dim;
    float *query_composed; /* [n_queries, composed_dim] */
    cir__gallery composed; /* [n_database, composed_dim] as images; none: those serve */

    /* What BASIC needs, where the data came with it; NULL: it did not. */
    float *objects, *styles; /* [n_objects, dim], [n_styles, dim] unit */
    size_t n_objects, n_styles;
    float *image_mean;                       /* [dim] */
    float *synthetic_image, *synthetic_text; /* [n_synthetic_image, dim], … unit; both or none */
    size_t n_synthetic_image, n_synthetic_text;

    cir__shards *shards; /* archives that hold the pictures; NULL: they are files */
    void (*free_shards)(cir__shards *shards);

    const cir_model *model;    /* that encoded it, lent; NULL for features of somebody else */
    cir__run_cache *run_cache; /* texts that runs have encoded with it */
    const cir_index *searched; /* whose rows images are, and that methods are fitted to; NULL: none */
};

/* Reads query and database lists (path,text,instance without a header), files of the folder whose names have
 * static storage, and fills in
 * name, names, queries, items, item_rows, instance_begin and the numbers of info. Errors: those of reading,
 * CIR_FORMAT with file and line. */
CIR_MUST_CHECK cir_status cir__dataset_read_lists(cir_dataset *dataset, const char *folder,
                                                  const char *queries_file, const char *database_file,
                                                  cir_error *err);

/* One row more, its label being its text. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__item_list_push(cir_dataset *dataset, cir__item_list *list, const char *path,
                                              const char *text, const char *instance, cir_error *err);

/* Makes lists the data set's: first the queries, whose items are taken over, then the database, which is
 * grouped by instance. Errors: CIR_NO_MEMORY. */
void cir__dataset_take_queries(cir_dataset *dataset, cir__item_list *queries);
CIR_MUST_CHECK cir_status cir__dataset_take_database(cir_dataset *dataset, const cir__item_list *database,
                                                     cir_error *err);

/* Gives the archives back, where there are any. */
void cir__dataset_close_shards(cir_dataset *dataset);

/* The rows that an instance's queries rank, lent: row i is item instance_begin[instance] + i. */
cir_rows cir__dataset_get_rows(const cir_dataset *dataset, size_t instance);

/* The same as the composed features see them. */
cir_rows cir__dataset_get_composed_rows(const cir_dataset *dataset, size_t instance);

/* Makes query_image a copy of the database's, for a set that shares them. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__dataset_copy_images(cir_dataset *dataset, cir_error *err);

/* A query's features [dim], lent; text: query_text, or another table of its shape. */
const float *cir__dataset_get_image(const cir_dataset *dataset, size_t query);
const float *cir__dataset_get_text(const cir_dataset *dataset, const float *text, size_t query);

/* The rows of its gallery that are relevant to a query, counted from the gallery's first, into rows_out [rows
 * of the gallery]; returns how many. */
size_t cir__dataset_find_relevant(const cir_dataset *dataset, size_t query, size_t *rows_out);

/* Whether an item of a query's gallery is relevant to it. */
bool cir__dataset_is_relevant(const cir_dataset *dataset, size_t query, size_t item);

/* The last part of a folder's path, "icir" of "/data/icir/", as the name of data set and info. Errors:
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__dataset_set_name(cir_dataset *dataset, const char *folder, cir_error *err);

/* Allocates a zeroed data set. Free with cir_dataset_close. */
CIR_MUST_CHECK cir_status cir__dataset_new(cir_dataset **dataset_out, cir_error *err);

#endif
