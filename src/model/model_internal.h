/* The inside of a cir_model, for tests and benchmarks: ids instead of texts, and a look between the
 * layers. */
#ifndef CIR_MODEL_MODEL_INTERNAL_H
#define CIR_MODEL_MODEL_INTERNAL_H

#include <pthread.h>

#include "base/hash.h"
#include "cir/model.h"
#include "image/preprocessing.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/image_tower.h"
#include "model/source.h"
#include "model/text_tower.h"
#include "text/tokenizer.h"

/* Made under its lock by whoever comes first; a text query never makes the image tower. */
typedef struct cir__towers {
    pthread_mutex_t lock;
    cir__image_tower *image;
    cir__text_tower *text;
} cir__towers;

struct cir_model {
    cir_model_info info;
    cir_precision_choice choice;
    cir__source source;
    cir__config config;
    cir__checkpoint *checkpoint;
    cir__weights weights;
    cir__tokenizer *tokenizer;
    cir__preprocessing preprocessing;
    char weights_key[CIR__HASH_TEXT_SIZE]; /* of the weights' files; "": they are none */
    cir__towers *towers;                   /* the part that changes behind a const cir_model */
};

/* Texts as ids, one behind another. Zeroed means none; its arrays are freed by whoever holds it, on failure,
 * too. */
typedef struct cir__id_list {
    int32_t *ids;
    size_t capacity;
    size_t *starts; /* [n + 1] */
    size_t n_cut;
} cir__id_list;

CIR_MUST_CHECK cir_status cir__model_tokenise(const cir_model *model, const char *const *texts, size_t n,
                                              cir__id_list *list, cir_error *err);

/* Lives as long as the model. */
const cir__config *cir__model_get_config(const cir_model *model);

/* The towers, made at their first use. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. Thread-safe. */
CIR_MUST_CHECK cir_status cir__model_get_image_tower(const cir_model *model,
                                                     const cir__image_tower **tower_out, cir_error *err);
CIR_MUST_CHECK cir_status cir__model_get_text_tower(const cir_model *model, const cir__text_tower **tower_out,
                                                    cir_error *err);

/* Which towers have been made. */
void cir__model_find_towers(const cir_model *model, bool *has_image_out, bool *has_text_out);

/* Options for reading pictures that all of n models take: with their fitting, where they agree on one, and
 * where allow_shrinking is set, enough_shorter_px is so large that no model's resizing has to enlarge, with
 * CIR__SHRINK_MARGIN to spare. options may be NULL. */
#define CIR__SHRINK_MARGIN 4
size_t cir__model_resized_px(const cir_model *model); /* 0 where it takes pictures as they are */
cir_image_options cir__model_fit_reading(const cir_model *const *models, size_t n,
                                         const cir_image_options *options);

/* cir_model_encode_tensors with a hook, and the same for texts as ids: see cir__text_tower_encode. */
CIR_MUST_CHECK cir_status cir__model_encode_tensors(const cir_model *model, cir_pool *pool,
                                                    const float *tensors, size_t n, float *features_out,
                                                    cir__layer_hook *hook, void *hook_context,
                                                    cir_error *err);
CIR_MUST_CHECK cir_status cir__model_encode_ids(const cir_model *model, cir_pool *pool, const int32_t *ids,
                                                const size_t *starts, size_t n, float *features_out,
                                                cir__layer_hook *hook, void *hook_context, cir_error *err);

#endif
