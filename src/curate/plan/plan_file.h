/* A plan as a file says it: parsed and checked, its pictures not looked at. */
#ifndef CIR_CURATE_PLAN_FILE_H
#define CIR_CURATE_PLAN_FILE_H

#include <stddef.h>

#include "base/file.h"
#include "cir/status.h"

typedef enum cir__seed_role {
    CIR__SEED_IMAGE,
    CIR__SEED_NAME,
    CIR__SEED_CATEGORY,
    CIR__SEED_REPHRASED,
    CIR__SEED_COMPOSED_IMAGE,
    CIR__SEED_COMPOSED_TEXT,
    CIR__SEED_JOINED,
    CIR__SEED_N_ROLES
} cir__seed_role;

/* "image" …; static storage. CIR__SEED_N_ROLES for a name that is none. */
const char *cir__seed_role_name(cir__seed_role role);
cir__seed_role cir__seed_role_parse(const char *name);

typedef struct cir__plan_seed {
    cir__seed_role role;
    char *change; /* NULL: of the instance */
    char *text;   /* a sentence, or what names a photo */
    size_t line;  /* 0: made by joining */
} cir__plan_seed;

typedef struct cir__plan_change {
    char *text;
    char *kind;
    size_t line;
} cir__plan_change;

typedef struct cir__plan_instance {
    char *key;
    char *name, *category, *kind; /* "" where not given, but for the name */
    size_t line;                  /* where it is first named */
    cir__plan_change *changes;
    size_t n_changes, changes_capacity;
    cir__plan_seed *seeds;
    size_t n_seeds, seeds_capacity;
} cir__plan_instance;

typedef struct cir__plan {
    cir__plan_instance *instances;
    size_t n_instances, capacity;
} cir__plan;

/* Errors name the bytes' name and the line: CIR_FORMAT, CIR_ARGUMENT (wordings), CIR_NO_MEMORY. End with
 * cir__plan_done, also where it failed. */
CIR_MUST_CHECK cir_status cir__plan_parse(cir__bytes_view bytes, cir__plan *plan_out, cir_error *err);
void cir__plan_done(cir__plan *plan);

#endif
