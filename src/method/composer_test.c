/* The composer: BASIC's scores against plain loops, what is encoded, and what is refused. */
#include "method/stand_in_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "kernels/half.h"

/* How many texts the model encodes for one query of a composer of its own. */
static size_t count_encoded(const scene *made, cir_method method, const float *image, const char *text,
                            cir_composed *composed_out)
{
    cir_composer *composer = composer_new(made, method);
    n_texts = 0;
    *composed_out = compose(composer, image, text);
    cir_composer_free(composer);
    return n_texts;
}

static void test_scores_are_the_methods(void **state)
{
    (void)state;
    enum { N = 30 };
    scene *made = scene_new(N);
    made->settings.project = made->settings.expand = made->settings.contextualise = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);

    /* By plain loops: means, minima, and both scores of every row. */
    float rows[N][DIM], objects[40][DIM], image[DIM], text[DIM];
    double image_mean[DIM] = {0}, text_mean[DIM] = {0}, image_squares = 0, text_squares = 0;
    for (size_t r = 0; r < N; r++)
        for (size_t i = 0; i < DIM; i++)
            rows[r][i] = cir__half_to_float(made->index.vectors[r * DIM + i]);
    for (int o = 0; o < 40; o++) {
        char name[32];
        snprintf(name, sizeof name, "thing %d", o);
        text_feature(name, objects[o]);
    }
    for (size_t i = 0; i < DIM; i++) {
        for (size_t r = 0; r < N; r++)
            image_mean[i] += (double)rows[r][i] / (double)N;
        for (size_t o = 0; o < 40; o++)
            text_mean[i] += (double)objects[o][i] / 40;
    }
    /* About the index' own mean nothing is shifted: of the minima, the deviations within rows are left. */
    for (size_t r = 0; r < N; r++) {
        double row_sum = 0, row_squares = 0;
        for (size_t other = 0; other < N + 40; other++) {
            double sum = 0.0;
            for (size_t i = 0; i < DIM; i++)
                sum += ((double)rows[r][i] - image_mean[i]) *
                       (other < N ? (double)rows[other][i] - image_mean[i]
                                  : (double)objects[other - N][i] - text_mean[i]);
            if (other < N && other != r) {
                row_sum += sum;
                row_squares += sum * sum;
            } else if (other >= N) {
                text_squares += sum * sum;
            }
        }
        image_squares += (row_squares - row_sum * row_sum / (N - 1)) / (N - 2);
    }
    const double min_image = -sqrt(image_squares / N), min_text = -sqrt(text_squares / ((N - 1) * 40));
    assert_true(fabs(cir_composer_get_settings(composer)->min_image - min_image) < 1e-6);
    assert_true(fabs(cir_composer_get_settings(composer)->min_text - min_text) < 1e-6);
    assert_true(cir_composer_get_settings(composer)->has_min_text);

    text_feature("a photo", image);
    text_feature("at night", text);
    cir_composed composed = compose(composer, image, "at night");
    assert_true(composed.encode_seconds >= 0.0);
    for (size_t r = 0; r < N; r++) {
        double v = -min_image, t = -min_text;
        for (size_t i = 0; i < DIM; i++) {
            v += ((double)image[i] - image_mean[i]) * ((double)rows[r][i] - image_mean[i]);
            t += ((double)text[i] - text_mean[i]) * ((double)rows[r][i] - image_mean[i]);
        }
        assert_true(fabs(dot(composed.query.a, rows[r]) + (double)composed.query.a0 - v / -min_image) < 1e-5);
        assert_true(fabs(dot(composed.query.b, rows[r]) + (double)composed.query.b0 - t / -min_text) < 1e-5);
    }
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_words_are_read_among_object_terms(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    made->settings.context = 7;
    made->settings.variant = CIR_VARIANT_REFERENCE;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
    n_calls = n_texts = 0;
    cir_composed composed = compose(composer, NULL, "at night");
    assert_int_equal(n_calls, 1);
    assert_int_equal(n_texts, 14);
    assert_string_equal(first_text, "thing 0 at night");
    assert_string_equal(last_text, "at night thing 6");
    assert_int_equal(composed.n_cut, 7);
    cir_composed_done(&composed);
    cir_composer_free(composer);

    made->settings.variant = CIR_VARIANT_PAPER;
    composer = composer_new(made, CIR_METHOD_BASIC);
    composed = compose(composer, NULL, "at night");
    assert_string_not_equal(last_text, "at night thing 6"); /* drawn by the seed */
    cir_composed_done(&composed);
    cir_composer_free(composer);

    made->settings.contextualise = false;
    composer = composer_new(made, CIR_METHOD_BASIC);
    composed = compose(composer, NULL, "at night");
    assert_string_equal(last_text, "at night");
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_almost_empty_indexes(void **state)
{
    (void)state;
    float image[DIM];
    text_feature("a photo", image);
    for (size_t n_rows = 0; n_rows < 4; n_rows++) {
        for (int same = 0; same < 2; same++) {
            for (int method = 0; method < CIR_METHOD_EXTERNAL; method++) {
                scene *made = scene_new(n_rows);
                for (size_t r = 1; same && r < n_rows; r++)
                    memcpy(made->index.vectors + r * DIM, made->index.vectors, DIM * sizeof(uint16_t));
                made->settings.expand = method == CIR_METHOD_BASIC || method == CIR_METHOD_FREEDOM;
                cir_composer *composer = composer_new(made, (cir_method)method);
                cir_composed composed = compose(composer, image, "at night");
                const cir_rows rows = cir_index_get_rows(&made->index);
                cir_hit hits[4];
                size_t n_hits = 0;
                if (n_rows > 0)
                    assert_int_equal(cir_search_top(&rows, &composed.query, 4, NULL, hits, &n_hits, NULL),
                                     CIR_OK);
                assert_int_equal(n_hits, n_rows);
                for (size_t i = 0; i < n_hits; i++)
                    assert_true(isfinite(hits[i].score) && fabsf(hits[i].score) < 1e4f);
                cir_composed_done(&composed);
                cir_composer_free(composer);
                scene_free(made);
            }
        }
    }
}

static void test_rows_of_nonsense_do_not_spread(void **state)
{
    (void)state;
    scene *made = scene_new(30);
    made->index.vectors[4 * DIM + 3] = 0x7e00; /* NaN */
    made->index.vectors[9 * DIM] = 0x7c00;     /* infinity */
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
    assert_true(isfinite(cir_composer_get_settings(composer)->min_image));
    cir_composed composed = compose(composer, NULL, "at night");
    for (size_t i = 0; i < DIM; i++)
        assert_true(isfinite(composed.query.b[i]));
    assert_true(isfinite(composed.query.b0));
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    cir_composer *composer;
    cir_composed composed;
    cir_error err;
    strcpy(made->model.info.fingerprint, "4567");
    assert_int_equal(
        cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_SUM, &made->settings, &composer, &err),
        CIR_MISMATCH);
    assert_null(composer);
    assert_non_null(strstr(err.message, "photos.cir"));
    strcpy(made->model.info.fingerprint, "0123");

    strcpy(made->settings.image_mean, "/nonexistent/mean.npy");
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_NOT_FOUND);
    made->settings.image_mean[0] = '\0';
    char objects[sizeof made->settings.corpus_objects];
    strcpy(objects, made->settings.corpus_objects);
    strcpy(made->settings.corpus_objects, "/nonexistent/objects.txt");
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_NOT_FOUND);
    strcpy(made->settings.corpus_objects, objects);
    /* A mean of another model. */
    snprintf(made->settings.image_mean, 256, "%s/method/small/image_mean.npy", getenv("CIR_TEST_DATA"));
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_SHAPE);
    assert_non_null(strstr(err.message, "24 numbers, features have 12"));
    made->settings.image_mean[0] = '\0';

    composer = composer_new(made, CIR_METHOD_BASIC);
    assert_int_equal(cir_composer_compose(composer, NULL, NULL, NULL, &composed, &err), CIR_ARGUMENT);
    cir_composer_free(composer);
    composer = composer_new(made, CIR_METHOD_TEXT);
    float image[DIM] = {1};
    assert_int_equal(cir_composer_compose(composer, NULL, image, NULL, &composed, &err), CIR_ARGUMENT);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_words_are_encoded_once(void **state)
{
    (void)state;
    static const cir_method methods[] = {CIR_METHOD_BASIC, CIR_METHOD_TEXT, CIR_METHOD_FREEDOM_MINUS};
    static const size_t n_wanted[] = {80, 1, 1};
    scene *made = scene_new(50);
    float image[DIM];
    text_feature("thing 13", image);
    made->settings.freedom_words = 1; /* of several the stand-in says that half were cut, and not which */
    for (size_t m = 0; m < 3; m++) {
        cir_composed first, again;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &first), n_wanted[m]);
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), 0);
        assert_memory_equal(first.query.b, again.query.b, DIM * sizeof(float));
        assert_int_equal(first.n_cut, again.n_cut);
        cir_composed_done(&again);
        /* Other words, another precision, and on request. */
        assert_int_equal(count_encoded(made, methods[m], image, "at noon", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->model.info.precision = CIR_PRECISION_BF16;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->model.info.precision = CIR_PRECISION_F32;
        made->settings.forget_texts = true;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), n_wanted[m]);
        cir_composed_done(&again);
        assert_int_equal(count_encoded(made, methods[m], image, "at dawn", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->settings.forget_texts = false;
        assert_int_equal(count_encoded(made, methods[m], image, "at dawn", &again), n_wanted[m]);
        cir_composed_done(&again);
        cir_composed_done(&first);
    }
    /* Among other terms the same words have another feature. */
    cir_composed composed;
    made->settings.context = 7;
    assert_int_equal(count_encoded(made, CIR_METHOD_BASIC, image, "at night", &composed), 14);
    cir_composed_done(&composed);
    scene_free(made);
}

