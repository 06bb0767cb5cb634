#include "cli/eval/eval_table.h"

#include <stdio.h>

#include "cli/eval/eval_data.h"
#include "cli/eval/tie_text.h"

void cir__eval_table_print_head(void)
{
    printf("%-20s %6s %6s %6s %6s %6s ", "method", "mmAP", "", "mAP", "", "minmAP");
    for (size_t i = 0; i < CIR_N_RECALLS; i++)
        printf("  R@%-3zu", cir_recall_at(i));
    printf("\n");
}

/* What equal scores make of the means: a line below the row of a method that they matter to. */
static void print_ties(const cir_eval_result *result)
{
    const size_t n = result->n_tied, n_queries = result->n_queries;
    if (n == 0)
        return;
    printf("  ");
    cir__tie_text_print("mmAP", result->mmAP, result->mmAP_low, result->mmAP_high, n, n_queries);
    cir__tie_text_print(", mAP", result->mAP, result->mAP_low, result->mAP_high, n, n_queries);
    cir__tie_text_print(", minmAP", result->minmAP, result->minmAP_low, result->minmAP_high, n, n_queries);
    printf("\n");
}

/* A mean with half its interval; over one instance there is none. */
static void print_mean(double mean, cir_interval interval, size_t n_instances)
{
    if (n_instances > 1)
        printf("%6.2f ±%5.2f ", mean, (interval.high - interval.low) / 2);
    else
        printf("%6.2f ±%5s ", mean, "n/a");
}

/* A row for each source, a column for each target and one for their mean. */
static void print_pairs(const cir_dataset_info *info, const cir_eval_result *result, const char *label)
{
    const size_t n = info->n_domains;
    printf("%-22s", label);
    for (size_t t = 0; t < n; t++)
        printf(" %9s", info->domains[t]);
    printf(" %9s\n", "mean");
    for (size_t s = 0; s < n; s++) {
        printf("  from %-15s", info->domains[s]);
        for (size_t t = 0; t < n; t++)
            if (t == s)
                printf(" %9s", "-");
            else
                printf(" %9.2f", result->pairs[s * n + t]);
        printf(" %9.2f\n", result->sources[s]);
    }
    printf("  %-20s %*.2f\n", "AVG", (int)(10 * n + 9), result->average);
    if (result->n_tied > 0) {
        cir__tie_text_print("  AVG", result->average, result->average_low, result->average_high,
                            result->n_tied, result->n_queries);
        printf("\n");
    }
    printf("\n");
    fflush(stdout);
}

void cir__eval_table_print_result(const cir_dataset_info *info, const cir_eval_result *result,
                                  const char *label, bool is_first)
{
    if (info->benchmark != NULL) {
        cir__eval_data_print(result, label, is_first);
        return;
    }
    if (info->n_domains > 0) {
        print_pairs(info, result, label);
        return;
    }
    printf("%-20s ", label);
    print_mean(result->mmAP, result->mmAP_interval, result->n_instances);
    print_mean(result->mAP, result->mAP_interval, result->n_instances);
    printf("%6.2f ", result->minmAP);
    for (size_t i = 0; i < CIR_N_RECALLS; i++)
        printf(" %6.2f", result->recall[i]);
    printf("\n");
    print_ties(result);
    fflush(stdout);
}
