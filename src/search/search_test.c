/* The scan against a brute force in double, written as one reads the interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/npy.h"
#include "kernels/half.h"
#include "search/rows_testing.h"

/* The definition. size_out: the sum of the sizes of what was added, which bounds the float version's
 * error. */
static double side(const fixture *f, size_t r, const float *query, float offset, double *size_out)
{
    double sum = (double)offset, size = fabs(sum);
    for (size_t i = 0; i < f->dim; i++) {
        double product = (double)f->f32[r * f->dim + i] * (double)query[i];
        sum += product;
        size += fabs(product);
    }
    *size_out = size;
    return sum;
}

static double fuse(const cir_fusion *fusion, double v, double t)
{
    if (fusion->clamp) {
        v = v < 0 ? 0 : v;
        t = t < 0 ? 0 : t;
    }
    double w = (double)fusion->weight;
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        return v;
    case CIR_FUSION_TEXT:
        return t;
    case CIR_FUSION_SUM:
        return 2 * ((1 - w) * v + w * t);
    case CIR_FUSION_PRODUCT:
        return w == 0.5 ? v * t : pow(v, 2 - 2 * w) * pow(t, 2 * w);
    case CIR_FUSION_GAUSS:
        return ((1 - w) * (1 + erf(v / sqrt(2))) + w * (1 + erf(t / sqrt(2)))) / 2;
    case CIR_FUSION_HARRIS:
        return v * t - (double)fusion->lambda * (v + t) * (v + t);
    }
    return (double)NAN;
}

static void test_scores_are_the_definition(void **state)
{
    (void)state;
    fixture f = fixture_new(300, 77, RANDOM, 3);
    float scores[300], image_scores[300], text_scores[300];
    cir_error err;
    for (int kind = CIR_FUSION_IMAGE; kind <= CIR_FUSION_GAUSS; kind++)
        for (int w = 0; w <= 4; w++)
            for (int is_half = 0; is_half < 2; is_half++) {
                cir_rows rows = rows_of(&f, is_half, true);
                bool clamp = w % 2 != 0 || w == 4 || kind == CIR_FUSION_HARRIS;
                f.query.fusion = (cir_fusion){(cir_fusion_kind)kind, clamp || w != 2, 0.1f, (float)w * 0.25f};
                assert_int_equal(
                    cir_search_scores(&rows, &f.query, NULL, scores, image_scores, text_scores, &err),
                    CIR_OK);
                for (size_t r = 0; r < f.n_rows; r++) {
                    if (!f.ready[r]) {
                        assert_true(isnan(scores[r]) && isnan(image_scores[r]) && isnan(text_scores[r]));
                        continue;
                    }
                    double size_v, size_t_, v = side(&f, r, f.a, f.query.a0, &size_v);
                    double t = side(&f, r, f.b, f.query.b0, &size_t_);
                    double bound_v = 80 * 0x1p-24 * size_v, bound_t = 80 * 0x1p-24 * size_t_;
                    double clamped_v = f.query.fusion.clamp && v < 0 ? 0 : v;
                    double clamped_t = f.query.fusion.clamp && t < 0 ? 0 : t;
                    assert_true(fabs((double)image_scores[r] - clamped_v) <= bound_v);
                    assert_true(fabs((double)text_scores[r] - clamped_t) <= bound_t);
                    /* The fusion of the two floats as they are: a few roundings of terms below the bound. */
                    double v32 = (double)image_scores[r], t32 = (double)text_scores[r];
                    double right = fuse(&f.query.fusion, v32, t32);
                    double size = fabs(v32) + fabs(t32) + (fabs(v32) + fabs(t32)) * (fabs(v32) + fabs(t32));
                    if (kind == CIR_FUSION_GAUSS)
                        size = 1; /* a percentile does not go to 0 with its score */
                    if (!(fabs((double)scores[r] - right) <= 8 * 0x1p-24 * 2 * size))
                        fail_msg("kind %d weight %d row %zu: %g instead of %g", kind, w, r, (double)scores[r],
                                 right);
                }
            }
    fixture_done(&f);
}

/* What the k best must be, given every row's score: repeated search for the best that is left. */
static size_t best_by_force(const float *scores, size_t n_rows, size_t *rows_out)
{
    bool *is_taken = calloc(n_rows + 1, 1);
    size_t n = 0;
    for (;;) {
        size_t best = SIZE_MAX;
        for (size_t r = 0; r < n_rows; r++)
            if (!is_taken[r] && !isnan(scores[r]) && (best == SIZE_MAX || scores[r] > scores[best]))
                best = r;
        if (best == SIZE_MAX)
            break;
        is_taken[best] = true;
        rows_out[n++] = best;
    }
    free(is_taken);
    return n;
}

