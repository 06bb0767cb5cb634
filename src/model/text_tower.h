/* Token ids to unit features: token and position rows, layers. CLIP's are causal and the feature is read at
 * the end token: as no token sees what follows it, nothing behind the end token is computed and nothing is
 * padded. SigLIP's see every token, padding too, and the feature is read at the last one. */
#ifndef CIR_MODEL_TEXT_TOWER_H
#define CIR_MODEL_TEXT_TOWER_H

#include <stddef.h>
#include <stdint.h>

#include "model/forward.h"

typedef struct cir__text_tower cir__text_tower;

/* Converts and packs the text side of weights; the token embeddings are lent, so the file must outlive the
 * tower. Free with cir__text_tower_free. Errors: those of cir__tower_new. */
CIR_MUST_CHECK cir_status cir__text_tower_new(const cir__config *config, const cir__weights *weights,
                                              cir__text_tower **tower_out, cir_error *err);
void cir__text_tower_free(cir__text_tower *tower); /* NULL is allowed */

/* The place that transformers reads the feature at: SigLIP's last; CLIP's first end token, or, where the
 * configuration calls id 2 the end (an old mistake), the first of the largest id; 0 where there is no end
 * token. */
size_t cir__text_tower_find_end(const cir__text_tower *tower, const int32_t *ids, size_t n_ids);

/* Texts one behind another: text i is ids[starts[i] … starts[i + 1]), 1 to max_tokens of them, each in
 * [0, n_vocabulary). features_out: [n, dim]; hook may be NULL and is called for each batch of texts with the
 * rows up to the places where features are read. file: for messages. Errors: CIR_ARGUMENT (an id or a length
 * out of range), CIR_FORMAT (a feature that is no number), CIR_NO_MEMORY, CIR_UNSUPPORTED. Thread-safe. */
CIR_MUST_CHECK cir_status cir__text_tower_encode(const cir__text_tower *tower, cir_pool *pool,
                                                 const int32_t *ids, const size_t *starts, size_t n,
                                                 float *features_out, cir__layer_hook *hook,
                                                 void *hook_context, const char *file, cir_error *err);

/* Remembers the keys and values of prefixes that many texts to come will have, in place of those remembered
 * before; a second call with the same ones does nothing. They are token ids as above, the start token
 * included, the end token not. Only the first CIR__FORWARD_ROWS tokens are remembered; a tower that is not
 * causal remembers nothing. Features change by no more than rounding. Errors: CIR_ARGUMENT, CIR_NO_MEMORY,
 * CIR_UNSUPPORTED. Thread-safe. */
CIR_MUST_CHECK cir_status cir__text_tower_cache_prefixes(const cir__text_tower *tower, cir_pool *pool,
                                                         const int32_t *ids, const size_t *starts, size_t n,
                                                         const char *file, cir_error *err);

#endif
