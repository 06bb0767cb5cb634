/* What all queries of a run of BASIC share, fitted before the first: means, projection, minima. */
#ifndef CIR_EVAL_FIT_H
#define CIR_EVAL_FIT_H

#include "eval/data/dataset.h"
#include "eval/run/material.h"
#include "method/basic.h"

/* Zeroed means none. Read material and cir__fit_get. */
typedef struct cir__fit {
    cir__material material;
    float *text_mean; /* [dim], NULL: not centred */
    cir__projection projection, text_projection;
    size_t n_basics;    /* 1, or one for each instance that is asked for */
    cir__basic *basics; /* [n_basics] */
    float *image_means; /* [n_basics, dim] where each database has its own */
} cir__fit;

/* Fits it; settings become those in force: the minima are filled in unless each database has its own image
 * mean, and what cir__material_get changes. End with cir__fit_done, whatever came back. Errors: those of
 * cir__material_get, CIR_ARGUMENT (a smallest similarity that is not below 0; minima to be estimated without
 * objects), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__fit_new(const cir_dataset *dataset, cir_settings *settings, cir_pool *pool,
                                       cir__fit *fit, cir_error *err);
void cir__fit_done(cir__fit *fit);

/* What BASIC knows when it ranks an instance's database. */
const cir__basic *cir__fit_get(const cir__fit *fit, size_t instance);

#endif
