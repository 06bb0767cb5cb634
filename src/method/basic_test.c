/* BASIC's steps one by one, on numbers that can be followed by hand or by a plain loop. Whole queries are
 * compared with numpy and with the reference in eval_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/half.h"
#include "method/baseline.h"
#include "method/basic.h"
#include "method/centre.h"
#include "method/estimate.h"
#include "method/expand.h"
#include "method/sample.h"

/* Numbers in (-1, 1) that differ from each other. */
static void fill(float *out, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
}

static double score(const cir_query *query, const float *x, bool of_text)
{
    const float *weights = of_text ? query->b : query->a;
    double sum = (double)(of_text ? query->b0 : query->a0);
    for (size_t i = 0; i < query->dim; i++)
        sum += (double)weights[i] * (double)x[i];
    return sum;
}

static void test_centring_folds_into_an_offset(void **state)
{
    (void)state;
    const float feature[3] = {0.5f, -0.25f, 1.0f}, mean[3] = {0.25f, 0.25f, -0.5f}, x[3] = {1.0f, 2.0f, 4.0f};
    double centred[3];
    cir__centre(3, feature, mean, centred);
    assert_true(centred[0] == 0.25 && centred[1] == -0.5 && centred[2] == 1.5);
    const cir__linear_form form = cir__centre_fold(3, centred, mean);
    double folded = form.offset, plain = 0.0;
    for (size_t i = 0; i < 3; i++) {
        folded += form.weights[i] * (double)x[i];
        plain += centred[i] * (double)(x[i] - mean[i]);
    }
    assert_true(folded == plain); /* all of it is exact in binary */
    cir__centre(3, feature, NULL, centred);
    assert_true(centred[2] == 1.0 && cir__centre_fold(3, centred, NULL).offset == 0.0);
}

static void test_projection_keeps_objects_and_drops_styles(void **state)
{
    (void)state;
    /* Objects differ along axes 0 and 1, styles along axes 1 and 2 and more so: only axis 0 is positive. */
    const float objects[4][3] = {{1, 0.5f, 0}, {-1, 0.5f, 0}, {1, -0.5f, 0}, {-1, -0.5f, 0}};
    const float styles[4][3] = {{0, 2, 2}, {0, -2, 2}, {0, 2, -2}, {0, -2, -2}};
    const float mean[3] = {0};
    cir_settings settings;
    cir__projection projection;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    settings.alpha = 0.5;
    assert_int_equal(cir__projection_fit(false, &objects[0][0], 4, &styles[0][0], 4, 3, mean, &settings, NULL,
                                         &projection, NULL),
                     CIR_OK);
    assert_int_equal(projection.n_directions, 1);
    double projected[3];
    const double query[3] = {3, 4, 5};
    assert_int_equal(cir__projection_apply(&projection, 3, query, 1, projected, NULL), CIR_OK);
    assert_true(fabs(projected[0] - 3) < 1e-6 && fabs(projected[1]) < 1e-6 && fabs(projected[2]) < 1e-6);
    cir__projection_done(&projection);
    assert_int_equal(cir__projection_apply(NULL, 3, query, 1, projected, NULL), CIR_OK);
    assert_memory_equal(projected, query, sizeof query);

    settings.alpha = 0; /* both axes of the objects are positive, axis 2 is exactly 0 and stays out */
    assert_int_equal(cir__projection_fit(false, &objects[0][0], 4, &styles[0][0], 4, 3, NULL, &settings, NULL,
                                         &projection, NULL),
                     CIR_OK);
    assert_int_equal(projection.n_directions, 2);
    cir__projection_done(&projection);
    settings.components = 1;
    assert_int_equal(cir__projection_fit(false, &objects[0][0], 4, &styles[0][0], 4, 3, mean, &settings, NULL,
                                         &projection, NULL),
                     CIR_OK);
    assert_int_equal(projection.n_directions, 1);
    cir__projection_done(&projection);

    settings.alpha = 1; /* nothing is positive: everything goes to 0, and nothing breaks */
    assert_int_equal(cir__projection_fit(false, &objects[0][0], 4, &styles[0][0], 4, 3, mean, &settings, NULL,
                                         &projection, NULL),
                     CIR_OK);
    assert_int_equal(projection.n_directions, 0);
    assert_int_equal(cir__projection_apply(&projection, 3, query, 1, projected, NULL), CIR_OK);
    assert_true(projected[0] == 0.0 && projected[1] == 0.0 && projected[2] == 0.0);
    cir__projection_done(&projection);
}

