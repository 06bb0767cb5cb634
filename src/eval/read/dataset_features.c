/* A data set from features that somebody else computed: the folder of `cir eval --features`. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "eval/data/dataset.h"
#include "eval/read/lists.h"
#include "format/npy.h"
#include "linalg/rows.h"
#include "method/mean.h"

/* The folder being read. */
typedef struct source {
    const char *folder;
    const cir_dataset *dataset; /* its lists have been read */
    size_t dim;                 /* 0: not known yet; the first file decides */
    const char *first;          /* the name of that file */
    cir_error *err;
} source;

/* The list whose rows a features file has. */
static const char *list_of(const source *from, const char *name)
{
    if (strncmp(name, "query_text", 10) == 0)
        return from->dataset->text_list;
    return strncmp(name, "query", 5) == 0 ? from->dataset->query_list : from->dataset->database_list;
}

/* Whether a features file is there and is a table of the right shape; n_wanted 0: any number of rows. */
static cir_status file_open(source *from, const char *name, size_t n_wanted, char **path_out,
                            cir__npy_file *file_out)
{
    char *path = cir__path_join(from->folder, name);
    cir_status status;

    *path_out = path;
    if (path == NULL)
        return cir__fail_memory(from->err, name);
    status = cir__npy_open(path, file_out, from->err);
    if (status != CIR_OK)
        return status;
    const cir__npy_view *const view = &file_out->view;
    if (view->n_dims != 2 || view->row_items == 0)
        return cir__fail(from->err, CIR_SHAPE, "%s: has %zu dimensions, not 2; write one feature a row", path,
                         view->n_dims);
    if (from->dim != 0 && view->row_items != from->dim)
        return cir__fail(from->err, CIR_SHAPE,
                         "%s: features have dimension %zu, those of %s %zu; encode all with one model", path,
                         view->row_items, from->first, from->dim);
    if (n_wanted != 0 && view->n_rows != n_wanted)
        return cir__fail(from->err, CIR_SHAPE, "%s: has %zu rows, %s has %zu; write one feature for each row",
                         path, view->n_rows, list_of(from, name), n_wanted);
    if (from->dim == 0)
        from->first = name;
    from->dim = view->row_items;
    return CIR_OK;
}

/* Reads unit rows into memory. */
static cir_status file_read(source *from, const char *name, size_t n_wanted, float **rows_out, size_t *n_out)
{
    cir__npy_file file = {0};
    char *path = NULL;
    float *rows = NULL;
    size_t n_floats, bad_row = 0;

    *rows_out = NULL;
    cir_status status = file_open(from, name, n_wanted, &path, &file);
    if (status != CIR_OK)
        goto exit;
    const size_t n = file.view.n_rows, dim = file.view.row_items;
    if (cir__size_mul(n, dim, &n_floats))
        rows = cir__new_unset(n_floats, sizeof *rows);
    if (rows == NULL) {
        status = cir__fail_memory(from->err, path);
        goto exit;
    }
    cir__npy_copy_rows(&file.view, 0, n, rows);
    status = cir__mapped_check(file.mapping.data, from->err);
    if (status != CIR_OK)
        goto exit;
    if (cir__rows_normalise(rows, n, dim, &bad_row) > 0) {
        status = cir__fail(from->err, CIR_FORMAT,
                           "%s: row %zu has no direction (zero, or not a number); encode that item again",
                           path, bad_row);
        goto exit;
    }
    *rows_out = rows;
    *n_out = n;
    rows = NULL;
exit:
    free(rows);
    cir__npy_close(&file);
    free(path);
    return status;
}

/* Whether a file is there; one that cannot be looked at is, so that reading it says why. */
static cir_status file_find(const source *from, const char *name, bool *is_there_out)
{
    char *path = cir__path_join(from->folder, name);
    *is_there_out = false;
    if (path == NULL)
        return cir__fail_memory(from->err, name);
    *is_there_out = access(path, F_OK) == 0 || errno != ENOENT;
    free(path);
    return CIR_OK;
}

/* The same for a file that may be missing. */
static cir_status file_read_optional(source *from, const char *name, size_t n_wanted, float **rows_out,
                                     size_t *n_out)
{
    bool is_there;
    *rows_out = NULL;
    *n_out = 0;
    const cir_status status = file_find(from, name, &is_there);
    return status == CIR_OK && is_there ? file_read(from, name, n_wanted, rows_out, n_out) : status;
}

