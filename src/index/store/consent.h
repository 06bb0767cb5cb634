/* Whose an index is, and to which of the folders it names the user has said yes.
 *
 * An index says itself where its photos lie; one that somebody else made may name files that are none of his.
 * So folders elsewhere than beside the index are read and shown only where this user has named them to an
 * update of it, which is noted in a file of his own: $XDG_CONFIG_HOME/cir/roots, else ~/.config/cir/roots, of
 * mode 0600, one line for each: the index' identity, a space, the path with "%", bytes below 33 and 127 as
 * %XX. */
#ifndef CIR_INDEX_CONSENT_H
#define CIR_INDEX_CONSENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/folder.h"
#include "cir/status.h"
#include "index/store/place.h"
#include "index/store/store.h"

/* Refuses an index that belongs neither to this user nor to root: CIR_PERMISSION. */
CIR_MUST_CHECK cir_status cir__consent_check_owner(const cir__folder *index, cir_error *err);

/* The paths that were said yes to for this index, absolute. Zeroed: none. */
typedef struct cir__consent {
    char **roots; /* [n_roots] */
    size_t n_roots;
} cir__consent;

/* A file that is not there, or that others could have written, holds none. Errors: those of the store,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__consent_read(cir__store *store, cir__consent *consent_out, cir_error *err);
void cir__consent_done(cir__consent *consent);

/* Whether a stored path is well-formed and lies beside the index or below a root; where the index is trusted,
 * anywhere. */
bool cir__consent_covers(const cir__consent *consent, bool is_trusted, const char *stored, size_t size);

/* Whether a canonical absolute path does. */
bool cir__consent_covers_real(const cir__consent *consent, const cir__place *place, const char *path);

/* Notes that the user named a path for this index; one that is noted changes nothing. Errors: CIR_PERMISSION,
 * CIR_FULL, CIR_IO, CIR_NOT_FOUND (no home), CIR_NO_MEMORY, those of the store. */
CIR_MUST_CHECK cir_status cir__consent_add(cir__store *store, const char *path, cir_error *err);

#endif