static void check_top(const fixture *f, const cir_rows *rows, cir_pool *const *pools, size_t n_pools)
{
    size_t n_rows = f->n_rows;
    float *scores = malloc((n_rows + 1) * 3 * sizeof *scores);
    float *image_scores = scores + n_rows, *text_scores = image_scores + n_rows;
    size_t *right = malloc((n_rows + 1) * sizeof *right);
    cir_hit *hits = malloc((n_rows + 6) * sizeof *hits);
    cir_error err;
    assert_int_equal(cir_search_scores(rows, &f->query, NULL, scores, image_scores, text_scores, &err),
                     CIR_OK);
    size_t n_right = best_by_force(scores, n_rows, right);
    for (size_t p = 0; p < n_pools; p++)
        for (size_t k = 1; k <= n_rows + 5; k += n_rows < 100 || k < 5 || k > n_rows - 3 ? 1 : n_rows / 9) {
            size_t n;
            assert_int_equal(cir_search_top(rows, &f->query, k, pools[p], hits, &n, &err), CIR_OK);
            assert_int_equal(n, k < n_right ? k : n_right);
            for (size_t i = 0; i < n; i++) {
                size_t r = right[i];
                assert_int_equal(hits[i].id, r);
                assert_memory_equal(&hits[i].score, &scores[r], sizeof(float));
                assert_memory_equal(&hits[i].image_score, &image_scores[r], sizeof(float));
                assert_memory_equal(&hits[i].text_score, &text_scores[r], sizeof(float));
            }
        }
    free(scores);
    free(right);
    free(hits);
}

static void test_the_best_are_those_with_the_best_scores(void **state)
{
    (void)state;
    cir_pool *pools[] = {NULL, pool_new(2), pool_new(5)};
    static const size_t n_rows[] = {0, 1, 2, 17, 64, 700};
    for (shape kind = RANDOM; kind <= WITH_NAN; kind++)
        for (size_t i = 0; i < sizeof n_rows / sizeof *n_rows; i++)
            for (int options = 0; options < 4; options++) {
                fixture f = fixture_new(n_rows[i], 19, kind, 5 + i);
                cir_rows rows = rows_of(&f, options & 1, options & 2);
                check_top(&f, &rows, pools, 3);
                f.query.fusion = (cir_fusion){.kind = CIR_FUSION_TEXT};
                check_top(&f, &rows, pools, 3);
                f.query.a = NULL;
                check_top(&f, &rows, pools, 3);
                fixture_done(&f);
            }
    cir_pool_free(pools[1]);
    cir_pool_free(pools[2]);
}

/* Rows may come in any order: the answer is the same. */
static void test_the_heap_does_not_care_for_the_order(void **state)
{
    (void)state;
    enum { N = 97, K = 13 };
    float scores[N], zeros[N] = {0};
    uint64_t random = 17;
    for (size_t i = 0; i < N; i++) {
        scores[i] = (float)(random_bits(&random) % 9);
        if (i % 10 == 4)
            scores[i] = NAN;
    }
    size_t right[N], n_right = best_by_force(scores, N, right);
    assert_true(n_right > K);
    for (size_t step = 1; step < N; step++) { /* N is a prime: every step visits all */
        cir_hit hits[K];
        cir__top top = {.k = K, .hits = hits};
        for (size_t i = 0, r = 0; i < N; i++, r = (r + step) % N)
            cir__top_push(&top, r, 1, &scores[r], &zeros[r], &zeros[r]);
        assert_int_equal(top.n, K);
        cir__top_sort(hits, K);
        for (size_t i = 0; i < K; i++)
            assert_int_equal(hits[i].id, right[i]);
    }
}