static cir_status mean_read_optional(source *from, float **mean_out)
{
    bool is_there;
    cir_status status = file_find(from, "image_mean.npy", &is_there);
    if (status != CIR_OK || !is_there)
        return status;
    char *path = cir__path_join(from->folder, "image_mean.npy");
    status = path != NULL ? cir__mean_read(path, from->dim, mean_out, from->err)
                          : cir__fail_memory(from->err, "image_mean.npy");
    free(path);
    return status;
}

/* Opens the features of a database. */
static cir_status gallery_open(source *from, const char *name, cir__gallery *gallery)
{
    cir__npy_file file = {0};
    char *path = NULL;
    cir_status status = file_open(from, name, 0, &path, &file);
    if (status == CIR_OK)
        status = cir__gallery_take(gallery, &file, path, from->err);
    cir__npy_close(&file);
    free(path);
    return status;
}

/* Puts measured features into the order of the items. */
static cir_status gallery_order(const source *from, const char *name, const cir_dataset *dataset,
                                cir_pool *pool, cir__gallery *gallery)
{
    char *path = cir__path_join(from->folder, name);
    cir_status status;
    if (path == NULL)
        status = cir__fail_memory(from->err, name);
    else if (gallery->rows.n_rows != dataset->info.n_database)
        status =
            cir__fail(from->err, CIR_SHAPE, "%s: has %zu rows, %s has %zu; write one feature for each row",
                      path, gallery->rows.n_rows, dataset->database_list, dataset->info.n_database);
    else
        status = cir__gallery_order(gallery, path, dataset->item_rows, pool, from->err);
    free(path);
    return status;
}

static void measure_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    cir__gallery_measure(context, i_task);
}

/* Composed features have a space of their own if they come with their own database, else that of the
 * images. */
static cir_status composed_read_optional(cir_dataset *dataset, const source *images, cir_pool *pool,
                                         cir_error *err)
{
    static const char name[] = "database_composed.npy";
    cir__gallery *const gallery = &dataset->composed;
    source from = {.folder = images->folder, .dataset = dataset, .err = err};
    bool is_there;
    size_t n;

    cir_status status = file_find(&from, name, &is_there);
    if (status == CIR_OK && is_there) {
        if ((status = gallery_open(&from, name, gallery)) != CIR_OK)
            return status;
        cir__pool_run(pool, cir__gallery_n_blocks(gallery), measure_task, gallery);
        status = gallery_order(&from, name, dataset, pool, gallery);
    } else {
        from = *images;
    }
    if (status != CIR_OK)
        return status;
    status = file_read_optional(&from, "query_composed.npy", dataset->info.n_queries,
                                &dataset->query_composed, &n);
    if (status == CIR_OK && dataset->query_composed == NULL && is_there)
        return cir__fail(err, CIR_NOT_FOUND,
                         "%s: holds database_composed.npy without query_composed.npy; add the latter",
                         images->folder);
    dataset->composed_dim = from.dim;
    return status;
}

/* Everything but the lists and the database's features. */
static cir_status rest_read(cir_dataset *dataset, source *from, cir_pool *pool)
{
    size_t n;
    cir_status status;

    if ((status = dataset->shares_images ? cir__dataset_copy_images(dataset, from->err)
                                         : file_read(from, "query_image.npy", dataset->n_image_rows,
                                                     &dataset->query_image, &n)) != CIR_OK ||
        (status = file_read(from, "query_text.npy", dataset->n_text_rows, &dataset->query_text, &n)) !=
            CIR_OK ||
        (status = file_read_optional(from, "query_text_context.npy", dataset->n_text_rows,
                                     &dataset->query_context, &n)) != CIR_OK ||
        (status = file_read_optional(from, "corpus_objects.npy", 0, &dataset->objects,
                                     &dataset->n_objects)) != CIR_OK ||
        (status = file_read_optional(from, "corpus_styles.npy", 0, &dataset->styles, &dataset->n_styles)) !=
            CIR_OK ||
        (status = file_read_optional(from, "synthetic_image.npy", 0, &dataset->synthetic_image,
                                     &dataset->n_synthetic_image)) != CIR_OK ||
        (status = file_read_optional(from, "synthetic_text.npy", 0, &dataset->synthetic_text,
                                     &dataset->n_synthetic_text)) != CIR_OK ||
        (status = mean_read_optional(from, &dataset->image_mean)) != CIR_OK ||
        (status = composed_read_optional(dataset, from, pool, from->err)) != CIR_OK)
        return status;
    if ((dataset->synthetic_image == NULL) != (dataset->synthetic_text == NULL))
        return cir__fail(
            from->err, CIR_NOT_FOUND,
            "%s: holds one of synthetic_image.npy and synthetic_text.npy; the minima need both or none",
            from->folder);
    dataset->info.dim = from->dim;
    return CIR_OK;
}

