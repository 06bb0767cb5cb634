/* The picture files below paths, for programs that want them without an index. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/walk/walk.h"

typedef struct listing {
    char **files;
    size_t n;
    size_t capacity;
    cir_status status;
    cir_error *err;
} listing;

static bool visit(void *context, const cir__walk_entry *entry)
{
    listing *self = context;
    if (entry->errno_value != 0) {
        self->status = cir__fail_errno(self->err, entry->errno_value, "%s: cannot be read", entry->path);
        return false;
    }
    char *path = cir__copy_text(entry->path);
    if (path == NULL ||
        !cir__grow((void **)&self->files, &self->capacity, self->n + 1, sizeof *self->files)) {
        free(path);
        self->status = cir__fail_memory(self->err, "list of files");
        return false;
    }
    self->files[self->n++] = path;
    return true;
}

cir_status cir_image_list_files(const char *const *paths, size_t n_paths, char ***files_out, size_t *n_out,
                                cir_error *err)
{
    cir__error_clear(err);
    *files_out = NULL;
    *n_out = 0;
    for (size_t i = 0; i < n_paths; i++) {
        struct stat facts;
        if (stat(paths[i], &facts) != 0)
            return cir__fail_errno(err, errno, "%s: cannot be opened", paths[i]);
    }
    listing self = {.err = err};
    cir_status status = cir__walk_run(paths, n_paths, NULL, visit, &self, err);
    if (self.status != CIR_OK)
        status = self.status;
    if (status != CIR_OK) {
        cir_paths_free(self.files, self.n);
        return status;
    }
    *files_out = self.files;
    *n_out = self.n;
    return CIR_OK;
}

void cir_paths_free(char **files, size_t n)
{
    for (size_t i = 0; files != NULL && i < n; i++)
        free(files[i]);
    free(files);
}
