/* The table that cir eval prints. */
#ifndef CIR_CLI_TABLE_H
#define CIR_CLI_TABLE_H

#include "cir/cir.h"

/* The line above the methods; benchmarks of domain conversion have none. */
void cir__table_print_head(void);

/* A method's line, or its table of pairs of domains. */
void cir__table_print_result(const cir_dataset_info *info, const cir_eval_result *result, const char *label);

#endif
