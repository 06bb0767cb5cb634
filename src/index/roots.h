/* What an index was made of: the folders and files that its updates were given, kept among the settings. */
#ifndef CIR_INDEX_ROOTS_H
#define CIR_INDEX_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"
#include "index/store.h"

/* Keeps a stored path (place.h); one that is kept already changes nothing, not even the file. Not within a
 * transaction. Errors: those of the store. */
CIR_MUST_CHECK cir_status cir__roots_add(cir__store *store, const char *stored, cir_error *err);

/* Calls visit for every kept path. false from visit means that memory is short. */
typedef bool cir__roots_visit(void *context, const char *stored, size_t size);
CIR_MUST_CHECK cir_status cir__roots_list(cir__store *store, cir__roots_visit *visit, void *context,
                                          cir_error *err);

#endif
