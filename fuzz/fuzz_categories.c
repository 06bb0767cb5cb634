/* Bytes → categories of a small data set; every query is in one. */
#include <stdlib.h>

#include "eval/data/dataset.h"
#include "eval/run/categories.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three queries of two instances. */
static cir_dataset *dataset_new(void)
{
    static cir__item queries[] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 0, 1, 0}};
    static size_t begin[] = {0, 0, 0};
    static cir_dataset dataset = {.info.n_queries = 3, .queries = queries, .instance_begin = begin};
    static const char *const names[2][2] = {{"night", "at day, or so"}, {"lamp", "tower"}};
    size_t number;
    if (cir__intern_put(&dataset.paths, "photo", &number, NULL) != CIR_OK)
        abort();
    for (size_t i = 0; i < 2; i++)
        if (cir__intern_put(&dataset.texts, names[0][i], &number, NULL) != CIR_OK ||
            cir__intern_put(&dataset.instances, names[1][i], &number, NULL) != CIR_OK)
            abort();
    return &dataset;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cir_dataset *dataset;
    cir_categories *categories = NULL;
    cir_error err;
    size_t n = 0;
    if (dataset == NULL)
        dataset = dataset_new();
    if (cir__categories_parse((cir__bytes_view){data, size, "input.csv"}, dataset, &categories, &err) !=
        CIR_OK)
        return 0;
    const cir_categories_info *const info = cir_categories_get_info(categories);
    for (size_t c = 0; c < info->n; c++)
        n += info->n_queries[c];
    if (n != 3)
        abort();
    cir_categories_close(categories);
    return 0;
}
