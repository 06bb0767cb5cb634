#include "search/find_testing.h"

#include <stdlib.h>

cir_query basic_query(const testing_rows *t)
{
    return (cir_query){.dim = t->rows.dim,
                       .a = t->a,
                       .a0 = 0.5f,
                       .b = t->b,
                       .b0 = 0.6f,
                       .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.1f, .weight = 0.5f}};
}

void assert_hits_equal(const cir_hit *hits, const cir_hit *right, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(hits[i].id, right[i].id);
        assert_memory_equal(&hits[i].score, &right[i].score, sizeof(float));
        assert_memory_equal(&hits[i].image_score, &right[i].image_score, sizeof(float));
        assert_memory_equal(&hits[i].text_score, &right[i].text_score, sizeof(float));
    }
}

cir_search_report find(const cir_rows *rows, const cir_query *query, size_t k, double recall, cir_pool *pool,
                       cir_hit *hits, size_t *n)
{
    const cir_search_options options = {.size = sizeof options, .recall = recall};
    cir_search_report report;
    cir_error err;
    if (cir_search_find(rows, query, 1, k, &options, pool, hits, n, &report, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return report;
}

void check_exact(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool, size_t *n_by_codes)
{
    cir_hit *const right = malloc(k * sizeof *right), *const hits = malloc(k * sizeof *hits);
    size_t n_right, n;
    cir_error err;
    assert_int_equal(cir_search_top(rows, query, k, pool, right, &n_right, &err), CIR_OK);
    const cir_search_report report = find(rows, query, k, 1, pool, hits, &n);
    assert_int_equal(n, n_right);
    assert_hits_equal(hits, right, n);
    *n_by_codes += report.used_codes;
    free(right);
    free(hits);
}