static float *read_golden(const char *name, cir__npy_view *view_out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/search/%s.npy", getenv("CIR_TEST_DATA"), name);
    float *items;
    cir_error err;
    if (cir__npy_read(path, &items, view_out, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return items;
}

/* test/data/search/make.py: what numpy answers in float64. */
static void test_the_best_are_those_of_numpy(void **state)
{
    (void)state;
    cir__npy_view rows_view, cases_view, top_view, other;
    float *f32 = read_golden("rows", &rows_view);
    float *queries = read_golden("queries", &other), *cases = read_golden("cases", &cases_view);
    float *top_rows = read_golden("top_rows", &top_view), *top_scores = read_golden("top_scores", &other);
    size_t n_rows = rows_view.n_rows, dim = rows_view.row_items;
    uint16_t *f16 = malloc(n_rows * dim * sizeof *f16);
    for (size_t i = 0; i < n_rows * dim; i++)
        f16[i] = cir__half_from_float(f32[i]); /* they were halves: exact */
    cir_hit *hits = malloc(top_view.row_items * sizeof *hits);
    for (size_t c = 0; c < cases_view.n_rows; c++)
        for (int is_half = 0; is_half < 2; is_half++) {
            const float *golden = cases + c * cases_view.row_items;
            const float *a = queries + (size_t)golden[0] * 2 * dim;
            cir_query query = {
                dim,
                a,
                golden[5],
                a + dim,
                golden[6],
                {(cir_fusion_kind)golden[1], golden[2] != 0, .lambda = golden[3], .weight = golden[4]}};
            cir_rows rows = {.n_rows = n_rows, .dim = dim};
            if (is_half)
                rows.f16 = f16;
            else
                rows.f32 = f32;
            cir_error err;
            size_t n, k = (size_t)golden[7];
            assert_int_equal(cir_search_top(&rows, &query, k, NULL, hits, &n, &err), CIR_OK);
            assert_int_equal(n, k);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(hits[i].id, (size_t)top_rows[c * top_view.row_items + i]);
                assert_true(fabsf(hits[i].score - top_scores[c * top_view.row_items + i]) < 2e-6f);
            }
        }
    free(f32);
    free(queries);
    free(cases);
    free(top_rows);
    free(top_scores);
    free(f16);
    free(hits);
}

/* Rows with scales are the scaled rows: powers of two, so that nothing is rounded. */
static void test_scales_scale(void **state)
{
    (void)state;
    enum { N = 1200, DIM = 19, K = 25 };
    static float scales[N];
    fixture f = fixture_new(N, DIM, RANDOM, 47), scaled = fixture_new(N, DIM, RANDOM, 47);
    cir_hit right[K], hits[K];
    size_t n, n_right;
    cir_error err;
    for (size_t r = 0; r < N; r++) {
        scales[r] = r % 3 == 0 ? 0.5f : r % 3 == 1 ? 1.0f : 4.0f;
        for (size_t i = 0; i < DIM; i++)
            scaled.f32[r * DIM + i] *= scales[r];
    }
    const cir_rows right_rows = rows_of(&scaled, false, false);
    assert_int_equal(cir_search_top(&right_rows, &scaled.query, K, NULL, right, &n_right, &err), CIR_OK);
    for (int is_half = 0; is_half < 2; is_half++)
        for (int is_batch = 0; is_batch < 2; is_batch++) {
            cir_rows rows = rows_of(&f, is_half, false);
            rows.scales = scales;
            assert_int_equal(is_batch ? cir_search_top_batch(&rows, &f.query, 1, K, NULL, hits, &n, &err)
                                      : cir_search_top(&rows, &f.query, K, NULL, hits, &n, &err),
                             CIR_OK);
            assert_int_equal(n, n_right);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(hits[i].id, right[i].id);
                assert_true(fabsf(hits[i].score - right[i].score) <= 1e-5f * fabsf(right[i].score));
            }
        }
    fixture_done(&f);
    fixture_done(&scaled);
}

static void test_a_missing_side_scores_nothing(void **state)
{
    (void)state;
    fixture f = fixture_new(50, 40, RANDOM, 41);
    cir_rows rows = rows_of(&f, true, false);
    cir_error err;
    cir_hit hits[50], both[50];
    size_t n;
    f.query.fusion = (cir_fusion){.kind = CIR_FUSION_IMAGE};
    assert_int_equal(cir_search_top(&rows, &f.query, 50, NULL, both, &n, &err), CIR_OK);
    f.query.b = NULL;
    assert_int_equal(cir_search_top(&rows, &f.query, 50, NULL, hits, &n, &err), CIR_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(hits[i].id, both[i].id);
        assert_memory_equal(&hits[i].score, &both[i].score, sizeof(float));
        assert_true(hits[i].text_score == 0 && both[i].text_score != 0);
    }
    fixture_done(&f);
}

static void check_refused(const cir_rows *rows, const cir_query *query, size_t k, cir_status right,
                          const char *word)
{
    cir_error err;
    cir_hit hits[3];
    size_t n = 7;
    assert_int_equal(cir_search_top(rows, query, k, NULL, hits, &n, &err), right);
    assert_int_equal(n, 0);
    assert_non_null(strstr(err.message, word));
}

static void test_bad_queries_are_refused(void **state)
{
    (void)state;
    fixture f = fixture_new(20, 8, RANDOM, 51);
    cir_rows rows = rows_of(&f, true, false);
    cir_query query = f.query;
    check_refused(&rows, &query, 0, CIR_ARGUMENT, "at least 1");
    query.dim = 7;
    check_refused(&rows, &query, 3, CIR_SHAPE, "dimension 7, the rows have 8");
    query = f.query;
    query.fusion.lambda = NAN;
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "lambda");
    query.fusion = (cir_fusion){.kind = CIR_FUSION_SUM, .weight = 1.5f};
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "[0, 1]");
    query.fusion = (cir_fusion){.kind = CIR_FUSION_PRODUCT, .weight = 0.25f};
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "clamp");
    query.fusion = (cir_fusion){.kind = (cir_fusion_kind)77};
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "77");
    query = f.query;
    query.b0 = INFINITY;
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "b0");
    f.a[5] = NAN;
    check_refused(&rows, &f.query, 3, CIR_ARGUMENT, "a[5]");
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_the_definition),
        cmocka_unit_test(test_the_best_are_those_with_the_best_scores),
        cmocka_unit_test(test_the_heap_does_not_care_for_the_order),
        cmocka_unit_test(test_the_best_are_those_of_numpy),
        cmocka_unit_test(test_scales_scale),
        cmocka_unit_test(test_a_missing_side_scores_nothing),
        cmocka_unit_test(test_bad_queries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