static void test_expansion_is_the_weighted_mean(void **state)
{
    (void)state;
    const float rows[4][2] = {{1, 0}, {0, 1}, {0.5f, 0.5f}, {9, 9}};
    const uint8_t ready[4] = {1, 1, 1, 0};
    const float mean[2] = {0.25f, 0};
    cir_rows set = {.n_rows = 4, .dim = 2, .f32 = &rows[0][0], .ready = ready};
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    settings.neighbours = 2;
    settings.beta = 2;
    /* s = ⟨q, x − mean⟩: row 0 has 0.75, row 2 has 0.25, row 1 has −0.25. */
    double query[2] = {1, 0};
    assert_int_equal(cir__expand(NULL, mean, &settings, &set, NULL, query, 1, NULL), CIR_OK);
    const double w[3] = {exp(2 * 0.75), exp(2 * 0.25), exp(2 * 1.0)};
    const double sum = w[0] + w[1] + w[2];
    assert_true(fabs(query[0] - (w[0] * 0.75 + w[1] * 0.25 + w[2] * 1) / sum) < 1e-6);
    assert_true(fabs(query[1] - (w[0] * 0 + w[1] * 0.5 + w[2] * 0) / sum) < 1e-6);

    /* More neighbours than rows, halves instead of floats, and a β that would overflow. */
    uint16_t halves[8];
    for (size_t i = 0; i < 8; i++)
        halves[i] = cir__half_from_float((&rows[0][0])[i]);
    set.f16 = halves;
    set.f32 = NULL;
    settings.neighbours = 1000;
    settings.beta = 1e6;
    double own[2] = {1, 0};
    assert_int_equal(cir__expand(NULL, mean, &settings, &set, NULL, own, 1, NULL), CIR_OK);
    assert_true(fabs(own[0] - 1) < 1e-12 && fabs(own[1]) < 1e-12);
    settings.beta = 0;
    assert_int_equal(cir__expand(NULL, NULL, &settings, &set, NULL, own, 1, NULL), CIR_OK);
    assert_true(fabs(own[0] - (1 + 0 + 0.5 + 1) / 4) < 1e-6 && fabs(own[1] - 1.5 / 4) < 1e-6);

    /* No row at all, and none that is ready. */
    double alone[2] = {0.5, 0.25};
    assert_int_equal(
        cir__expand(NULL, NULL, &settings, &(cir_rows){.dim = 2, .f32 = &rows[0][0]}, NULL, alone, 1, NULL),
        CIR_OK);
    const uint8_t none[4] = {0};
    set.ready = none;
    assert_int_equal(cir__expand(NULL, NULL, &settings, &set, NULL, alone, 1, NULL), CIR_OK);
    assert_true(alone[0] == 0.5 && alone[1] == 0.25);
}

static void test_normalising_shifts_and_scales(void **state)
{
    (void)state;
    double weights[2] = {1, -2};
    cir__linear_form form = {.dim = 2, .weights = weights, .offset = 0.5};
    cir__normalise(&form, -0.25, -0.5);
    assert_true(weights[0] == 2 && weights[1] == -4 && form.offset == 1.5);
}

