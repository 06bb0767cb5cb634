/* The paper's experiments: settings swept over values, positives against a growing pool of random images, and
 * figures by category. */
#ifndef CIR_EXPERIMENT_H
#define CIR_EXPERIMENT_H

#include "cir/eval.h"

/* One method's figures over the values of one setting. End with cir_sweep_done. */
typedef struct cir_sweep {
    const char *key; /* static storage */
    cir_method method;
    size_t n;
    double *values;     /* [n], ascending */
    double *mAP, *mmAP; /* [n], percent */
    /* Of "weight", where 0 and 1 are among the values, the composition gain: what the best weight is better
     * than the better of image and text alone. */
    bool has_gain;
    double mAP_gain, mmAP_gain;
} cir_sweep;

/* What a setting is swept over where nobody says: texts as cir_settings_set takes them, [*n_out]; NULL for a
 * setting that is not swept. Settings: weight (sum, product, weicom), lambda, alpha, components (basic-,
 * basic). Static storage. */
CIR_API const char *const *cir_sweep_values(const char *key, size_t *n_out);

/* Whether sweeping that setting changes that method's answers. */
CIR_API bool cir_sweep_applies(const char *key, cir_method method);

/* Evaluates a method once for each value, all else as settings say. values: [n], ascending. Errors:
 * CIR_ARGUMENT (the setting is not swept or does not apply, a value out of range or not above the one
 * before), and those of cir_eval_run. */
CIR_MUST_CHECK CIR_API cir_status cir_eval_sweep(const cir_dataset *dataset, cir_method method,
                                                 const cir_settings *settings, const char *key,
                                                 const char *const *values, size_t n, cir_ap_form ap,
                                                 cir_pool *pool, cir_sweep *sweep_out, cir_error *err);
CIR_API void cir_sweep_done(cir_sweep *sweep);

#endif
