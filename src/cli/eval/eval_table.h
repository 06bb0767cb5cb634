/* The table that cir eval prints. */
#ifndef CIR_CLI_EVAL_TABLE_H
#define CIR_CLI_EVAL_TABLE_H

#include "cir/cir.h"
#include "cir/experiment.h"

/* The line above the methods; benchmarks have none. */
void cir__eval_table_print_head(void);

/* A method's line, its table of pairs of domains, or its part of the table of a benchmark with metrics of its
 * own, whose first part names the columns. */
void cir__eval_table_print_result(const cir_dataset_info *info, const cir_eval_result *result,
                                  const char *label, bool is_first);

#endif
