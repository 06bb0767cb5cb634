/* What an open project is, for the files that make up its functions: a folder, its lock, its database.
 *
 *   NAME.curate/curation.sqlite   all that is planned, found and decided (curation_tables.c)
 *   NAME.curate/seeds/            seed photos that were given as files, named by SHA-256; never exported
 *   NAME.curate/guidelines.md     what people are told about the task
 *   NAME.curate/releases/         what was exported, a file a version
 *   NAME.curate/lock              held by the one process that writes */
#ifndef CIR_CURATE_CURATION_H
#define CIR_CURATE_CURATION_H

#include <pthread.h>

#include "base/folder.h"
#include "cir/curate.h"
#include "index/store/store.h"

#define CIR__CURATION_NAME "curation.sqlite"
#define CIR__CURATION_SEEDS "seeds"
#define CIR__CURATION_RELEASES "releases"
#define CIR__CURATION_GUIDELINES "guidelines.md"

struct cir_curation {
    cir_curation_info info;
    char *path;
    char *index_path;
    cir__folder *folder;
    int lock_fd; /* −1: opened for reading */
    cir__store *store;
    pthread_mutex_t lock; /* the store serves one thread at a time; after it, nothing else is locked */

    /* Judgements that wait for the commit under way to end, see judge.c. */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed;
    struct cir__judging *queue_first, *queue_last;
    bool is_committing;
};

/* Around every use of the store. Writers begin a transaction with it: CIR_PERMISSION where the project is open for
 * reading. cir__curation_end commits or undoes, as status says, and unlocks. */
CIR_MUST_CHECK cir_status cir__curation_begin(cir_curation *curation, bool writes, cir_error *err);
CIR_MUST_CHECK cir_status cir__curation_end(cir_curation *curation, cir_status status, cir_error *err);

/* The id of an instance by its key. Errors: CIR_NOT_FOUND (the message says what to do). */
CIR_MUST_CHECK cir_status cir__curation_find_instance(cir_curation *curation, const char *key,
                                                      int64_t *id_out, cir_error *err);

/* The id of a person by name; one that is not known is added. In a writer's transaction. */
CIR_MUST_CHECK cir_status cir__curation_get_person(cir_curation *curation, const char *name, int64_t *id_out,
                                                   cir_error *err);

#endif
