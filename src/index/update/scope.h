/* What an update is about: the folders and files it walks, what it leaves out of them, and what it met that
 * it did not read. Kept among the index' notes, so that later updates go by it without being told again. */
#ifndef CIR_INDEX_SCOPE_H
#define CIR_INDEX_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/index.h"
#include "cir/status.h"
#include "index/store/place.h"
#include "index/store/store.h"
#include "index/walk/walk.h"

typedef struct cir__unreadable {
    char *path; /* absolute */
    char *why;
} cir__unreadable;

typedef struct cir__scope {
    char **roots; /* [n_roots], absolute */
    size_t n_roots;
    char **others; /* [n_others] roots of the index that this update does not walk, absolute */
    size_t n_others;
    cir__unreadable *unreadable; /* folders that could not be listed */
    size_t n_unreadable;
    cir__walk_counts counts;
    gid_t group;            /* of the index; set before cir__scope_load */
    cir__walk_options walk; /* for a walk of roots; counts in counts */

    /* What walk is made of. */
    cir__selection selection;
    char **patterns;
    size_t n_patterns;
    char **forgotten; /* absolute */
    size_t n_forgotten;
    const char **inside;
    size_t unreadable_capacity;
} cir__scope;

/* Resolves the paths that an update was given. End with cir__scope_done. Errors: CIR_NOT_FOUND,
 * CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__scope_init(cir__scope *scope, const char *const *paths, size_t n_paths,
                                          cir_error *err);
void cir__scope_done(cir__scope *scope); /* a zeroed one is allowed */

/* Notes what the update was given and reads what was noted before. Before the first photo is committed, so
 * that an update that is killed knows where to go on. *n_unconfirmed_out: paths of which it could not be
 * noted that this user gave them. Errors: those of the store. */
CIR_MUST_CHECK cir_status cir__scope_load(cir__scope *scope, cir__store *store, const cir__place *place,
                                          const cir_update_options *options, size_t *n_unconfirmed_out,
                                          cir_error *err);

/* A folder that could not be listed. false: memory. */
bool cir__scope_add_unreadable(cir__scope *scope, const char *path, const char *why);

/* Notes what a whole walk met. Errors: those of the store. */
CIR_MUST_CHECK cir_status cir__scope_keep(const cir__scope *scope, cir__store *store, const cir__place *place,
                                          cir_error *err);

#endif
