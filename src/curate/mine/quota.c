#include "curate/mine/quota.h"

#include <stdlib.h>

static int compare(const void *a, const void *b, void *context)
{
    const cir__quota_item *items = context;
    const size_t i = *(const size_t *)a;
    const size_t j = *(const size_t *)b;
    if (items[i].rank != items[j].rank)
        return items[i].rank < items[j].rank ? -1 : 1;
    return (i > j) - (i < j);
}

/* Shares of the types: whoever needs less than an equal part of what is left gets that, the others share the rest. */
static void share(const size_t wanted[CIR_N_SOURCE_TYPES], size_t most, size_t shares_out[CIR_N_SOURCE_TYPES])
{
    bool is_settled[CIR_N_SOURCE_TYPES] = {false};
    size_t left = most;
    size_t n_open = CIR_N_SOURCE_TYPES;
    for (bool goes_on = true; goes_on && n_open > 0;) {
        const size_t part = left / n_open;
        goes_on = false;
        for (int t = 0; t < CIR_N_SOURCE_TYPES; t++)
            if (!is_settled[t] && wanted[t] <= part) {
                shares_out[t] = wanted[t];
                left -= wanted[t];
                is_settled[t] = goes_on = true;
                n_open--;
            }
    }
    for (int t = CIR_N_SOURCE_TYPES - 1; t >= 0; t--)
        if (!is_settled[t]) {
            shares_out[t] = (left + n_open - 1) / n_open;
            left -= shares_out[t];
            n_open--;
        }
}

void cir__quota_take(cir__quota_item *items, size_t n, size_t most, size_t *order_scratch)
{
    size_t wanted[CIR_N_SOURCE_TYPES] = {0};
    size_t shares[CIR_N_SOURCE_TYPES];
    for (size_t i = 0; i < n; i++) {
        order_scratch[i] = i;
        items[i].is_taken = items[i].is_needed;
        wanted[items[i].type] += !items[i].is_needed;
    }
    share(wanted, most, shares);
    qsort_r(order_scratch, n, sizeof *order_scratch, compare, items);
    for (size_t i = 0; i < n; i++) {
        cir__quota_item *item = &items[order_scratch[i]];
        if (!item->is_taken && shares[item->type] > 0) {
            item->is_taken = true;
            shares[item->type]--;
        }
    }
}
