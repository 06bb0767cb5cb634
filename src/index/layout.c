#include "index/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "format/npy.h"
#include "index/catalogue.h"
#include "index/vectors.h"

#define LOCK_NAME "lock"
#define FEATURES_NAME "features"

typedef struct contents {
    size_t n_foreign;
    bool has_catalogue;
} contents;

static void visit_content(void *context, const char *path, const char *name, bool is_folder, uint64_t size)
{
    (void)path;
    (void)size;
    contents *self = context;
    if (strcmp(name, CIR__CATALOGUE_NAME) == 0)
        self->has_catalogue = !is_folder;
    else if (strcmp(name, LOCK_NAME) != 0)
        self->n_foreign++;
}

cir_status cir__layout_make(const char *path, cir_error *err)
{
    if (mkdir(path, 0777) == 0)
        return cir__folder_sync(path, err);
    if (errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: cannot be made: its folder is not there; make that first",
                         path);
    if (errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be made", path);
    struct stat facts;
    if (stat(path, &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", path);
    contents self = {0};
    if (!S_ISDIR(facts.st_mode))
        return cir__fail(err, CIR_FORMAT, "%s: is a file, not an index; choose another name with -o", path);
    if (!cir__layout_list(path, visit_content, &self))
        return cir__fail_errno(err, errno, "%s: cannot be listed", path);
    if (!self.has_catalogue && self.n_foreign > 0)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: is a folder that holds something else, not an index; choose another name with -o", path);
    return CIR_OK;
}

cir_status cir__layout_lock(const cir__place *place, int *fd_out, cir_error *err)
{
    *fd_out = -1;
    char *path = cir__place_join(place, LOCK_NAME);
    if (path == NULL)
        return cir__fail_memory(err, place->index);
    cir_status status = CIR_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        status = cir__fail_errno(err, errno, "%s: cannot be written", place->index);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status =
            errno == EWOULDBLOCK
                ? cir__fail(err, CIR_BUSY, "%s: another process is updating it; wait until that has ended",
                            place->index)
                : cir__fail_errno(err, errno, "%s: cannot be locked", place->index);
        close(fd);
        fd = -1;
    }
    *fd_out = fd;
    free(path);
    return status;
}

bool cir__layout_is_locked(const cir__place *place)
{
    char *path = cir__place_join(place, LOCK_NAME);
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0)
        return false;
    bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return is_locked;
}

char *cir__layout_features(const cir__place *place)
{
    return cir__place_join(place, FEATURES_NAME);
}

char *cir__layout_of_model(const cir__place *place, const char *key)
{
    char *features = cir__layout_features(place);
    char *path = features != NULL ? cir__path_join(features, key) : NULL;
    free(features);
    return path;
}

static cir_status make_durable(const char *path, cir_error *err)
{
    if (path == NULL)
        return cir__fail_memory(err, "folder of an index");
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be made", path);
    return cir__folder_sync(path, err);
}

cir_status cir__layout_make_model(const cir__place *place, const char *key, cir_error *err)
{
    char *features = cir__layout_features(place);
    char *folder = cir__layout_of_model(place, key);
    cir_status status = make_durable(features, err);
    if (status == CIR_OK)
        status = make_durable(folder, err);
    free(features);
    free(folder);
    return status;
}

static void visit_remains(void *context, const char *path, const char *name, bool is_folder, uint64_t size)
{
    (void)path;
    bool *is_empty = context;
    if (is_folder || strcmp(name, CIR__VECTORS_NAME) != 0 || size > CIR__NPY_HEADER_SIZE)
        *is_empty = false;
}

bool cir__layout_remove_empty_model(const char *path)
{
    bool is_empty = true;
    if (!cir__layout_list(path, visit_remains, &is_empty) || !is_empty)
        return false;
    char *file = cir__path_join(path, CIR__VECTORS_NAME);
    if (file != NULL)
        (void)unlink(file);
    free(file);
    return rmdir(path) == 0;
}

static int choose_all(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool cir__layout_list(const char *path, cir__layout_visit *visit, void *context)
{
    struct dirent **entries;
    int n = scandir(path, &entries, choose_all, compare_entries);
    if (n < 0)
        return false;
    bool is_fine = true;
    for (int i = 0; i < n; i++) {
        char *full = cir__path_join(path, entries[i]->d_name);
        struct stat facts;
        if (full == NULL)
            is_fine = false;
        else if (lstat(full, &facts) == 0)
            visit(context, full, entries[i]->d_name, S_ISDIR(facts.st_mode), (uint64_t)facts.st_size);
        free(full);
        free(entries[i]);
    }
    free(entries);
    return is_fine;
}

typedef struct sum {
    uint64_t size_bytes;
    int depth;
} sum;

static void visit_size(void *context, const char *path, const char *name, bool is_folder, uint64_t size_bytes)
{
    (void)name;
    sum *self = context;
    if (!is_folder) {
        self->size_bytes += size_bytes;
    } else if (self->depth < 4) { /* an index has two levels; whatever else lies there must not trap us */
        self->depth++;
        (void)cir__layout_list(path, visit_size, context);
        self->depth--;
    }
}

uint64_t cir__layout_size(const cir__place *place)
{
    sum self = {0};
    (void)cir__layout_list(place->index, visit_size, &self);
    return self.size_bytes;
}
