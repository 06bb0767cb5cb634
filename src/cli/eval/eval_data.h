/* The data sets of `cir eval`: opened as the flags say, and what benchmarks with metrics of their own
 * print. */
#ifndef CIR_CLI_EVAL_DATA_H
#define CIR_CLI_EVAL_DATA_H

#include "cir/cir.h"
#include "cir/experiment.h"
#include "cli/common/arguments.h"

/* Whether the flags go together; CIR__USAGE after a message where they do not. */
int cir__eval_data_check(const cir__arguments *arguments);

/* Opens what the flags name; model: NULL with --features and with searched, the collection of --as-search,
 * which has its own. CIR__DONE, or the exit status after a message. */
int cir__eval_data_open(const cir__arguments *arguments, cir_pool *pool, const cir_model *model,
                        const cir_collection *searched, cir_dataset **dataset_out);

/* The table of a benchmark's own metrics: what stands above it, and a method's part, the first of which names
 * the columns. Nothing of the latter without answers. */
void cir__eval_data_print_head(const cir_dataset_info *info);
void cir__eval_data_print(const cir_eval_result *result, const char *label, bool is_first);

/* Queries that count 0 because there is nothing for them to find, or because their instance has no database
 * rows at all (instance: one such). All metrics are the same for every method of a data set. */
typedef struct cir__eval_gaps {
    size_t n_without_relevant, n_without_database;
    const char *instance; /* lent from the data set */
} cir__eval_gaps;
cir__eval_gaps cir__eval_data_find_gaps(const cir_dataset *dataset, const cir_eval_result *result);

/* Lines about what is odd in the lists. */
void cir__eval_data_print_remarks(const cir_dataset_info *info);

/* A line about them below the tables, where there are any. */
void cir__eval_data_print_gaps(const cir_dataset_info *info, const cir__eval_gaps *gaps);

/* Writes what --submission asks for, if it does, and tells where. */
int cir__eval_data_submit(const cir__arguments *arguments, const cir_dataset *dataset,
                          const cir_eval_result *result, const char *name);

#endif
