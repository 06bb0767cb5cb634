#include "eval/metrics/curve.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void cir__curve_fill(const cir__tie *ties, size_t n_ties, size_t n, float curve_out[CIR_N_CURVE])
{
    double best = 0.0;
    size_t j = n, i_tie = n_ties, first = n; /* of the group: relevant rows before it */

    /* From full recall downwards the best precision can only grow. */
    for (size_t i = CIR_N_CURVE; i-- > 0;) {
        while (j > 0 && j * (CIR_N_CURVE - 1) >= i * n) { /* j relevant rows are a recall of i/100 or more */
            if (j == first)
                first -= ties[--i_tie].n_relevant;
            const double place = (double)ties[i_tie].begin + (double)(j - first) *
                                                                 (double)(ties[i_tie].n_rows + 1) /
                                                                 (double)(ties[i_tie].n_relevant + 1);
            const double precision = (double)j / place;
            best = precision > best ? precision : best;
            j--;
        }
        curve_out[i] = (float)best;
    }
}

cir_status cir__curve_average(const float *curves, const size_t *instances, size_t n_queries,
                              size_t n_instances, double mean_out[CIR_N_CURVE], cir_error *err)
{
    size_t *counts = cir__new(n_instances, sizeof *counts), n_counted = 0;

    memset(mean_out, 0, CIR_N_CURVE * sizeof *mean_out);
    if (counts == NULL)
        return cir__fail_memory(err, "a curve");
    for (size_t q = 0; q < n_queries; q++)
        n_counted += counts[instances[q]]++ == 0;
    for (size_t q = 0; q < n_queries; q++)
        for (size_t i = 0; i < CIR_N_CURVE; i++)
            mean_out[i] +=
                (double)curves[q * CIR_N_CURVE + i] / ((double)counts[instances[q]] * (double)n_counted);
    free(counts);
    return CIR_OK;
}
