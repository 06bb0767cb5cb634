/* Searching by codes against reading all rows. */

#include "search/find_testing.h"
#include <malloc.h>

static cir_pool *pool_new(size_t n_threads)
{
    cir_pool *pool;
    cir_error err;
    assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
    return pool;
}

static size_t list_fusions(cir_fusion *out)
{
    static const float lambdas[] = {0, 0.1f, 0.3f, -0.1f};
    size_t n = 0;
    for (int clamp = 0; clamp < 2; clamp++) {
        for (int kind = CIR_FUSION_IMAGE; kind <= CIR_FUSION_GAUSS; kind++)
            for (size_t i = 0; i < 4; i++)
                if (kind == CIR_FUSION_HARRIS || i == 0)
                    out[n++] = (cir_fusion){(cir_fusion_kind)kind, clamp, lambdas[i], 0.5f};
        out[n++] = (cir_fusion){.kind = CIR_FUSION_SUM, .clamp = clamp, .weight = 0.3f};
        out[n++] = (cir_fusion){.kind = CIR_FUSION_GAUSS, .clamp = clamp, .weight = 0.8f};
    }
    out[n++] = (cir_fusion){.kind = CIR_FUSION_PRODUCT, .clamp = true, .weight = 0.3f};
    return n;
}

static void test_exact_is_exact_on_every_shape(void **state)
{
    (void)state;
    cir_pool *pool = pool_new(2);
    cir_fusion fusions[40];
    const size_t n_fusions = list_fusions(fusions);
    size_t n_by_codes = 0;

    for (testing_shape shape = 0; shape < TESTING_N_SHAPES; shape++) {
        testing_rows t;
        testing_rows_init(&t, shape, 3000, 200, 3 + (uint64_t)shape);
        for (size_t f = 0; f < n_fusions; f++) {
            cir_query query = basic_query(&t);
            query.fusion = fusions[f];
            t.rows.ready = f % 2 == 0 ? t.ready : NULL;
            check_exact(&t.rows, &query, f % 3 == 0 ? 1 : 30, pool, &n_by_codes);
        }
        testing_rows_done(&t);
    }
    assert_true(n_by_codes > 30); /* the others fall back to reading all rows, as they should */
    cir_pool_free(pool);
}

/* Queries that are out of the ordinary; on rows of which the second half is 0. */
static void test_exact_is_exact_for_odd_queries(void **state)
{
    (void)state;
    testing_rows t;
    size_t n_by_codes = 0;
    enum { DIM = 512 };
    testing_rows_init(&t, TESTING_HALF, 5000, DIM, 17);
    float *const orthogonal = calloc(DIM, sizeof *orthogonal);
    orthogonal[400] = 0.5f;
    static const float sizes[] = {1, 1e30f, 1e-30f, 1e-42f, 3e38f, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float a[DIM], b[DIM];
        for (size_t j = 0; j < DIM; j++) {
            a[j] = t.a[j] * sizes[i];
            b[j] = t.b[j] * sizes[i];
        }
        cir_query query = basic_query(&t);
        query.a = a;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.b = b;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.a0 = query.b0 = 0;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.b0 = -1e20f;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    }
    cir_query query = basic_query(&t);
    query.a = orthogonal;
    check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    query.b = orthogonal;
    check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    query = basic_query(&t);
    for (int side = 0; side < 2; side++) { /* one side alone */
        query.fusion.kind = side == 0 ? CIR_FUSION_IMAGE : CIR_FUSION_TEXT;
        query.a = side == 0 ? t.a : NULL;
        query.b = side == 0 ? NULL : t.b;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    }
    assert_true(n_by_codes > 6);
    free(orthogonal);
    testing_rows_done(&t);
}

static double recall_of(const testing_rows *t, const cir_query *query, size_t k, cir_search_report *report)
{
    cir_hit *const right = malloc(k * sizeof *right), *const hits = malloc(k * sizeof *hits);
    size_t n_right, n, n_found = 0;
    cir_error err;
    assert_int_equal(cir_search_top(&t->rows, query, k, NULL, right, &n_right, &err), CIR_OK);
    *report = find(&t->rows, query, k, 0, NULL, hits, &n);
    assert_int_equal(n, n_right);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_right; j++)
            if (hits[i].id == right[j].id) {
                assert_hits_equal(&hits[i], &right[j], 1);
                n_found++;
            }
    free(right);
    free(hits);
    return (double)n_found / (double)n_right;
}

