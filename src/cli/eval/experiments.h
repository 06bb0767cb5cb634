/* The experiments of cir eval: --sweep and --distractors. */
#ifndef CIR_CLI_EXPERIMENTS_H
#define CIR_CLI_EXPERIMENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "cir/cir.h"
#include "cir/experiment.h"
#include "cli/common/arguments.h"

/* What an experiment is made on; lends everything. */
typedef struct cir__experiment {
    const cir__arguments *arguments;
    const cir_dataset *dataset;
    cir_pool *pool;
    cir_ap_form ap;
    const cir_method *methods; /* [n_methods] that are evaluated */
    size_t n_methods;
    bool prints_table;
} cir__experiment;

/* Whether --sweep is understood and has methods to sweep; called before the work. CIR__DONE, or an exit
 * status after a message. */
int cir__experiments_check_sweeps(const cir__arguments *arguments, const cir_method *methods,
                                  size_t n_methods);

/* Does every sweep that is asked for, prints its table, and adds "sweeps" to results:
 * [{"setting", "method", "values", "mAP", "mmAP", "gain": {"mAP", "mmAP"}}], the gain of weights alone. */
int cir__experiments_sweep(const cir__experiment *experiment, json_t *results);

/* Whether --distractors, --pool-sizes, --memory and --categories are understood and their files there; called
 * before the work. */
int cir__experiments_check_flags(const cir__arguments *arguments);

/* Whether the methods and the pool fit together: checked once the data set is open, before the methods are
 * evaluated. */
int cir__experiments_check_distractors(const cir__experiment *experiment);

/* Ranks positives against the pool, prints a table, and adds "distractors" to results: {"pool", "n", "sizes",
 * "methods": [{"method", "mAP", "mmAP", "hard_negatives": {"mAP", "mmAP"}, "crossing": {"mAP", "mmAP"}}]}, a
 * crossing {"at": n}, {"beyond": n} or {"below": n}. methods: their plain metrics, as results have them. */
int cir__experiments_distract(const cir__experiment *experiment, const json_t *methods, json_t *results);

#endif
