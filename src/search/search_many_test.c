/* Many blocks, threads, callers and queries at once answer as one row and one query do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "kernels/half.h"
#include "search/rows_testing.h"

/* Several callers share rows and pool. */

typedef struct caller {
    const fixture *f;
    cir_pool *pool;
    cir_hit hits[20];
} caller;

static void *call(void *argument)
{
    caller *self = argument;
    cir_rows rows = rows_of(self->f, true, true);
    for (int i = 0; i < 20; i++) {
        size_t n;
        if (cir_search_top(&rows, &self->f->query, 20, self->pool, self->hits, &n, NULL) != CIR_OK || n != 20)
            return self;
    }
    return NULL;
}

static void test_callers_at_once(void **state)
{
    (void)state;
    fixture f = fixture_new(4000, 300, RANDOM, 61);
    cir_pool *pool = pool_new(3);
    caller callers[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        callers[i] = (caller){.f = &f, .pool = i < 2 ? pool : NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        for (size_t h = 0; h < 20; h++)
            assert_int_equal(callers[i].hits[h].id, callers[0].hits[h].id);
    }
    cir_pool_free(pool);
    fixture_done(&f);
}

/* Large enough for many blocks; rows around the blocks' borders among the best. */
static void test_many_blocks_and_threads_give_the_same_bits(void **state)
{
    (void)state;
    size_t n_rows = 20000, k = 200;
    fixture f = fixture_new(n_rows, 160, CLUSTERED, 21);
    uint64_t random = 1;
    for (size_t r = 0; r < n_rows; r += 1 + random_bits(&random) % 50)
        f.f16[r * f.dim + 3] = cir__half_from_float(random_float(&random));
    cir_rows rows = rows_of(&f, true, true);
    cir_hit *first = malloc(k * sizeof *first), *hits = malloc(k * sizeof *hits);
    float *first_scores = malloc(n_rows * sizeof *first_scores), *scores = malloc(n_rows * sizeof *scores);
    cir_error err;
    size_t n;
    assert_int_equal(cir_search_top(&rows, &f.query, k, NULL, first, &n, &err), CIR_OK);
    assert_int_equal(n, k);
    assert_int_equal(cir_search_scores(&rows, &f.query, NULL, first_scores, NULL, NULL, &err), CIR_OK);
    for (size_t i = 1; i < k; i++)
        assert_true(first[i - 1].score > first[i].score ||
                    (first[i - 1].score == first[i].score && first[i - 1].id < first[i].id));
    size_t n_better = 0;
    for (size_t r = 0; r < n_rows; r++)
        n_better += first_scores[r] > first[k - 1].score;
    assert_true(n_better < k);
    for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
        cir_pool *pool = pool_new(n_threads);
        for (int round = 0; round < 5; round++) {
            memset(hits, 0, k * sizeof *hits);
            assert_int_equal(cir_search_top(&rows, &f.query, k, pool, hits, &n, &err), CIR_OK);
            for (size_t i = 0; i < k; i++) {
                assert_int_equal(hits[i].id, first[i].id);
                assert_memory_equal(&hits[i].score, &first[i].score, 3 * sizeof(float));
            }
        }
        assert_int_equal(cir_search_scores(&rows, &f.query, pool, scores, NULL, NULL, &err), CIR_OK);
        assert_memory_equal(scores, first_scores, n_rows * sizeof *scores);
        cir_pool_free(pool);
    }
    free(first);
    free(hits);
    free(first_scores);
    free(scores);
    fixture_done(&f);
}

/* A row's score does not change with the rows around it. */
static void test_a_row_alone_scores_the_same(void **state)
{
    (void)state;
    fixture f = fixture_new(500, 300, RANDOM, 23);
    cir_rows rows = rows_of(&f, true, false);
    float scores[500];
    cir_error err;
    assert_int_equal(cir_search_scores(&rows, &f.query, NULL, scores, NULL, NULL, &err), CIR_OK);
    for (size_t r = 0; r < f.n_rows; r++) {
        cir_rows one = {.n_rows = 1, .dim = f.dim, .f16 = f.f16 + r * f.dim};
        float score;
        assert_int_equal(cir_search_scores(&one, &f.query, NULL, &score, NULL, NULL, &err), CIR_OK);
        assert_memory_equal(&score, &scores[r], sizeof score);
    }
    fixture_done(&f);
}

