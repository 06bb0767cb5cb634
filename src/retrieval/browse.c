/* What there is in a collection: filters, lists, counts. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "retrieval/collection_internal.h"
#include "retrieval/photo_filter.h"

void cir__mask_free(void *mask)
{
    if (mask != NULL)
        free(((cir__mask *)mask)->ready);
    free(mask);
}

static cir_status load(cir_collection *self, cir__columns **columns_out, cir_error *err)
{
    cir_status status = CIR_OK;

    *columns_out = atomic_load(&self->columns);
    if (*columns_out != NULL)
        return CIR_OK;
    pthread_mutex_lock(&self->loading);
    *columns_out = atomic_load(&self->columns); /* read while this thread waited? */
    if (*columns_out == NULL) {
        status = cir__columns_new(self->index, columns_out, err);
        atomic_store(&self->columns, *columns_out);
    }
    pthread_mutex_unlock(&self->loading);
    return status;
}

cir_status cir_collection_load_catalogue(cir_collection *self, cir_error *err)
{
    cir__columns *columns;
    cir__error_clear(err);
    return load(self, &columns, err);
}

static cir_status make_mask(cir_collection *self, const cir_photo_filter *filter, cir__mask **mask_out,
                            cir_error *err)
{
    cir__columns *columns;
    cir_status status = load(self, &columns, err);
    cir__mask *mask = cir__new(1, sizeof *mask);

    if (mask != NULL)
        mask->ready = cir__new(cir_index_get_info(self->index)->n_rows, 1);
    if (status == CIR_OK && (mask == NULL || mask->ready == NULL))
        status = cir__fail_memory(err, "a filter");
    if (status == CIR_OK)
        status = cir__columns_mask(columns, filter, mask->ready, &mask->n_matching, err);
    if (status != CIR_OK) {
        cir__mask_free(mask);
        mask = NULL;
    }
    *mask_out = mask;
    return status;
}

cir_status cir__collection_lend_mask(cir_collection *self, const cir_photo_filter *filter,
                                     cir__lru_item **item_out, cir_error *err)
{
    cir__mask *mask;
    char *key = cir__photo_filter_key(filter);

    *item_out = NULL;
    if (key == NULL)
        return cir__fail_memory(err, "a filter");
    /* Cameras may still be told: such a mask is made each time. */
    if (filter->camera == NULL)
        *item_out = cir__lru_find(&self->masks, key);
    if (*item_out != NULL) {
        free(key);
        return CIR_OK;
    }
    const cir_status status = make_mask(self, filter, &mask, err);
    if (status != CIR_OK) {
        free(key);
        return status;
    }
    *item_out = cir__lru_put(&self->masks, key, mask, filter->camera == NULL);
    return *item_out != NULL ? CIR_OK : cir__fail_memory(err, "a filter");
}

void cir__collection_return_mask(cir_collection *self, cir__lru_item *item)
{
    cir__lru_return(&self->masks, item);
}

cir_status cir_collection_list(cir_collection *self, const cir_photo_filter *filter, size_t offset,
                               size_t limit, size_t *ids_out, size_t *n_out, size_t *n_matching_out,
                               cir_error *err)
{
    cir__columns *columns;
    cir_photo_filter own;
    cir__lru_item *item = NULL;
    size_t n;

    cir__error_clear(err);
    *n_out = 0;
    cir_status status = load(self, &columns, err);
    if (status == CIR_OK)
        status = cir__photo_filter_read(filter, &own, err);
    if (status == CIR_OK)
        status = cir__collection_lend_mask(self, &own, &item, err);
    if (status != CIR_OK)
        return status;
    const cir__mask *mask = item->value;
    const uint32_t *newest = cir__columns_newest(columns, &n);
    for (size_t i = 0; i < n && *n_out < limit; i++) {
        if (!mask->ready[newest[i]])
            continue;
        if (offset > 0)
            offset--;
        else
            ids_out[(*n_out)++] = newest[i];
    }
    if (n_matching_out != NULL)
        *n_matching_out = mask->n_matching;
    cir__collection_return_mask(self, item);
    return CIR_OK;
}

cir_status cir_collection_count(cir_collection *self, cir_facet facet, cir_facet_visit_fn *visit,
                                void *context, cir_error *err)
{
    cir__columns *columns;
    cir__error_clear(err);
    const cir_status status = load(self, &columns, err);
    return status == CIR_OK ? cir__columns_count(columns, facet, visit, context, err) : status;
}

typedef struct folder_finding {
    const char *given, *real; /* real: without links; NULL: it is not there */
    char *found;
    bool is_short; /* of memory */
} folder_finding;

/* How the index names the folder that is meant, by one of its own that is it or lies below it: that without what lies
 * between. NULL: it is elsewhere. */
static char *name_folder(const folder_finding *self, const char *folder, bool *is_short_out)
{
    const size_t size = strlen(folder);
    char *real = self->real != NULL ? realpath(size > 0 ? folder : ".", NULL) : NULL;
    char *name = NULL;
    bool is_inside;

    if (self->real == NULL) { /* it is not there: as its name stands */
        is_inside = cir_folder_holds(self->given, folder);
        name = is_inside ? cir__copy_text(self->given) : NULL;
    } else {
        const char *below =
            real != NULL && cir_folder_holds(self->real, real) ? real + strlen(self->real) : NULL;
        const size_t n_below = below != NULL ? strlen(below) : 0;
        is_inside = below != NULL && n_below <= size && strcmp(folder + size - n_below, below) == 0;
        name = is_inside ? strndup(folder, size - n_below) : NULL;
    }
    *is_short_out = is_inside && name == NULL;
    free(real);
    return name;
}

static void find_folder(void *context, const char *folder, size_t n_photos)
{
    folder_finding *self = context;
    (void)n_photos;
    if (folder != NULL && self->found == NULL && !self->is_short)
        self->found = name_folder(self, folder, &self->is_short);
}

cir_status cir_collection_find_folder(cir_collection *self, const char *path, char **folder_out,
                                      cir_error *err)
{
    char *real = realpath(path, NULL);
    folder_finding finding = {.given = path, .real = real};

    cir__error_clear(err);
    const cir_status status = cir_collection_count(self, CIR_FACET_FOLDER, find_folder, &finding, err);
    free(real);
    *folder_out = finding.found;
    if (status != CIR_OK)
        return status;
    if (finding.is_short)
        return cir__fail_memory(err, "a filter");
    return finding.found != NULL
               ? CIR_OK
               : cir__fail(err, CIR_NOT_FOUND, "%s: no photo of %s lies there", path, self->common->path);
}

cir_status cir_collection_get_facts(cir_collection *self, size_t id, cir_photo_facts *facts_out,
                                    cir_error *err)
{
    cir__columns *columns;
    cir__error_clear(err);
    *facts_out = (cir_photo_facts){.taken_at = INT64_MIN};
    const cir_status status = load(self, &columns, err);
    return status == CIR_OK ? cir__columns_get_facts(columns, id, facts_out, err) : status;
}

cir_status cir_collection_set_camera(cir_collection *self, size_t id, const char *name, cir_error *err)
{
    cir__columns *columns;
    cir__error_clear(err);
    const cir_status status = load(self, &columns, err);
    return status == CIR_OK ? cir__columns_set_camera(columns, id, name, err) : status;
}

const char *cir_collection_get_camera(const cir_collection *self, size_t id)
{
    cir__columns *columns = atomic_load(&self->columns);
    return columns != NULL ? cir__columns_get_camera(columns, id) : NULL;
}
