/* The page of `cir eval --report`: one file without a script or anything to load. */
#ifndef CIR_CLI_REPORT_H
#define CIR_CLI_REPORT_H

#include <jansson.h>

#include "cir/cir.h"

/* What a report is made of; lends everything. */
typedef struct cir__report {
    const json_t *document; /* as cir__results_json makes it: every figure of the page is taken from there */
    const cir_dataset *dataset;
    const char *folder; /* where its pictures are; NULL: there are none */
    const cir_pool *pool;
} cir__report;

/* Errors: those of cir__destination_write. */
CIR_MUST_CHECK cir_status cir__report_write(const cir__report *report, const char *path, cir_error *err);

#endif
