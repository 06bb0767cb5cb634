#include "index/store/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* The length of path without slashes at its end; at least 1 for "/". */
static size_t trimmed_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

static char *copy_bytes(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

/* The folder part of a path, as text: "a/b" → "a", "b" → ".", "/b" → "/". */
static char *folder_of(const char *path)
{
    size_t length = trimmed_length(path);
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return cir__copy_text(".");
    while (length > 1 && path[length - 1] == '/')
        length--;
    return copy_bytes(path, length);
}

cir_status cir__place_init(cir__place *place, const char *index_path, cir_error *err)
{
    *place = (cir__place){0};
    cir_status status = CIR_OK;
    char *folder = NULL;
    char *real_folder = NULL;
    char *real = realpath(index_path, NULL);
    if (real == NULL) {
        status = cir__fail_errno(err, errno, "%s: cannot be opened", index_path);
        goto done;
    }
    status = cir__folder_open(index_path, &place->folder, err);
    if (status == CIR_FORMAT)
        cir__fail(err, status,
                  "%s: is not an index: it is not a folder; make one with: cir index FOLDER -o NAME.cir",
                  index_path);
    if (status != CIR_OK)
        goto done;
    place->index = copy_bytes(index_path, trimmed_length(index_path));
    place->base = folder_of(real);
    folder = folder_of(index_path);
    if (place->index == NULL || place->base == NULL || folder == NULL) {
        status = cir__fail_memory(err, index_path);
        goto done;
    }
    /* Shown as the user names the folder, unless the index is a link, or "..", and really lies elsewhere. */
    real_folder = realpath(folder, NULL);
    bool is_plain = real_folder != NULL && strcmp(real_folder, place->base) == 0;
    const char *shown = is_plain ? folder : place->base;
    place->shown = is_plain && strcmp(folder, ".") == 0 ? cir__copy_text("") : cir__path_join(shown, "");
    if (place->shown == NULL)
        status = cir__fail_memory(err, index_path);
done:
    if (status != CIR_OK)
        cir__place_done(place);
    free(real_folder);
    free(folder);
    free(real);
    return status;
}

void cir__place_done(cir__place *place)
{
    cir__folder_close(place->folder);
    free(place->index);
    free(place->base);
    free(place->shown);
    *place = (cir__place){0};
}

bool cir__place_is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    if (length == 1) /* "/" */
        return true;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

const char *cir__place_stored(const cir__place *place, const char *absolute)
{
    if (!cir__place_is_below(absolute, place->base))
        return absolute;
    const char *rest = absolute + strlen(place->base);
    return *rest == '/' ? rest + 1 : rest;
}

static char *join_stored(const char *before, const char *stored, size_t size)
{
    size_t n_before = size > 0 && stored[0] == '/' ? 0 : strlen(before);
    char *path = malloc(n_before + size + 1);
    if (path == NULL)
        return NULL;
    memcpy(path, before, n_before);
    memcpy(path + n_before, stored, size);
    path[n_before + size] = '\0';
    return path;
}

char *cir__place_opened(const cir__place *place, const char *stored, size_t size)
{
    return join_stored(place->shown, stored, size);
}

char *cir__place_absolute(const cir__place *place, const char *stored, size_t size)
{
    char *before = cir__path_join(place->base, "");
    if (before == NULL)
        return NULL;
    char *path = join_stored(before, stored, size);
    free(before);
    return path;
}

cir_status cir__place_resolve(const char *path, char **absolute_out, cir_error *err)
{
    *absolute_out = NULL;
    struct stat facts;
    if (stat(path, &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", path);
    if (S_ISDIR(facts.st_mode)) {
        *absolute_out = realpath(path, NULL);
        return *absolute_out != NULL ? CIR_OK : cir__fail_errno(err, errno, "%s: cannot be opened", path);
    }
    char *folder = folder_of(path);
    char *real = folder != NULL ? realpath(folder, NULL) : NULL;
    int why = errno;
    free(folder);
    if (real == NULL)
        return cir__fail_errno(err, why, "%s: its folder cannot be opened", path);
    const char *slash = strrchr(path, '/');
    *absolute_out = cir__path_join(real, slash != NULL ? slash + 1 : path);
    free(real);
    return *absolute_out != NULL ? CIR_OK : cir__fail_memory(err, path);
}

char *cir__place_tidy(const char *path)
{
    char *full = NULL;
    if (path[0] == '/') {
        full = cir__copy_text(path);
    } else {
        char *here = getcwd(NULL, 0);
        full = here != NULL ? cir__path_join(here, path) : NULL;
        free(here);
    }
    if (full == NULL)
        return NULL;
    /* In place: the tidy path never overtakes what is still to be read. */
    size_t at = 0;
    const char *next = full;
    while (*next != '\0') {
        while (*next == '/')
            next++;
        size_t length = strcspn(next, "/");
        if (length == 2 && next[0] == '.' && next[1] == '.') {
            while (at > 0 && full[--at] != '/')
                ;
        } else if (length > 0 && !(length == 1 && next[0] == '.')) {
            full[at++] = '/';
            memmove(full + at, next, length);
            at += length;
        }
        next += length;
    }
    if (at == 0)
        full[at++] = '/';
    full[at] = '\0';
    return full;
}
