/* A tile of columns.h in plain C, for instruction sets without one of their own. */
#ifndef CIR_KERNELS_COLUMNS_PLAIN_H
#define CIR_KERNELS_COLUMNS_PLAIN_H

#include <stddef.h>

#define COLUMNS_A 4
#define COLUMNS_B 4

static void columns_tile(const double *a, const double *b, size_t n_rows, double out[COLUMNS_A][COLUMNS_B])
{
    double sums[COLUMNS_A][COLUMNS_B] = {{0}};
    for (size_t r = 0; r < n_rows; r++, a += COLUMNS_A, b += COLUMNS_B)
        for (size_t i = 0; i < COLUMNS_A; i++)
            for (size_t j = 0; j < COLUMNS_B; j++)
                sums[i][j] += a[i] * b[j];
    for (size_t i = 0; i < COLUMNS_A; i++)
        for (size_t j = 0; j < COLUMNS_B; j++)
            out[i][j] = sums[i][j];
}

#include "kernels/columns.h"

#endif