/* What is done side by side at first: reading the lists is one thread's work, measuring the features
 * anybody's. */
typedef struct opening {
    cir_dataset *dataset;
    const char *folder;
    const cir__lists *lists;
    cir_status lists_status;
    cir_error lists_error;
} opening;

static void opening_task(void *context, size_t i_task, size_t i_thread)
{
    opening *const self = context;

    (void)i_thread;
    if (i_task > 0)
        cir__gallery_measure(&self->dataset->images, i_task - 1);
    else
        self->lists_status = cir__lists_read(self->dataset, self->folder, self->lists, &self->lists_error);
}

/* Whether files are there: names, NULL at the end. Errors: CIR_NOT_FOUND, which lists all that are not. */
static cir_status files_find(const char *folder, const char *const *names, cir_error *err)
{
    char missing[256] = "";
    size_t n_missing = 0;

    for (; *names != NULL; names++) {
        char *const path = cir__path_join(folder, *names);
        if (path == NULL)
            return cir__fail_memory(err, *names);
        if (access(path, F_OK) != 0 && errno == ENOENT) {
            const size_t end = strlen(missing);
            snprintf(missing + end, sizeof missing - end, "%s%s", n_missing++ > 0 ? ", " : "", *names);
        }
        free(path);
    }
    return n_missing == 0 ? CIR_OK
                          : cir__fail(err, CIR_NOT_FOUND, "%s: %s %s not there; add %s", folder, missing,
                                      n_missing == 1 ? "is" : "are", n_missing == 1 ? "it" : "them");
}

static cir_status open_features(const char *folder, const cir__lists *lists, cir_pool *pool,
                                cir_dataset **dataset_out, cir_error *err)
{
    static const char *const all[] = {"query.csv",      "database.csv",       "query_image.npy",
                                      "query_text.npy", "database_image.npy", NULL};
    static const char *const tables[] = {"query_image.npy", "query_text.npy", "database_image.npy", NULL};
    source from = {.folder = folder, .err = err};
    cir_dataset *dataset = NULL;

    cir__error_clear(err);
    *dataset_out = NULL;
    cir_status status = cir__dataset_new(&dataset, err);
    if (status != CIR_OK)
        return status;
    opening self = {.dataset = dataset, .folder = folder, .lists = lists};
    const bool is_plain = lists->queries_file != NULL;
    dataset->has_equal_paths = is_plain; /* no picture is encoded, so none need be found twice */
    if (is_plain)
        status = files_find(folder, all, err);
    if (status == CIR_OK) {
        status = gallery_open(&from, "database_image.npy", &dataset->images);
        cir__pool_run(pool, status == CIR_OK ? 1 + cir__gallery_n_blocks(&dataset->images) : 1, opening_task,
                      &self);
    }
    if (self.lists_status != CIR_OK) { /* of two things wrong, the lists come first */
        status = self.lists_status;
        if (err != NULL)
            *err = self.lists_error;
    }
    if (self.lists_status == CIR_OK && !is_plain && (status == CIR_OK || status == CIR_NOT_FOUND))
        status = files_find(folder, tables + dataset->shares_images, err);
    from.dataset = dataset;
    if (status == CIR_OK)
        status = gallery_order(&from, "database_image.npy", dataset, pool, &dataset->images);
    if (status == CIR_OK)
        status = rest_read(dataset, &from, pool);
    if (status == CIR_OK)
        *dataset_out = dataset;
    else
        cir_dataset_close(dataset);
    return status;
}

cir_status cir_dataset_open_features(const char *folder, cir_pool *pool, cir_dataset **dataset_out,
                                     cir_error *err)
{
    const cir__lists lists = {.queries_file = "query.csv", .database_file = "database.csv"};
    return open_features(folder, &lists, pool, dataset_out, err);
}

cir_status cir_dataset_open_domain_features(const char *folder, const char *benchmark, cir_pool *pool,
                                            cir_dataset **dataset_out, cir_error *err)
{
    const cir__lists lists = {.domains = benchmark};
    return open_features(folder, &lists, pool, dataset_out, err);
}

cir_status cir_dataset_open_triplet_features(const char *folder, const cir_dataset_triplets_options *options,
                                             cir_pool *pool, cir_dataset **dataset_out, cir_error *err)
{
    const cir__lists lists = {.triplets = options};
    return open_features(folder, &lists, pool, dataset_out, err);
}
