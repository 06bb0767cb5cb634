/* What a check finds, told as it is found. */
#ifndef CIR_INDEX_FINDINGS_H
#define CIR_INDEX_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/index.h"

typedef struct cir__findings {
    cir_check_report_fn *report; /* may be NULL */
    void *context;
    cir_check_result result;
} cir__findings;

/* Counts a finding and tells of it. */
void cir__findings_add(cir__findings *findings, bool was_repaired, const char *format, ...) CIR_PRINTF(3, 4);

#endif