static void test_ranks_count_the_rows_before(void **state)
{
    (void)state;
    for (shape kind = RANDOM; kind <= WITH_NAN; kind++) {
        size_t n_rows = 3000;
        fixture f = fixture_new(n_rows, 200, kind, 31);
        cir_rows rows = rows_of(&f, true, true);
        float *image_scores = malloc(2 * n_rows * sizeof *image_scores), *text_scores = image_scores + n_rows;
        cir_error err;
        cir_hit hits[10];
        cir_rank ranks[10];
        size_t n;
        assert_int_equal(cir_search_top(&rows, &f.query, 10, NULL, hits, &n, &err), CIR_OK);
        cir_query raw = f.query;
        raw.fusion = (cir_fusion){.kind = CIR_FUSION_SUM, .weight = 0.5f};
        assert_int_equal(cir_search_scores(&rows, &raw, NULL, NULL, image_scores, text_scores, &err), CIR_OK);
        for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
            cir_pool *pool = pool_new(n_threads);
            assert_int_equal(cir_search_ranks(&rows, &f.query, hits, n, pool, ranks, &err), CIR_OK);
            cir_pool_free(pool);
            for (size_t h = 0; h < n; h++) {
                size_t id = hits[h].id, by_image = 1, by_text = 1;
                for (size_t r = 0; r < n_rows; r++) {
                    by_image +=
                        image_scores[r] > image_scores[id] || (image_scores[r] == image_scores[id] && r < id);
                    by_text +=
                        text_scores[r] > text_scores[id] || (text_scores[r] == text_scores[id] && r < id);
                }
                assert_int_equal(ranks[h].by_image, by_image);
                assert_int_equal(ranks[h].by_text, by_text);
            }
        }
        f.query.a = NULL;
        f.query.fusion.kind = CIR_FUSION_TEXT;
        assert_int_equal(cir_search_ranks(&rows, &f.query, hits, n, NULL, ranks, &err), CIR_OK);
        assert_int_equal(ranks[0].by_image, 0);
        assert_true(ranks[0].by_text >= 1);
        free(image_scores);
        fixture_done(&f);
    }
}

/* A batch against one search after another; whole numbers, so that both ways give the same bits and many
 * tie. */
static void test_a_batch_is_as_its_queries(void **state)
{
    (void)state;
    enum { N = 2500, DIM = 33, N_QUERIES = 9, K = 40 };
    static cir_hit all[N_QUERIES][K], one[K];
    fixture f = fixture_new(N, DIM, RANDOM, 41);
    float sides[4 * DIM];
    uint64_t random = 43;
    cir_query queries[N_QUERIES];
    cir_error err;
    for (size_t i = 0; i < N * DIM; i++)
        f.f16[i] = cir__half_from_float(f.f32[i] = (float)(int)(random_bits(&random) % 7) - 3);
    for (size_t i = 0; i < 4 * DIM; i++)
        sides[i] = (float)(int)(random_bits(&random) % 7) - 3;
    for (size_t q = 0; q < N_QUERIES; q++) {
        queries[q] = f.query;
        queries[q].a = q == 7 ? NULL : sides + q % 2 * DIM;
        queries[q].b = q == 8 ? NULL : sides + (2 + q / 2 % 2) * DIM;
        queries[q].a0 = q == 3 ? 2 : 0.5f;
        queries[q].fusion.kind = q == 7 ? CIR_FUSION_TEXT : q == 8 ? CIR_FUSION_IMAGE : CIR_FUSION_HARRIS;
    }
    for (int is_half = 0; is_half < 2; is_half++)
        for (size_t n_threads = 1; n_threads <= 3; n_threads += 2)
            for (size_t k = 1; k <= K; k += 13) {
                cir_rows rows = rows_of(&f, is_half, k > 1);
                size_t n[N_QUERIES], n_one;
                cir_pool *pool = pool_new(n_threads);
                assert_int_equal(cir_search_top_batch(&rows, queries, N_QUERIES, k, pool, all[0], n, &err),
                                 CIR_OK);
                for (size_t q = 0; q < N_QUERIES; q++) {
                    assert_int_equal(cir_search_top(&rows, &queries[q], k, pool, one, &n_one, &err), CIR_OK);
                    assert_int_equal(n[q], n_one);
                    for (size_t i = 0; i < n_one; i++) {
                        const cir_hit *hit = all[0] + q * k + i;
                        assert_int_equal(hit->id, one[i].id);
                        assert_true(hit->score == one[i].score && hit->image_score == one[i].image_score &&
                                    hit->text_score == one[i].text_score);
                    }
                }
                cir_pool_free(pool);
            }
    /* More answers asked for than rows there are, no rows, no answers, and a query that cannot be. */
    cir_rows rows = rows_of(&f, 0, false);
    size_t n[N_QUERIES];
    rows.n_rows = 3;
    assert_int_equal(cir_search_top_batch(&rows, queries, N_QUERIES, K, NULL, all[0], n, &err), CIR_OK);
    for (size_t q = 0; q < N_QUERIES; q++)
        assert_int_equal(n[q], 3);
    rows.n_rows = 0;
    assert_int_equal(cir_search_top_batch(&rows, queries, N_QUERIES, K, NULL, all[0], n, &err), CIR_OK);
    assert_int_equal(n[N_QUERIES - 1], 0);
    assert_int_equal(cir_search_top_batch(&rows, queries, N_QUERIES, 0, NULL, all[0], n, &err), CIR_ARGUMENT);
    queries[5].b0 = NAN;
    rows.n_rows = 3;
    assert_int_equal(cir_search_top_batch(&rows, queries, N_QUERIES, K, NULL, all[0], n, &err), CIR_ARGUMENT);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callers_at_once),
        cmocka_unit_test(test_many_blocks_and_threads_give_the_same_bits),
        cmocka_unit_test(test_a_row_alone_scores_the_same),
        cmocka_unit_test(test_ranks_count_the_rows_before),
        cmocka_unit_test(test_a_batch_is_as_its_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