static void test_minima_are_over_all_pairs(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {2, 3}, {127, 128}, {129, 257}, {300, 5}};
    const size_t dim = 7;
    cir_pool *pool = NULL;
    assert_int_equal(cir_pool_new(3, &pool, NULL), CIR_OK);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t n_images = sizes[s][0], n_texts = sizes[s][1];
        float *images = malloc(n_images * dim * sizeof *images),
              *texts = malloc(n_texts * dim * sizeof *texts);
        float image_mean[7], text_mean[7];
        fill(images, n_images * dim, 1 + (unsigned)s);
        fill(texts, n_texts * dim, 100 + (unsigned)s);
        fill(image_mean, dim, 7);
        fill(text_mean, dim, 8);
        double want_image = INFINITY, want_text = INFINITY;
        for (size_t i = 0; i < n_images; i++) {
            for (size_t j = 0; j < n_images + n_texts; j++) {
                double dot = 0.0;
                for (size_t d = 0; d < dim; d++) {
                    const float other = j < n_images ? images[j * dim + d] - image_mean[d]
                                                     : texts[(j - n_images) * dim + d] - text_mean[d];
                    dot += (double)(images[i * dim + d] - image_mean[d]) * (double)other;
                }
                double *const want = j < n_images ? &want_image : &want_text;
                *want = fmin(*want, dot);
            }
        }
        cir__minima minima;
        assert_int_equal(cir__minima_fit(images, n_images, texts, n_texts, dim, image_mean, text_mean,
                                         s % 2 == 0 ? pool : NULL, &minima, NULL),
                         CIR_OK);
        assert_true(fabs(minima.image - want_image) < 1e-5);
        assert_true(fabs(minima.text - want_text) < 1e-5);
        free(images);
        free(texts);
    }
    cir_pool_free(pool);
}

static void test_sampled_minima_of_almost_nothing(void **state)
{
    (void)state;
    size_t ids[CIR__SAMPLE_IMAGES], n_ids;
    const float rows[3][2] = {{1, 0}, {1, 0}, {0, 1}}, texts[2][2] = {{1, 0}, {0, 1}}, mean[2] = {1, 0};
    cir__minima minima;
    cir_rows set = {.n_rows = 0, .dim = 2, .f32 = &rows[0][0]};
    for (set.n_rows = 0; set.n_rows < 2; set.n_rows++) { /* no pairs: the paper's */
        assert_int_equal(
            cir__sample_minima(&set, &texts[0][0], 2, mean, mean, 0, NULL, &minima, ids, &n_ids, NULL),
            CIR_OK);
        assert_true(minima.image == -0.077 && minima.text == -0.117 && minima.source == CIR_MINIMA_PAPER);
        assert_int_equal(n_ids, set.n_rows);
    }
    /* Two copies of one image, centred with it: all similarities are 0, and 0 is no divisor. */
    assert_int_equal(
        cir__sample_minima(&set, &texts[0][0], 2, mean, NULL, 0, NULL, &minima, ids, &n_ids, NULL), CIR_OK);
    assert_true(minima.image == CIR__MINIMUM_FLOOR && minima.text == CIR__MINIMUM_FLOOR);
    /* x̄ = 0, 0, (−1, 1): image pairs have 0; the first text 0, 0, −1, the second 0, 0, 1, both with a
     * variance of 1/3 about a mean that chance explains. */
    set.n_rows = 3;
    assert_int_equal(
        cir__sample_minima(&set, &texts[0][0], 2, mean, NULL, 0, NULL, &minima, ids, &n_ids, NULL), CIR_OK);
    assert_true(minima.image == CIR__MINIMUM_FLOOR && fabs(minima.text + sqrt(1.0 / 3)) < 1e-6);
    assert_int_equal(minima.source, CIR_MINIMA_ESTIMATED);
    assert_int_equal(n_ids, 3);
}

