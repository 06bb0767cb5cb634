/* What a model's features lose in bf16 and int8, by its own weights: cosines to those in f32, of pictures drawn here
 * and of texts that stand here. */
#ifndef CIR_MODEL_PRECISION_CHECK_H
#define CIR_MODEL_PRECISION_CHECK_H

#include "model/model_internal.h"

/* Cosines to f32's features. */
typedef struct cir__loss {
    double worst_image, median_image;
    double worst_text, median_text;
} cir__loss;

/* Features in f32, to be compared with others. */
typedef struct cir__comparison cir__comparison;

/* Encodes the first n_images and n_texts of them, at most CIR_PRECISION_CHECK_N_IMAGES and …_N_TEXTS. Free with
 * cir__comparison_free. Errors: those of encoding. */
CIR_MUST_CHECK cir_status cir__comparison_new(const cir_model *model, cir_pool *pool, size_t n_images,
                                              size_t n_texts, cir__comparison **comparison_out,
                                              cir_error *err);
void cir__comparison_free(cir__comparison *comparison); /* NULL is allowed */

/* Encodes them again in a precision that is supported here. Errors: those of encoding. */
CIR_MUST_CHECK cir_status cir__comparison_run(cir__comparison *comparison, cir__precision precision,
                                              cir__loss *loss_out, cir_error *err);

#endif
