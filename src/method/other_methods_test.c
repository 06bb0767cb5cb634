/* Baselines, WeiCom and FREEDOM, composed over an index. */
#include "method/stand_in_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_baselines_make_nothing(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    float image[DIM];
    text_feature("a photo", image);
    cir_composer *composer = composer_new(made, CIR_METHOD_PRODUCT);
    assert_int_equal(n_calls, 0);
    cir_composed composed = compose(composer, image, "at night");
    assert_int_equal(n_texts, 1);
    assert_memory_equal(composed.query.a, image, sizeof image);
    cir_composed_done(&composed);
    cir_composer_free(composer);
    assert_int_equal(each_kept(made, "", NULL), 1);
    assert_int_equal(each_kept(made, "texts.bin", NULL), 1);
    scene_free(made);
}

static void test_weicom_is_percentiles(void **state)
{
    (void)state;
    enum { N = 30 };
    scene *made = scene_new(N);
    made->settings.weight = 0.25;
    made->index.ready[3] = 0; /* counts for nothing */
    float image[DIM], text[DIM], row[DIM], scores[N];
    double sides[2][N], mean[2] = {0}, square[2] = {0};
    text_feature("a photo", image);
    text_feature("at night", text);
    for (size_t r = 0; r < N; r++) {
        row_get(made, r, row);
        for (size_t s = 0; s < 2 && r != 3; s++)
            mean[s] += (sides[s][r] = dot(s == 0 ? image : text, row)) / (N - 1);
    }
    for (size_t r = 0; r < N; r++)
        for (size_t s = 0; s < 2 && r != 3; s++)
            square[s] += (sides[s][r] - mean[s]) * (sides[s][r] - mean[s]) / (N - 2);
    cir_composer *composer = composer_new(made, CIR_METHOD_WEICOM);
    cir_composed composed = compose(composer, image, "at night");
    const cir_rows rows = cir_index_get_rows(&made->index);
    assert_int_equal(cir_search_scores(&rows, &composed.query, NULL, scores, NULL, NULL, NULL), CIR_OK);
    for (size_t r = 0; r < N; r++) {
        if (r == 3)
            continue;
        double right = 0.0;
        for (size_t s = 0; s < 2; s++)
            right +=
                (s == 0 ? 0.75 : 0.25) * (1 + erf((sides[s][r] - mean[s]) / sqrt(square[s]) / sqrt(2.0))) / 2;
        assert_true(fabs((double)scores[r] - right) < 1e-5);
    }
    cir_composed_done(&composed);
    composed = compose(composer, NULL, "at night");
    assert_int_equal(composed.query.fusion.kind, CIR_FUSION_TEXT);
    assert_memory_equal(composed.query.b, text, sizeof text);
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_freedom_puts_photos_into_words(void **state)
{
    (void)state;
    scene *made = scene_new(50);
    float image[DIM];
    text_feature("thing 13", image); /* is its own nearest word */
    made->settings.expand = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_FREEDOM);
    assert_int_equal(n_texts, 40);
    n_calls = n_texts = 0;
    cir_composed composed = compose(composer, image, "at night");
    assert_int_equal(n_calls, 1);
    assert_int_equal(n_texts, 7);
    assert_int_equal(composed.n_cut, 3);
    assert_string_equal(first_text, "thing 13 at night");
    assert_int_equal(composed.query.fusion.kind, CIR_FUSION_TEXT);
    assert_null(composed.query.a);
    cir_composed_done(&composed);

    cir_error err;
    assert_int_equal(cir_composer_compose(composer, NULL, image, NULL, &composed, &err), CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "no words"));
    assert_int_equal(cir_composer_compose(composer, NULL, NULL, "at night", &composed, &err), CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "no photo"));
    cir_composer_free(composer);

    /* All rows are one photo, so that the words of the twenty and their weights are those of the one. */
    for (size_t r = 1; r < 50; r++)
        memcpy(made->index.vectors + r * DIM, made->index.vectors, DIM * sizeof(uint16_t));
    row_get(made, 0, image);
    made->settings.expand = true;
    n_texts = 0;
    composer = composer_new(made, CIR_METHOD_FREEDOM);
    assert_int_equal(n_texts, 0); /* the vocabulary was kept */
    cir_composed inside = compose(composer, image, "at night");
    cir_composer_free(composer);
    made->settings.expand = false;
    composer = composer_new(made, CIR_METHOD_FREEDOM);
    cir_composed alone = compose(composer, image, "at night");
    assert_memory_equal(inside.query.b, alone.query.b, DIM * sizeof(float));
    cir_composed_done(&inside);
    cir_composed_done(&alone);
    cir_composer_free(composer);
    scene_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baselines_make_nothing),
        cmocka_unit_test(test_weicom_is_percentiles),
        cmocka_unit_test(test_freedom_puts_photos_into_words),
    };
    return cmocka_run_group_tests_name("other methods", tests, NULL, NULL);
}
