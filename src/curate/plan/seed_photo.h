/* Photos of seeds: found where the plan says, looked at once, and kept with the project. */
#ifndef CIR_CURATE_SEED_PHOTO_H
#define CIR_CURATE_SEED_PHOTO_H

#include <stdint.h>

#include "base/sha256.h"
#include "cir/curate.h"
#include "curate/looks/looks.h"
#include "index/store/image_rows.h"

typedef struct cir__seed_photo {
    uint8_t hash[CIR__HASH_SIZE];
    uint8_t sha256[CIR__SHA256_SIZE];
    cir__looks looks;
    int64_t index_id; /* −1: a file */
    char name[96];    /* "seeds/SHA256.jpeg"; "" for an indexed photo */
} cir__seed_photo;

/* text: a file, relative to the folder of plan_path or else to the project's, or an index' id. A file is copied into
 * seeds/ durably. Errors: CIR_NOT_FOUND, those of reading pictures and of writing files. */
CIR_MUST_CHECK cir_status cir__seed_photo_take(cir_curation *curation, const char *plan_path,
                                               const char *text, const cir_plan_options *options,
                                               cir__seed_photo *photo_out, cir_error *err);

#endif