static void test_words_made_before_are_as_good(void **state)
{
    (void)state;
    static const cir_method methods[] = {CIR_METHOD_BASIC, CIR_METHOD_BASIC_MINUS, CIR_METHOD_SUM,
                                         CIR_METHOD_WEICOM};
    scene *made = scene_new(60);
    float image[DIM], text[DIM];
    char key[CIR__HASH_TEXT_SIZE];
    cir_error err;
    text_feature("a photo", image);
    for (size_t m = 0; m < 4; m++) {
        cir_composer *composer = composer_new(made, methods[m]);
        size_t n_cut = 9;
        assert_int_equal(cir_composer_encode_text(composer, NULL, "at night", text, &n_cut, &err), CIR_OK);
        cir_composed composed = compose(composer, image, "at night"), again;
        assert_int_equal(n_cut, composed.n_cut);
        assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, NULL, &again, &err),
                         CIR_OK);
        assert_true(is_same_query(&composed.query, &again.query));
        cir_composed_done(&again);
        cir_composed_done(&composed);

        /* Other settings of the query alone: as a composer of its own makes it. */
        cir_settings now = made->settings;
        now.lambda = 0.03;
        now.weight = 0.7;
        now.expand = !now.expand;
        now.neighbours = 3;
        now.beta = 0.5;
        assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, &now, &again, &err),
                         CIR_OK);
        cir_settings before = made->settings;
        made->settings = now;
        cir_composer *other = composer_new(made, methods[m]);
        made->settings = before;
        composed = compose(other, image, "at night");
        assert_true(is_same_query(&composed.query, &again.query));
        assert_string_equal(cir_composer_get_text_key(composer), cir_composer_get_text_key(other));
        strcpy(key, cir_composer_get_text_key(composer));
        cir_composed_done(&again);
        cir_composed_done(&composed);
        cir_composer_free(other);
        cir_composer_free(composer);

        made->settings.context = 7;
        composer = composer_new(made, methods[m]);
        made->settings = before;
        assert_int_equal(strcmp(key, cir_composer_get_text_key(composer)) != 0, m < 2);
        cir_composer_free(composer);
    }
    cir_composer *composer = composer_new(made, CIR_METHOD_FREEDOM_MINUS);
    cir_composed composed;
    assert_string_equal(cir_composer_get_text_key(composer), "");
    assert_int_equal(cir_composer_encode_text(composer, NULL, "at night", text, NULL, &err), CIR_ARGUMENT);
    assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, NULL, &composed, &err),
                     CIR_ARGUMENT);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_external_is_not_for_an_index(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    cir_composer *composer;
    cir_error err;
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_EXTERNAL, &made->settings,
                                      &composer, &err),
                     CIR_ARGUMENT);
    assert_null(composer);
    assert_non_null(strstr(err.message, "cir eval"));
    scene_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_the_methods),
        cmocka_unit_test(test_words_are_read_among_object_terms),
        cmocka_unit_test(test_almost_empty_indexes),
        cmocka_unit_test(test_rows_of_nonsense_do_not_spread),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_words_are_encoded_once),
        cmocka_unit_test(test_words_made_before_are_as_good),
        cmocka_unit_test(test_external_is_not_for_an_index),
    };
    return cmocka_run_group_tests_name("composer", tests, NULL, NULL);
}
