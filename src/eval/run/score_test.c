/* A batch's scores against the search, which scores one query after another. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "eval/run/score.h"

enum { N = 203, DIM = 9, N_QUERIES = 7, K = 10 };

/* Small whole numbers, so that both ways give the same bits and many scores are equal. */
static void fill(float *values, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        values[i] = (float)(int)(seed >> 24) / 64.0f - 2.0f;
        values[i] = roundf(values[i]);
    }
}

static void test_as_the_search(void **state)
{
    (void)state;
    static float features[N * DIM], sides[5 * DIM];
    fill(features, N * DIM, 1);
    fill(sides, 5 * DIM, 2);
    const cir_rows rows = {.n_rows = N, .dim = DIM, .f32 = features};
    cir_composed queries[N_QUERIES] = {0};
    for (size_t i = 0; i < N_QUERIES; i++) {
        /* Photos in pairs; of the last two queries, one has a photo alone and one has words alone. */
        queries[i].query =
            (cir_query){.dim = DIM,
                        .a = i < 6 ? sides + i / 2 * DIM : NULL,
                        .a0 = i == 1 ? 3.0f : 1.0f,
                        .b = i != 5 ? sides + (3 + i % 2) * DIM : NULL,
                        .b0 = 0.5f,
                        .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.125f}};
    }
    queries[5].query.fusion = (cir_fusion){.kind = CIR_FUSION_IMAGE, .weight = 0.5f};
    queries[6].query.fusion = (cir_fusion){.kind = CIR_FUSION_TEXT, .weight = 0.5f};

    cir__scores scores = {0};
    assert_int_equal(cir__scores_new(&rows, queries, N_QUERIES, &scores, NULL), CIR_OK);
    for (size_t i = 0; i < N_QUERIES; i++) {
        cir_hit all[N], top[K];
        size_t n_all, n_top;
        assert_int_equal(cir_search_top(&rows, &queries[i].query, N, NULL, all, &n_all, NULL), CIR_OK);
        const float *const got = cir__scores_get(&scores, &queries[i], i, K, top, &n_top);
        assert_int_equal(n_top, K);
        for (size_t k = 0; k < K; k++)
            assert_int_equal(top[k].id, all[k].id);
        for (size_t r = 0; r < N; r++)
            assert_true(got[all[r].id] == all[r].score);
    }
    cir__scores_done(&scores);
}

static void test_a_wrong_fusion_is_refused(void **state)
{
    (void)state;
    static const float features[DIM] = {1};
    const cir_rows rows = {.n_rows = 1, .dim = DIM, .f32 = features};
    const cir_composed query = {
        .query = {
            .dim = DIM, .a = features, .b = features, .fusion = {.kind = CIR_FUSION_SUM, .weight = 2.0f}}};
    cir__scores scores = {0};
    assert_int_equal(cir__scores_new(&rows, &query, 1, &scores, NULL), CIR_ARGUMENT);
    cir__scores_done(&scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_search),
        cmocka_unit_test(test_a_wrong_fusion_is_refused),
    };
    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
