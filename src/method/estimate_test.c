/* Estimated minima against plain loops, and what they promise: below 0 whatever the mean, the same from few
 * images as from many. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the above first. */
#include <cmocka.h>

#include "method/estimate.h"

enum { DIM = 24 };

/* Sum of four uniform numbers: near enough to a Gaussian of deviation 1/√3. */
static float draw(uint64_t *state)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        *state = *state * 6364136223846793005U + 1442695040888963407U;
        sum += (float)(*state >> 40) / 16777216.0f - 0.5f;
    }
    return sum;
}

/* n unit rows around a centre. */
static float *rows_new(size_t n, const float *centre, float width, uint64_t seed)
{
    float *const rows = malloc(n * DIM * sizeof *rows);
    assert_non_null(rows);
    for (size_t r = 0; r < n; r++) {
        float norm = 0;
        for (size_t i = 0; i < DIM; i++) {
            float *const x = &rows[r * DIM + i];
            *x = centre[i] + width * draw(&seed);
            norm += *x * *x;
        }
        for (size_t i = 0; i < DIM; i++)
            rows[r * DIM + i] /= sqrtf(norm);
    }
    return rows;
}

static void mean_of(const float *rows, size_t n, float *mean)
{
    for (size_t i = 0; i < DIM; i++) {
        double sum = 0;
        for (size_t r = 0; r < n; r++)
            sum += (double)rows[r * DIM + i];
        mean[i] = (float)(sum / (double)n);
    }
}

static cir__minima estimate(const float *images, size_t n_images, const float *texts, size_t n_texts,
                            const float *image_mean, const float *text_mean, cir_pool *pool)
{
    cir__minima minima;
    assert_int_equal(cir__minima_estimate(images, n_images, texts, n_texts, DIM, image_mean, text_mean, pool,
                                          &minima, NULL),
                     CIR_OK);
    assert_int_equal(minima.source, CIR_MINIMA_ESTIMATED);
    assert_true(minima.image <= CIR__MINIMUM_FLOOR && minima.text <= CIR__MINIMUM_FLOOR);
    return minima;
}

/* The formula of estimate.h, pair by pair. */
static double by_loops(const float *left, size_t n_left, const float *left_mean, const float *right,
                       size_t n_right, const float *right_mean, bool is_same)
{
    double within = 0, means = 0;
    const double n = (double)(n_right - is_same);
    for (size_t l = 0; l < n_left; l++) {
        double sum = 0, squares = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t r = 0; r < n_right; r++) {
                double dot = 0;
                for (size_t i = 0; i < DIM; i++)
                    dot += ((double)left[l * DIM + i] - (double)left_mean[i]) *
                           ((double)right[r * DIM + i] - (double)right_mean[i]);
                if (is_same && l == r)
                    continue;
                if (pass == 0)
                    sum += dot / n;
                else
                    squares += (dot - sum) * (dot - sum);
            }
        within += n > 1 ? squares / (n - 1) / (double)n_left : 0;
        means += sum * sum / (double)n_left;
    }
    return -sqrt(within) - 3.09 * sqrt(fmax(means - within / n, 0));
}

static void test_against_loops(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{2, 1}, {3, 200}, {127, 5}, {129, 128}, {300, 257}};
    cir_pool *pool = NULL;
    assert_int_equal(cir_pool_new(3, &pool, NULL), CIR_OK);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        float centre[DIM] = {1}, other[DIM] = {0, 0.7f, 0.7f}, image_mean[DIM], text_mean[DIM];
        const size_t n_images = sizes[s][0], n_texts = sizes[s][1];
        float *const images = rows_new(n_images, centre, 0.4f, s), *const texts =
                                                                       rows_new(n_texts, other, 0.4f, s + 9);
        for (int is_foreign = 0; is_foreign < 2; is_foreign++) {
            mean_of(is_foreign ? texts : images, is_foreign ? n_texts : n_images, image_mean);
            mean_of(texts, n_texts, text_mean);
            text_mean[1] += 0.1f;
            const cir__minima got =
                estimate(images, n_images, texts, n_texts, image_mean, text_mean, s % 2 ? pool : NULL);
            const double image = by_loops(images, n_images, image_mean, images, n_images, image_mean, true),
                         text = by_loops(texts, n_texts, text_mean, images, n_images, image_mean, false);
            assert_true(fabs(got.image - image) < 1e-5 && fabs(got.text - text) < 1e-5);
        }
        free(images);
        free(texts);
    }
    cir_pool_free(pool);
}

