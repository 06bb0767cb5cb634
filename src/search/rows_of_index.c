/* Where the search meets the index. */
#include "cir/search.h"

cir_rows cir_rows_of_index(const cir_index *index)
{
    const cir_index_info *info = cir_index_get_info(index);
    return (cir_rows){.n_rows = info->n_rows,
                      .dim = info->model->dim,
                      .f16 = cir_index_get_vectors(index),
                      .ready = cir_index_get_ready(index),
                      .codes = cir_index_get_codes(index)};
}