static void test_a_side_alone_is_that_branch(void **state)
{
    (void)state;
    enum { DIM = 5, N = 9 };
    float rows[N * DIM], image[DIM], text[DIM], image_mean[DIM], text_mean[DIM];
    fill(rows, N * DIM, 1);
    fill(image, DIM, 2);
    fill(text, DIM, 3);
    fill(image_mean, DIM, 4);
    fill(text_mean, DIM, 5);
    const cir_rows set = {.n_rows = N, .dim = DIM, .f32 = rows};
    const cir__basic basic = {.dim = DIM,
                              .image_mean = image_mean,
                              .text_mean = text_mean,
                              .minima = {.image = -0.5, .text = -0.25}};
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    for (int variant = 0; variant < 2; variant++) {
        /* Three queries of one set: both forms, the photo alone, the words alone. */
        const size_t image_of[3] = {0, 0, SIZE_MAX}, text_of[3] = {0, SIZE_MAX, 0};
        const float *const images[] = {image}, *const texts[] = {text};
        const cir__query_set queries = {3, 1, 1, images, texts, NULL, image_of, text_of};
        cir_composed composed[3] = {0};
        settings.variant = (cir_variant)variant;
        assert_int_equal(cir__basic_compose(&basic, &settings, &set, NULL, &queries, composed, NULL), CIR_OK);
        cir_composed both = composed[0], photo = composed[1], words = composed[2];
        assert_int_equal(both.query.fusion.kind, CIR_FUSION_HARRIS);
        assert_true(both.query.fusion.clamp);
        assert_int_equal(photo.query.fusion.kind, CIR_FUSION_IMAGE);
        assert_int_equal(words.query.fusion.kind, CIR_FUSION_TEXT);
        assert_null(photo.query.b);
        assert_null(words.query.a);
        for (size_t r = 0; r < N; r++) {
            const float *x = rows + r * DIM;
            assert_true(score(&both.query, x, false) == score(&photo.query, x, false));
            assert_true(score(&both.query, x, true) == score(&words.query, x, true));
            double plain = 0.0;
            for (size_t i = 0; i < DIM; i++)
                plain += (double)(text[i] - text_mean[i]) * (double)(x[i] - image_mean[i]);
            const double want = (plain + 0.25) / (variant == CIR_VARIANT_PAPER ? 0.25 : 0.5);
            assert_true(fabs(score(&words.query, x, true) - want) < 1e-4);
        }
        cir_composed_done(&both);
        cir_composed_done(&photo);
        cir_composed_done(&words);
    }
}

static void test_baselines_take_what_they_use(void **state)
{
    (void)state;
    const float image[2] = {1, 2}, text[2] = {3, 4};
    cir_settings settings;
    cir_composed composed;
    cir_error err;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_PRODUCT);
    assert_int_equal(cir__baseline_query(CIR_METHOD_PRODUCT, &settings, 2, image, text, &composed, NULL),
                     CIR_OK);
    assert_memory_equal(composed.query.a, image, sizeof image);
    assert_memory_equal(composed.query.b, text, sizeof text);
    assert_true(composed.query.fusion.kind == CIR_FUSION_PRODUCT && composed.query.fusion.clamp);
    cir_composed_done(&composed);
    settings.weight = 0.25;
    assert_int_equal(cir__baseline_query(CIR_METHOD_SUM, &settings, 2, image, text, &composed, NULL), CIR_OK);
    assert_true(composed.query.fusion.kind == CIR_FUSION_SUM && !composed.query.fusion.clamp);
    assert_true(composed.query.fusion.weight == 0.25f);
    cir_composed_done(&composed);
    assert_int_equal(cir__baseline_query(CIR_METHOD_TEXT, &settings, 2, image, text, &composed, NULL),
                     CIR_OK);
    assert_true(composed.query.a == NULL && composed.query.fusion.kind == CIR_FUSION_TEXT);
    cir_composed_done(&composed);
    assert_int_equal(cir__baseline_query(CIR_METHOD_SUM, &settings, 2, image, NULL, &composed, NULL), CIR_OK);
    assert_true(composed.query.b == NULL && composed.query.fusion.kind == CIR_FUSION_IMAGE);
    cir_composed_done(&composed);

    assert_int_equal(cir__baseline_query(CIR_METHOD_TEXT, &settings, 2, image, NULL, &composed, &err),
                     CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "has no words"));
    assert_int_equal(cir__baseline_query(CIR_METHOD_IMAGE, &settings, 2, NULL, text, &composed, &err),
                     CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "has no photo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_centring_folds_into_an_offset),
        cmocka_unit_test(test_projection_keeps_objects_and_drops_styles),
        cmocka_unit_test(test_expansion_is_the_weighted_mean),
        cmocka_unit_test(test_normalising_shifts_and_scales),
        cmocka_unit_test(test_minima_are_over_all_pairs),
        cmocka_unit_test(test_sampled_minima_of_almost_nothing),
        cmocka_unit_test(test_a_side_alone_is_that_branch),
        cmocka_unit_test(test_baselines_take_what_they_use),
    };
    return cmocka_run_group_tests_name("basic", tests, NULL, NULL);
}
