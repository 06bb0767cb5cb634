#include "cli/table.h"

#include <stdio.h>

#include "cli/eval_data.h"

void cir__table_print_head(void)
{
    printf("%-20s %6s %6s %6s %6s %6s ", "method", "mmAP", "", "mAP", "", "minmAP");
    for (size_t i = 0; i < CIR_N_RECALLS; i++)
        printf("  R@%-3zu", cir_recall_at[i]);
    printf("\n");
}

static double half_width(cir_interval interval)
{
    return (interval.high - interval.low) / 2;
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
    printf("  %-20s %*.2f\n\n", "AVG", (int)(10 * n + 9), result->average);
    fflush(stdout);
}

void cir__table_print_result(const cir_dataset_info *info, const cir_eval_result *result, const char *label,
                             bool is_first)
{
    if (info->benchmark != NULL) {
        cir__eval_data_print(result, label, is_first);
        return;
    }
    if (info->n_domains > 0) {
        print_pairs(info, result, label);
        return;
    }
    printf("%-20s %6.2f ±%5.2f %6.2f ±%5.2f %6.2f ", label, result->mmAP, half_width(result->mmAP_interval),
           result->mAP, half_width(result->mAP_interval), result->minmAP);
    for (size_t i = 0; i < CIR_N_RECALLS; i++)
        printf(" %6.2f", result->recall[i]);
    printf("\n");
    fflush(stdout);
}
