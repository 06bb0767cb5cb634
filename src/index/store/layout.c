#include "index/store/layout.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "format/npy.h"
#include "index/store/catalogue.h"
#include "index/store/lock.h"
#include "index/store/vectors.h"

typedef struct contents {
    size_t n_foreign;
    bool has_catalogue;
} contents;

static void visit_content(void *context, const cir__folder *folder, const char *name,
                          const struct stat *facts)
{
    (void)folder;
    contents *self = context;
    if (strcmp(name, CIR__CATALOGUE_NAME) == 0)
        self->has_catalogue = !S_ISDIR(facts->st_mode);
    else if (strcmp(name, CIR__LOCK_NAME) != 0)
        self->n_foreign++;
}

cir_status cir__layout_make(const char *path, cir_error *err)
{
    if (mkdir(path, 0777) == 0)
        return cir__folder_sync(path, err);
    if (errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: cannot be created: its folder is missing; create it first",
                         path);
    if (errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be created", path);
    struct stat facts;
    if (stat(path, &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", path);
    contents self = {0};
    cir__folder *folder;
    if (!S_ISDIR(facts.st_mode))
        return cir__fail(err, CIR_FORMAT, "%s: is a file, not an index; choose another name with -o", path);
    cir_status status = cir__folder_open(path, &folder, err);
    if (status != CIR_OK)
        return status;
    if (!cir__folder_list(folder, visit_content, &self))
        status = cir__fail_errno(err, errno, "%s: cannot be listed", path);
    cir__folder_close(folder);
    if (status != CIR_OK)
        return status;
    if (!self.has_catalogue && self.n_foreign > 0)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: is a folder that holds something else, not an index; choose another name with -o", path);
    return CIR_OK;
}

cir_status cir__layout_open_features(const cir__place *place, cir__folder **folder_out, cir_error *err)
{
    return cir__folder_open_in(place->folder, CIR__FEATURES_NAME, false, folder_out, err);
}

cir_status cir__layout_open_model(const cir__place *place, const char *key, bool makes,
                                  cir__folder **folder_out, cir_error *err)
{
    *folder_out = NULL;
    cir__folder *features;
    cir_status status = cir__folder_open_in(place->folder, CIR__FEATURES_NAME, makes, &features, err);
    if (status == CIR_OK)
        status = cir__folder_open_in(features, key, makes, folder_out, err);
    cir__folder_close(features);
    return status;
}

static void visit_remains(void *context, const cir__folder *folder, const char *name,
                          const struct stat *facts)
{
    (void)folder;
    bool *is_empty = context;
    if (!S_ISREG(facts->st_mode) || strcmp(name, CIR__VECTORS_NAME) != 0 ||
        facts->st_size > CIR__NPY_HEADER_SIZE)
        *is_empty = false;
}

bool cir__layout_remove_empty_model(const cir__folder *features, const char *key)
{
    bool is_empty = true;
    cir__folder *folder;
    if (cir__folder_open_in(features, key, false, &folder, NULL) != CIR_OK)
        return false;
    is_empty = cir__folder_list(folder, visit_remains, &is_empty) && is_empty &&
               cir__folder_remove(folder, CIR__VECTORS_NAME);
    cir__folder_close(folder);
    return is_empty && cir__folder_remove_folder(features, key);
}

typedef struct sum {
    uint64_t size_bytes;
    int depth;
} sum;

static void visit_size(void *context, const cir__folder *folder, const char *name, const struct stat *facts)
{
    sum *self = context;
    cir__folder *below;
    if (!S_ISDIR(facts->st_mode)) {
        self->size_bytes += (uint64_t)facts->st_size;
    } else if (self->depth < 4 && /* an index has two levels; whatever else lies there must not trap us */
               cir__folder_open_in(folder, name, false, &below, NULL) == CIR_OK) {
        self->depth++;
        (void)cir__folder_list(below, visit_size, context);
        self->depth--;
        cir__folder_close(below);
    }
}

uint64_t cir__layout_size(const cir__place *place)
{
    sum self = {0};
    (void)cir__folder_list(place->folder, visit_size, &self);
    return self.size_bytes;
}
