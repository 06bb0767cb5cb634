/* The page of `cir eval --report`: one file without a script or anything to load. */
#ifndef CIR_CLI_REPORT_H
#define CIR_CLI_REPORT_H

#include "cli/report/report_parts.h"

/* Errors: those of cir__destination_write. */
CIR_MUST_CHECK cir_status cir__report_write(const cir__report *report, const char *path, cir_error *err);

#endif
