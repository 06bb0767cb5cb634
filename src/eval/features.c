/* A data set from features that somebody else computed: the folder of `cir eval --features`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/dataset.h"
#include "eval/lists.h"
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

/* Reads unit rows; order: [n_wanted] which row comes when, or NULL for the file's order. */
static cir_status file_read(source *from, const char *name, size_t n_wanted, const size_t *order,
                            float **rows_out, size_t *n_out)
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
    for (size_t r = 0; r < n; r++)
        cir__npy_copy_rows(&file.view, order == NULL ? r : order[r], 1, rows + r * dim);
    if (cir__rows_normalise(rows, n, dim, &bad_row) > 0) {
        bad_row = order == NULL ? bad_row : order[bad_row];
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

/* The same for a file that may be missing. */
static cir_status file_read_optional(source *from, const char *name, size_t n_wanted, const size_t *order,
                                     float **rows_out, size_t *n_out)
{
    char *path = cir__path_join(from->folder, name);
    *rows_out = NULL;
    *n_out = 0;
    if (path == NULL)
        return cir__fail_memory(from->err, name);
    const bool is_there = access(path, F_OK) == 0 || errno != ENOENT;
    free(path);
    return is_there ? file_read(from, name, n_wanted, order, rows_out, n_out) : CIR_OK;
}

static cir_status mean_read_optional(source *from, float **mean_out)
{
    char *path = cir__path_join(from->folder, "image_mean.npy");
    cir_status status = CIR_OK;

    if (path == NULL)
        return cir__fail_memory(from->err, "image_mean.npy");
    if (access(path, F_OK) == 0 || errno != ENOENT)
        status = cir__mean_read(path, from->dim, mean_out, from->err);
    free(path);
    return status;
}

/* Composed features have a space of their own if they come with their own database, else that of the images.
 */
static cir_status composed_read_optional(cir_dataset *dataset, const source *images, cir_error *err)
{
    source from = {.folder = images->folder, .dataset = dataset, .err = err};
    size_t n;
    cir_status status = file_read_optional(&from, "database_composed.npy", dataset->info.n_database,
                                           dataset->item_rows, &dataset->item_composed, &n);

    if (status != CIR_OK)
        return status;
    if (dataset->item_composed == NULL)
        from = *images;
    status = file_read_optional(&from, "query_composed.npy", dataset->info.n_queries, NULL,
                                &dataset->query_composed, &n);
    if (status == CIR_OK && dataset->query_composed == NULL && dataset->item_composed != NULL)
        return cir__fail(err, CIR_NOT_FOUND,
                         "%s: holds database_composed.npy without query_composed.npy; add the latter",
                         images->folder);
    dataset->composed_dim = from.dim;
    return status;
}

static cir_status read_all(cir_dataset *dataset, source *from)
{
    size_t n;
    cir_status status;

    if ((status = file_read(from, "database_image.npy", dataset->info.n_database, dataset->item_rows,
                            &dataset->item_features, &n)) != CIR_OK ||
        (!dataset->shares_images && (status = file_read(from, "query_image.npy", dataset->n_image_rows, NULL,
                                                        &dataset->query_image, &n)) != CIR_OK) ||
        (status = file_read(from, "query_text.npy", dataset->n_text_rows, NULL, &dataset->query_text, &n)) !=
            CIR_OK ||
        (status = file_read_optional(from, "query_text_context.npy", dataset->n_text_rows, NULL,
                                     &dataset->query_context, &n)) != CIR_OK ||
        (status = file_read_optional(from, "corpus_objects.npy", 0, NULL, &dataset->objects,
                                     &dataset->n_objects)) != CIR_OK ||
        (status = file_read_optional(from, "corpus_styles.npy", 0, NULL, &dataset->styles,
                                     &dataset->n_styles)) != CIR_OK ||
        (status = file_read_optional(from, "synthetic_image.npy", 0, NULL, &dataset->synthetic_image,
                                     &dataset->n_synthetic_image)) != CIR_OK ||
        (status = file_read_optional(from, "synthetic_text.npy", 0, NULL, &dataset->synthetic_text,
                                     &dataset->n_synthetic_text)) != CIR_OK ||
        (status = mean_read_optional(from, &dataset->image_mean)) != CIR_OK ||
        (status = composed_read_optional(dataset, from, from->err)) != CIR_OK)
        return status;
    if ((dataset->synthetic_image == NULL) != (dataset->synthetic_text == NULL))
        return cir__fail(
            from->err, CIR_NOT_FOUND,
            "%s: holds one of synthetic_image.npy and synthetic_text.npy; the minima need both or none",
            from->folder);
    dataset->info.dim = from->dim;
    return CIR_OK;
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

static cir_status open_features(const char *folder, const cir__lists *lists, cir_dataset **dataset_out,
                                cir_error *err)
{
    static const char *const all[] = {"query.csv",      "database.csv",       "query_image.npy",
                                      "query_text.npy", "database_image.npy", NULL};
    static const char *const tables[] = {"query_image.npy", "query_text.npy", "database_image.npy", NULL};
    source from = {.folder = folder, .err = err};
    cir_dataset *dataset = NULL;

    cir__error_clear(err);
    *dataset_out = NULL;
    cir_status status = cir__dataset_new(&dataset, err);
    if (status == CIR_OK && lists->queries_file != NULL)
        status = files_find(folder, all, err);
    if (status == CIR_OK)
        status = cir__lists_read(dataset, folder, lists, err);
    if (status == CIR_OK && lists->queries_file == NULL)
        status = files_find(folder, tables + dataset->shares_images, err);
    from.dataset = dataset;
    if (status == CIR_OK)
        status = read_all(dataset, &from);
    if (status == CIR_OK)
        *dataset_out = dataset;
    else
        cir_dataset_close(dataset);
    return status;
}

cir_status cir_dataset_open_features(const char *folder, cir_dataset **dataset_out, cir_error *err)
{
    const cir__lists lists = {.queries_file = "query.csv", .database_file = "database.csv"};
    return open_features(folder, &lists, dataset_out, err);
}

cir_status cir_dataset_open_domain_features(const char *folder, const char *benchmark,
                                            cir_dataset **dataset_out, cir_error *err)
{
    const cir__lists lists = {.domains = benchmark};
    return open_features(folder, &lists, dataset_out, err);
}

cir_status cir_dataset_open_triplet_features(const char *folder, const cir_triplets_options *options,
                                             cir_dataset **dataset_out, cir_error *err)
{
    const cir__lists lists = {.triplets = options};
    return open_features(folder, &lists, dataset_out, err);
}
