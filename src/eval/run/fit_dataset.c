#include "eval/run/fit_dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { KEY_SIZE = 96 };

static bool rows_read(void *context, const char *kind, const char *key, size_t n_wanted, float **rows_out,
                      size_t *n_out)
{
    const cir_dataset *const dataset = context;
    char name[KEY_SIZE];

    snprintf(name, sizeof name, "%s %s", kind, key);
    const float *const kept = cir__run_cache_find(dataset->run_cache, name, n_out);
    float *const copy = kept != NULL && (n_wanted == 0 || *n_out == n_wanted)
                            ? cir__new_unset(*n_out, dataset->info.dim * sizeof *copy)
                            : NULL;
    if (copy != NULL)
        memcpy(copy, kept, *n_out * dataset->info.dim * sizeof *copy);
    *rows_out = copy;
    return copy != NULL;
}

static void rows_write(void *context, const char *kind, const char *key, const float *rows, size_t n)
{
    const cir_dataset *const dataset = context;
    float *const copy = cir__new_unset(n, dataset->info.dim * sizeof *copy);
    char name[KEY_SIZE];

    if (copy == NULL)
        return; /* made again next time */
    memcpy(copy, rows, n * dataset->info.dim * sizeof *copy);
    snprintf(name, sizeof name, "%s %s", kind, key);
    if (cir__run_cache_put(dataset->run_cache, name, copy, n, NULL) != CIR_OK) {
        /* Made again next time. */
    }
}

static cir_rows gallery_get(const void *context, size_t gallery)
{
    return cir__dataset_get_rows(context, gallery);
}

/* Whether features that came without a model have what BASIC's settings need. */
static cir_status check_given(const cir_dataset *dataset, const cir_settings *settings, cir_error *err)
{
    const bool projects = settings->project || settings->project_text;
    const char *const off = settings->project_text ? " project_text=0" : "";
    const bool estimates = settings->normalise && settings->minima_source == CIR_MINIMA_ESTIMATED &&
                           !(settings->has_min_image && settings->has_min_text);

    if (settings->corpus_objects[0] != '\0' || settings->corpus_styles[0] != '\0')
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: a corpus file cannot be encoded, as its features come without a model; put "
                         "corpus_objects.npy and corpus_styles.npy into the folder",
                         dataset->name);
    if (dataset->objects == NULL && (settings->centre || projects))
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: corpus_objects.npy is missing, which centring and projecting need; add it or "
                         "set centre=0 project=0%s",
                         dataset->name, off);
    if (dataset->styles == NULL && projects)
        return cir__fail(
            err, CIR_ARGUMENT,
            "%s: corpus_styles.npy is missing, which projecting needs; add it or set project=0%s",
            dataset->name, off);
    if (dataset->objects == NULL && estimates)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: corpus_objects.npy is missing, which estimating the minima needs; add it, or "
                         "give min_image and min_text as numbers",
                         dataset->name);
    return CIR_OK;
}

cir_status cir__fit_source_of_dataset(const cir_dataset *dataset, cir_method method, cir_settings *settings,
                                      cir__fit_source *source_out, cir_error *err)
{
    const cir_method_info *const info = cir_method_get_info(method);
    const bool has_model = dataset->model != NULL;
    const bool is_composed = info->needs_composed && dataset->composed.rows.n_rows > 0;
    cir_status status = CIR_OK;

    *source_out = (cir__fit_source){.name = dataset->name,
                                    .model = dataset->model,
                                    .rows = is_composed ? dataset->composed.rows : dataset->images.rows,
                                    .n_galleries = dataset->info.n_instances,
                                    .get_gallery = gallery_get,
                                    .is_mean_of_galleries = !has_model,
                                    .objects = dataset->objects,
                                    .styles = dataset->styles,
                                    .n_objects = dataset->n_objects,
                                    .n_styles = dataset->n_styles,
                                    .image_mean = dataset->image_mean,
                                    .synthetic_image = dataset->synthetic_image,
                                    .synthetic_text = dataset->synthetic_text,
                                    .n_synthetic_image = dataset->n_synthetic_image,
                                    .n_synthetic_text = dataset->n_synthetic_text,
                                    .context = (void *)dataset,
                                    .read_rows = rows_read,
                                    .write_rows = rows_write};
    if (info->family == CIR_FAMILY_BASIC && !has_model) {
        status = check_given(dataset, settings, err);
        settings->contextualise = settings->contextualise && dataset->query_context != NULL;
    }
    return status;
}
