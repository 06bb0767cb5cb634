/* A document of `cir eval --json`, checked once, so that who reads on can rely on its shape. */
#ifndef CIR_EVAL_RESULTS_H
#define CIR_EVAL_RESULTS_H

#include <jansson.h>

#include "base/file.h"
#include "cir/eval.h"

struct cir_results {
    char *name; /* for messages */
    json_t *document;
    const json_t *methods; /* array of objects: "method" and maybe "label", texts; "AP", n_queries in 0–1 */
    const json_t *queries; /* array of [path, text, instance], at least one */
    const json_t *protocol; /* object; NULL: none */
};

/* Errors: CIR_FORMAT (what is wrong, and where), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__results_parse(cir__bytes_view bytes, cir_results **results_out,
                                             cir_error *err);

#endif