/* The default recall, on average over queries of both sides and of one. */
static void test_recall_is_what_it_says(void **state)
{
    (void)state;
    enum { N_QUERIES = 16, MAX_DIM = 256 };
    static const testing_shape shapes[] = {TESTING_UNIFORM, TESTING_CLUSTERED, TESTING_DUPLICATES,
                                           TESTING_AT_CENTRE};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        /* Among few rows without a structure, too many are too near for codes to be of use. */
        const size_t n_rows = shapes[s] == TESTING_UNIFORM ? 60000 : 16000;
        const size_t dim = shapes[s] == TESTING_UNIFORM ? 64 : MAX_DIM;
        testing_rows t;
        uint64_t random = 71;
        double recalls[2] = {0};
        size_t n_by_codes = 0, n_rescored = 0;
        testing_rows_init(&t, shapes[s], n_rows, dim, 23 + s);
        for (size_t q = 0; q < N_QUERIES; q++) {
            float a[MAX_DIM];
            cir_query query = basic_query(&t);
            cir_search_report report;
            for (size_t i = 0; i < dim; i++)
                a[i] = t.a[i] + 0.03f * testing_gauss(&random);
            query.a = a;
            query.fusion.kind = q % 2 == 0 ? CIR_FUSION_HARRIS : CIR_FUSION_IMAGE;
            for (size_t k = 0; k < 2; k++) {
                recalls[k] += recall_of(&t, &query, k == 0 ? 10 : 100, &report) / N_QUERIES;
                n_by_codes += report.used_codes;
                n_rescored += report.n_rescored;
            }
        }
        if (recalls[0] < 0.99 || recalls[1] < 0.99)
            fail_msg("shape %d: recall is %g at 10, %g at 100", (int)shapes[s], recalls[0], recalls[1]);
        if (shapes[s] == TESTING_CLUSTERED) {
            assert_int_equal(n_by_codes, 2 * N_QUERIES);
            assert_true(n_rescored < 2 * N_QUERIES * n_rows / 10);
        }
        if (shapes[s] == TESTING_UNIFORM)
            assert_true(n_by_codes > 2);
        testing_rows_done(&t);
    }
}

/* A lower recall reads fewer rows. */
static void test_recall_has_its_price(void **state)
{
    (void)state;
    testing_rows t;
    cir_hit hits[50];
    size_t n, n_before = 0;
    testing_rows_init(&t, TESTING_CLUSTERED, 20000, 384, 29);
    const cir_query query = basic_query(&t);
    static const double recalls[] = {0.5, 0.8, 0.95, 0.999, 1};
    for (size_t i = 0; i < sizeof recalls / sizeof *recalls; i++) {
        const cir_search_report report = find(&t.rows, &query, 50, recalls[i], NULL, hits, &n);
        assert_true(report.used_codes && report.n_rescored >= n_before);
        assert_true(report.n_candidates >= report.n_rescored && report.n_rescored >= 50);
        n_before = report.n_rescored;
    }
    assert_true(find(&t.rows, &query, 50, 0.5, NULL, hits, &n).n_rescored < n_before);
    testing_rows_done(&t);
}

/* Neither threads nor company change an answer, not even what is missed. */
static void test_threads_and_batches_change_nothing(void **state)
{
    (void)state;
    enum { N_ROWS = 12000, DIM = 128, N_QUERIES = 70, K = 20 };
    static cir_hit alone[N_QUERIES][K], all[N_QUERIES][K];
    static float a[N_QUERIES][DIM];
    testing_rows t;
    cir_query queries[N_QUERIES];
    size_t n_alone[N_QUERIES], n_all[N_QUERIES], n_rescored = 0;
    uint64_t random = 43;
    cir_error err;
    testing_rows_init(&t, TESTING_CLUSTERED, N_ROWS, DIM, 43);
    t.rows.ready = t.ready;
    for (size_t q = 0; q < N_QUERIES; q++) {
        for (size_t i = 0; i < DIM; i++)
            a[q][i] = t.a[i] + 0.05f * testing_gauss(&random);
        queries[q] = basic_query(&t);
        queries[q].a = a[q];
        queries[q].fusion.kind = q % 3 == 0   ? CIR_FUSION_IMAGE
                                 : q % 7 == 0 ? CIR_FUSION_SUM
                                              : CIR_FUSION_HARRIS;
        n_rescored += find(&t.rows, &queries[q], K, 0.6, NULL, alone[q], &n_alone[q]).n_rescored;
    }
    const cir_search_options options = {.size = sizeof options, .recall = 0.6};
    for (size_t n_threads = 1; n_threads <= 5; n_threads += 2) {
        cir_pool *pool = pool_new(n_threads);
        cir_search_report report;
        for (size_t q = 0; q < N_QUERIES; q += 7) {
            (void)find(&t.rows, &queries[q], K, 0.6, pool, all[q], &n_all[q]);
            assert_int_equal(n_all[q], n_alone[q]);
            assert_hits_equal(all[q], alone[q], n_all[q]);
        }
        assert_int_equal(
            cir_search_find(&t.rows, queries, N_QUERIES, K, &options, pool, all[0], n_all, &report, &err),
            CIR_OK);
        assert_int_equal(report.n_rescored, n_rescored);
        assert_true(report.used_codes);
        for (size_t q = 0; q < N_QUERIES; q++) {
            assert_int_equal(n_all[q], n_alone[q]);
            assert_hits_equal(all[q], alone[q], n_all[q]);
        }
        cir_pool_free(pool);
    }
    testing_rows_done(&t);
}

int main(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* fixed, so that what is large is given back when freed */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_is_exact_on_every_shape),
        cmocka_unit_test(test_exact_is_exact_for_odd_queries),
        cmocka_unit_test(test_recall_is_what_it_says),
        cmocka_unit_test(test_recall_has_its_price),
        cmocka_unit_test(test_threads_and_batches_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
