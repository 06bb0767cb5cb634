/* What a model's features lose in bf16 and int8, by its own weights: cosines to those in f32, of pictures
 * drawn here and of texts that stand here. */
#ifndef CIR_CLI_PRECISION_CHECK_H
#define CIR_CLI_PRECISION_CHECK_H

#include <stdbool.h>

#include "cir/cir.h"

#define CIR__CHECK_N_IMAGES 16
#define CIR__CHECK_N_TEXTS 16

/* Cosines to f32's features. */
typedef struct cir__precision_loss {
    cir_precision precision;
    bool is_supported; /* by this processor */
    bool is_default;   /* what cir takes unless told otherwise */
    double worst_image, median_image;
    double worst_text, median_text;
} cir__precision_loss;

#define CIR__CHECK_N_PRECISIONS 2 /* bf16, int8 */

/* Opens the model at path once for each precision; watch: false stops. Errors: those of opening and encoding
 * (also features that are no numbers), CIR_NO_MEMORY, CIR_INTERRUPTED. */
CIR_MUST_CHECK cir_status cir__precision_check(const char *path, cir_pool *pool, bool (*watch)(void),
                                               cir__precision_loss losses_out[CIR__CHECK_N_PRECISIONS],
                                               cir_error *err);

#endif
