#include "index/codes/codes_centre.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/half.h"

#define RUN_ROWS 64
#define MAX_RUNS (CIR__CODES_CENTRE_ROWS / RUN_ROWS)

static bool has_features(const cir__checksums *checksums, size_t first, size_t *end_out)
{
    *end_out = first; /* after the last with a feature */
    for (size_t id = first; id < first + RUN_ROWS; id++)
        if (cir__checksums_get(checksums, id) != 0)
            *end_out = id + 1;
    return *end_out > first;
}

static size_t count_runs(const cir__checksums *checksums, size_t n_needed)
{
    size_t n = 0;
    size_t end;
    for (size_t first = 0; first < n_needed; first += RUN_ROWS)
        n += has_features(checksums, first, &end) ? 1 : 0;
    return n;
}

static void add_row(double *sums, const uint16_t *row, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        sums[i] += (double)cir__half_to_float(row[i]);
}

cir_status cir__codes_centre_fit(const cir__vectors *vectors, const cir__checksums *checksums,
                                 float *centre_out, cir_error *err)
{
    size_t dim = vectors->dim;
    size_t n_needed = cir__checksums_n_needed(checksums);
    size_t stride = (count_runs(checksums, n_needed) + MAX_RUNS - 1) / MAX_RUNS;
    size_t i_run = 0;
    size_t n_rows = 0;
    cir_status status = CIR_OK;
    uint16_t *rows = cir__new_unset(RUN_ROWS, dim * sizeof *rows);
    double *sums = cir__new(dim, sizeof *sums);
    if (rows == NULL || sums == NULL)
        status = cir__fail_memory(err, vectors->path);
    for (size_t first = 0; status == CIR_OK && first < n_needed; first += RUN_ROWS) {
        size_t end;
        if (!has_features(checksums, first, &end) || i_run++ % stride != 0)
            continue;
        status = cir__vectors_read_run(vectors, first, end - first, rows, err);
        for (size_t id = first; status == CIR_OK && id < end; id++) {
            const uint16_t *row = rows + (id - first) * dim;
            if (cir__checksums_get(checksums, id) == cir__vectors_checksum(row, dim)) {
                add_row(sums, row, dim);
                n_rows++;
            }
        }
    }
    for (size_t i = 0; status == CIR_OK && i < dim; i++)
        centre_out[i] = n_rows > 0 ? (float)(sums[i] / (double)n_rows) : 0;
    free(rows);
    free(sums);
    return status;
}
