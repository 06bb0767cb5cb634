/* One head's attention within a sequence in bf16, over oneDNN's matrix product, whose shapes are made
 * beforehand: for sequences of one length, whole or of the first token alone. Scores and their softmax are
 * f32, and are rounded before they are multiplied with the values. */
#ifndef CIR_MODEL_ATTENTION_H
#define CIR_MODEL_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"
#include "model/rowwise.h"

struct dnnl_engine;

typedef struct cir__attention cir__attention;

/* Keeps nothing of its arguments but the engine. For n_threads threads at once. Free with
 * cir__attention_free. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__attention_new(struct dnnl_engine *engine, size_t n_threads, size_t n_tokens,
                                             size_t width, size_t head_width, cir__attention **attention_out,
                                             cir_error *err);
void cir__attention_free(cir__attention *attention); /* NULL is allowed */

/* qkv: [n_tokens, 3·width], beginning at the head's first column; out: [n_tokens, width], or its first row
 * where only the first token looks; both bfloat16. False where oneDNN fails. To be called within
 * cir__product_enter … leave. */
CIR_MUST_CHECK bool cir__attention_run(cir__attention *attention, const cir__rowwise *rowwise,
                                       size_t i_thread, bool is_first_alone, const uint16_t *qkv,
                                       uint16_t *out);

#endif
