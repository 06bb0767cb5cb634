/* Where an index lies, and how its catalogue writes the paths of photos.
 *
 * A photo below the folder that holds the index is stored relative to that folder, so that both can be moved
 * together; any other is stored absolute. Paths are bytes without a final zero, in no particular encoding. */
#ifndef CIR_INDEX_PLACE_H
#define CIR_INDEX_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/folder.h"
#include "cir/status.h"

typedef struct cir__place {
    char *index;         /* the index as the user named it, for messages */
    cir__folder *folder; /* the same, open: its files are opened in it, wherever it is moved to */
    char *base;          /* the canonical absolute path of the folder that holds it */
    char *shown;         /* what stands before a stored relative path to open it: "", "photos/", "/home/u/" */
} cir__place;

/* The index' folder must exist. End with cir__place_done. Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_FORMAT
 * (no folder), CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__place_init(cir__place *place, const char *index_path, cir_error *err);
void cir__place_done(cir__place *place); /* a zeroed place is allowed */

/* The stored form of a canonical absolute path: a part of it, not newly allocated. The base itself is "". */
const char *cir__place_stored(const cir__place *place, const char *absolute);

/* The path that opens a stored one from the working directory; NULL when out of memory. free(). */
char *cir__place_opened(const cir__place *place, const char *stored, size_t size);

/* The same as canonical absolute path. */
char *cir__place_absolute(const cir__place *place, const char *stored, size_t size);

/* Whether path is folder or lies below it; both absolute, without a final slash except "/". */
bool cir__place_is_below(const char *path, const char *folder);

/* The canonical absolute path of something the user names: folders with every link followed, files with the
 * links of their folder followed but under their own name. It must exist. free(*absolute_out).
 * Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__place_resolve(const char *path, char **absolute_out, cir_error *err);

/* A path made absolute and freed of ".", ".." and double slashes by its text alone: it need not exist. NULL
 * when out of memory or there is no working directory. free(). */
char *cir__place_tidy(const char *path);

#endif
