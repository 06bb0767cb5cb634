/* Bytes → a file of results, compared with itself. */
#include "eval/run/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir_results *results = NULL;
    cir_comparison comparison;
    cir_error err;
    if (cir__results_parse((cir__bytes_view){data, size, "input"}, &results, &err) != CIR_OK)
        return 0;
    const size_t last = cir_results_get_n_methods(results) - 1;
    if (cir_results_compare(results, 0, results, last, size % 2 == 1, &comparison, &err) == CIR_OK)
        cir_comparison_done(&comparison);
    cir_results_close(results);
    return 0;
}
