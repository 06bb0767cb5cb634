/* What the servers of CIRR and CIRCO take, as their sites describe it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "eval/data/dataset.h"
#include "shared/destination.h"

/* The names of rows, as texts or as the whole numbers that they are. */
static json_t *rows_json(const cir__triplets *triplets, const size_t *rows, size_t n, bool as_numbers)
{
    json_t *const list = json_array();

    for (size_t i = 0; i < n && rows[i] != SIZE_MAX; i++) {
        const char *const name = triplets->names.names[rows[i]];
        if (json_array_append_new(list, as_numbers ? json_integer(strtoll(name, NULL, 10))
                                                   : json_string(name)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Each query's rows, rows: [n_queries, n], into the document, which may be NULL and is given up. */
static cir_status write_rows(const cir__triplets *triplets, const size_t *rows, size_t n, json_t *document,
                             const char *folder, const char *name, const char *ending, cir_error *err)
{
    const bool as_numbers = triplets->set == &cir__circo;
    char *file = NULL, *path = NULL, *text = NULL;
    cir_status status = CIR_OK;

    for (size_t q = 0; q < triplets->n_queries && document != NULL; q++)
        if (json_object_set_new(document, triplets->keys.names[q],
                                rows_json(triplets, rows + q * n, n, as_numbers)) != 0) {
            json_decref(document);
            document = NULL;
        }
    if (document == NULL || (text = json_dumps(document, JSON_COMPACT)) == NULL ||
        asprintf(&file, "%s%s.json", name, ending) < 0 || (path = cir__path_join(folder, file)) == NULL)
        status = cir__fail_memory(err, "a submission");
    else
        status = cir__destination_write_bytes(path, "the submission", text, strlen(text), err);
    json_decref(document);
    free(text);
    free(file);
    free(path);
    return status;
}

cir_status cir_eval_write_submission(const cir_dataset *dataset, const cir_eval_result *result,
                                     const char *folder, const char *name, cir_error *err)
{
    const cir__triplets *const triplets = dataset->triplets;

    cir__error_clear(err);
    if (triplets == NULL || (triplets->set != &cir__cirr && triplets->set != &cir__circo))
        return cir__fail(err, CIR_ARGUMENT, "%s: no server takes submissions for it; cirr and circo have one",
                         dataset->name);
    if (*name == '\0' || strchr(name, '/') != NULL)
        return cir__fail(err, CIR_ARGUMENT, "\"%s\": is not a name of a file; give one without a slash",
                         name);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be created", folder);
    if (triplets->set == &cir__circo)
        return write_rows(triplets, result->best, CIR_N_BEST, json_object(), folder, name, "", err);
    const cir_status status = write_rows(triplets, result->best, CIR_N_BEST,
                                         json_pack("{s:s, s:s}", "version", "rc2", "metric", "recall"),
                                         folder, name, ".recall", err);
    if (status != CIR_OK)
        return status;
    return write_rows(triplets, result->best_members, CIR_N_BEST_MEMBERS,
                      json_pack("{s:s, s:s}", "version", "rc2", "metric", "recall_subset"), folder, name,
                      ".recall_subset", err);
}
