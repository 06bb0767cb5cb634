/* The scan against a brute force in double, written as one reads the interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cir/search.h"
#include "format/npy.h"
#include "kernels/half.h"
#include "search/top.h"

static uint32_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

static float random_float(uint64_t *state)
{
    return (float)random_bits(state) * 0x1p-31f - 1;
}

/* Rows in both precisions with the same values, and a query. */
typedef struct fixture {
    size_t n_rows, dim;
    uint16_t *f16;
    float *f32, *a, *b;
    uint8_t *ready;
    cir_query query;
} fixture;

typedef enum shape { RANDOM, CLUSTERED, ALL_EQUAL, WITH_NAN } shape;

static fixture fixture_new(size_t n_rows, size_t dim, shape kind, uint64_t seed)
{
    uint64_t random = seed;
    fixture f = {.n_rows = n_rows, .dim = dim};
    f.f16 = malloc((n_rows * dim + 1) * sizeof *f.f16);
    f.f32 = malloc((n_rows * dim + 1) * sizeof *f.f32);
    f.a = malloc(dim * sizeof *f.a);
    f.b = malloc(dim * sizeof *f.b);
    f.ready = malloc(n_rows + 1);
    for (size_t r = 0; r < n_rows; r++) {
        f.ready[r] = random_bits(&random) % 4 != 0;
        for (size_t i = 0; i < dim; i++) {
            float x = random_float(&random) * 0.25f;
            if (kind == CLUSTERED && r >= 7) /* seven rows, repeated: many exact ties */
                x = f.f32[(r % 7) * dim + i];
            if (kind == ALL_EQUAL && r > 0)
                x = f.f32[i];
            f.f32[r * dim + i] = x = cir__half_to_float(cir__half_from_float(x));
            f.f16[r * dim + i] = cir__half_from_float(x);
        }
        if (kind == WITH_NAN && r % 5 == 1) {
            uint16_t odd = r % 10 == 1 ? 0x7e00 : 0x7c00;
            f.f16[r * dim + r % dim] = odd;
            f.f32[r * dim + r % dim] = cir__half_to_float(odd);
        }
    }
    for (size_t i = 0; i < dim; i++) {
        f.a[i] = random_float(&random);
        f.b[i] = random_float(&random);
    }
    f.query = (cir_query){.dim = dim,
                          .a = f.a,
                          .a0 = 0.5f,
                          .b = f.b,
                          .b0 = 0.25f,
                          .fusion = {.kind = CIR_FUSE_HARRIS, .clamp = true, .lambda = 0.1f, .weight = 0.5f}};
    return f;
}

static void fixture_done(fixture *f)
{
    free(f->f16);
    free(f->f32);
    free(f->a);
    free(f->b);
    free(f->ready);
}

static cir_rows rows_of(const fixture *f, bool is_half, bool has_ready)
{
    return (cir_rows){.n_rows = f->n_rows,
                      .dim = f->dim,
                      .f16 = is_half ? f->f16 : NULL,
                      .f32 = is_half ? NULL : f->f32,
                      .ready = has_ready ? f->ready : NULL};
}

static cir_pool *pool_new(size_t n_threads)
{
    cir_pool *pool;
    cir_error err;
    assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
    return pool;
}

/* The definition. size_out: the sum of the sizes of what was added, which bounds the float version's error.
 */
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
    case CIR_FUSE_IMAGE:
        return v;
    case CIR_FUSE_TEXT:
        return t;
    case CIR_FUSE_SUM:
        return 2 * ((1 - w) * v + w * t);
    case CIR_FUSE_PRODUCT:
        return w == 0.5 ? v * t : pow(v, 2 - 2 * w) * pow(t, 2 * w);
    case CIR_FUSE_GAUSS:
        return ((1 - w) * (1 + erf(v / sqrt(2))) + w * (1 + erf(t / sqrt(2)))) / 2;
    case CIR_FUSE_HARRIS:
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
    for (int kind = CIR_FUSE_IMAGE; kind <= CIR_FUSE_GAUSS; kind++)
        for (int w = 0; w <= 4; w++)
            for (int is_half = 0; is_half < 2; is_half++) {
                cir_rows rows = rows_of(&f, is_half, true);
                bool clamp = w % 2 != 0 || w == 4 || kind == CIR_FUSE_HARRIS;
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
                    if (kind == CIR_FUSE_GAUSS)
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
                f.query.fusion = (cir_fusion){.kind = CIR_FUSE_TEXT};
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
        raw.fusion = (cir_fusion){.kind = CIR_FUSE_SUM, .weight = 0.5f};
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
        f.query.fusion.kind = CIR_FUSE_TEXT;
        assert_int_equal(cir_search_ranks(&rows, &f.query, hits, n, NULL, ranks, &err), CIR_OK);
        assert_int_equal(ranks[0].by_image, 0);
        assert_true(ranks[0].by_text >= 1);
        free(image_scores);
        fixture_done(&f);
    }
}

/* A batch against one search after another; whole numbers, so that both ways give the same bits and many tie.
 */
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
        queries[q].fusion.kind = q == 7 ? CIR_FUSE_TEXT : q == 8 ? CIR_FUSE_IMAGE : CIR_FUSE_HARRIS;
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
    f.query.fusion = (cir_fusion){.kind = CIR_FUSE_IMAGE};
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
    query.fusion = (cir_fusion){.kind = CIR_FUSE_SUM, .weight = 1.5f};
    check_refused(&rows, &query, 3, CIR_ARGUMENT, "[0, 1]");
    query.fusion = (cir_fusion){.kind = CIR_FUSE_PRODUCT, .weight = 0.25f};
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
        cmocka_unit_test(test_callers_at_once),
        cmocka_unit_test(test_many_blocks_and_threads_give_the_same_bits),
        cmocka_unit_test(test_a_row_alone_scores_the_same),
        cmocka_unit_test(test_ranks_count_the_rows_before),
        cmocka_unit_test(test_a_batch_is_as_its_queries),
        cmocka_unit_test(test_scales_scale),
        cmocka_unit_test(test_a_missing_side_scores_nothing),
        cmocka_unit_test(test_bad_queries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