/* One scene under the mean of other pictures: all pairs are alike, so that a smallest similarity would be
 * positive. */
static void test_a_narrow_collection_under_a_foreign_mean(void **state)
{
    (void)state;
    enum { N = 40, N_TEXTS = 200 };
    float scene[DIM] = {0.6f, 0.5f, 0, -0.4f}, world[DIM] = {0.6f}, origin[DIM] = {0}, mean[DIM],
          text_mean[DIM];
    float *const images = rows_new(N, scene, 0.02f, 1), *const others = rows_new(500, world, 0.3f, 2),
                 *const texts = rows_new(N_TEXTS, origin, 1, 3);
    mean_of(others, 500, mean);
    mean_of(texts, N_TEXTS, text_mean);
    const cir__minima minima = estimate(images, N, texts, N_TEXTS, mean, text_mean, NULL);
    size_t n_clamped = 0;
    for (size_t r = 0; r < N; r++)
        for (size_t l = 0; l < N + N_TEXTS; l++) {
            double dot = 0;
            for (size_t i = 0; i < DIM; i++)
                dot += ((double)images[r * DIM + i] - (double)mean[i]) *
                       (l < N ? (double)images[l * DIM + i] - (double)mean[i]
                              : (double)texts[(l - N) * DIM + i] - (double)text_mean[i]);
            if (l < N)
                assert_true(dot > 0 && dot > minima.image); /* as the smallest would be */
            else
                n_clamped += dot <= minima.text;
        }
    assert_true(n_clamped <= N * N_TEXTS / 50); /* no text loses all images */
    free(images);
    free(others);
    free(texts);
}

static void test_few_images_say_what_many_say(void **state)
{
    (void)state;
    enum { N = 800, N_TEXTS = 200 };
    float centre[DIM] = {0.8f}, origin[DIM] = {0}, text_mean[DIM];
    float *const images = rows_new(N, centre, 0.3f, 4), *const texts = rows_new(N_TEXTS, origin, 1, 5);
    mean_of(texts, N_TEXTS, text_mean);
    cir__minima of_all = {0};
    for (size_t n = N; n >= 50; n /= 4) {
        float mean[DIM];
        mean_of(images, n, mean);
        const cir__minima minima = estimate(images, n, texts, N_TEXTS, mean, text_mean, NULL);
        of_all = n == N ? minima : of_all;
        assert_true(fabs(minima.image / of_all.image - 1) < 0.1 && fabs(minima.text / of_all.text - 1) < 0.1);
    }
    free(images);
    free(texts);
}

static void test_features_that_are_no_numbers(void **state)
{
    (void)state;
    float origin[DIM] = {1};
    float *const images = rows_new(5, origin, 0.3f, 6), *const texts = rows_new(3, origin, 0.3f, 7);
    cir__minima minima;
    images[2 * DIM + 1] = NAN;
    assert_int_equal(cir__minima_estimate(images, 5, texts, 3, DIM, NULL, NULL, NULL, &minima, NULL),
                     CIR_FORMAT);
    free(images);
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_loops),
        cmocka_unit_test(test_a_narrow_collection_under_a_foreign_mean),
        cmocka_unit_test(test_few_images_say_what_many_say),
        cmocka_unit_test(test_features_that_are_no_numbers),
    };
    return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
