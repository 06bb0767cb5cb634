/* The results of `cir eval` as a JSON document: what cir eval --json writes, and cir eval compare reads. */
#ifndef CIR_CLI_RESULTS_JSON_H
#define CIR_CLI_RESULTS_JSON_H

#include <jansson.h>

#include "cir/cir.h"
#include "cir/experiment.h"

/* One method's metrics. label, where not NULL, tells it from another run of the same method. */
json_t *cir__results_json_method(const cir_dataset *dataset, const cir_eval_result *result,
                                 const char *label);

/* The whole document; methods is taken over. */
json_t *cir__results_json(const cir_dataset *dataset, const cir_protocol *protocol, cir_ap_form ap,
                          double seconds, json_t *methods);

#endif
