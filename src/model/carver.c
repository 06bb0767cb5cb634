#include "model/carver.h"

#include "base/memory.h"

#define LINE_ITEMS (CIR__ALIGNMENT / sizeof(float))

float *cir__carver_take(cir__carver *carver, size_t n_rows, size_t n_columns)
{
    float *part = carver->memory != NULL ? carver->memory + carver->n_used : NULL;
    size_t n;
    if (!cir__size_mul(n_rows, n_columns, &n) || !cir__size_add(n, LINE_ITEMS - 1, &n) ||
        !cir__size_add(carver->n_used, n / LINE_ITEMS * LINE_ITEMS, &carver->n_used))
        carver->has_overflown = true;
    return part;
}

float *cir__carver_new_memory(const cir__carver *carver)
{
    return carver->has_overflown ? NULL : cir__new(carver->n_used, sizeof(float));
}
