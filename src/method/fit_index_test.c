/* A fit of an index: what is made and kept beside its vectors, and when estimates move. */
#include "method/stand_in_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static void spoil(const char *path)
{
    assert_int_equal(cir__file_replace(path, "{\"mean\": [1, 2], \"image\": \"x\"", 29, NULL), CIR_OK);
}

/* A folder that is gone stands for read-only media: root may write all. */
static cir__folder *make_unwritable(void)
{
    char path[] = "/tmp/cir_composer_XXXXXX";
    cir__folder *folder;
    assert_non_null(mkdtemp(path));
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    assert_int_equal(rmdir(path), 0);
    return folder;
}

/* The minima in force over the index as it stands. */
static double min_image_of(const scene *made)
{
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    const double minimum = cir_composer_get_settings(composer)->min_image;
    cir_composer_free(composer);
    return minimum;
}

static void test_what_was_made_is_kept(void **state)
{
    (void)state;
    scene *made = scene_new(50);
    cir__folder *before = made->index.opened;
    float image[DIM];
    text_feature("a photo", image);
    cir_composed composed[6];
    for (int i = 0; i < 6; i++) {
        if (i == 2)
            assert_true(each_kept(made, "", erase) >= 5);
        if (i == 3)
            assert_int_equal(each_kept(made, "", spoil),
                             6); /* two corpora, projection, mean, minima, texts */
        if (i == 5)
            made->index.opened = make_unwritable();
        n_calls = n_texts = 0;
        cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
        assert_int_equal(n_texts, i == 1 || i == 4 ? 0 : 70);
        composed[i] = compose(composer, image, "at night");
        cir_composer_free(composer);
        assert_memory_equal(composed[i].memory, composed[0].memory, 2 * DIM * sizeof(float));
        assert_true(composed[i].query.a0 == composed[0].query.a0 &&
                    composed[i].query.b0 == composed[0].query.b0);
    }
    for (int i = 0; i < 6; i++)
        cir_composed_done(&composed[i]);
    cir__folder_close(made->index.opened);
    made->index.opened = before;
    scene_free(made);
}

static void test_other_settings_are_kept_apart(void **state)
{
    (void)state;
    static const char *const changes[] = {"alpha=0.3", "components=3", "variant=reference", "seed=4",
                                          "centre=0"};
    scene *made = scene_new(50);
    const cir_settings before = made->settings;
    cir_composer_free(composer_new(made, CIR_METHOD_BASIC));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const size_t n_before = each_kept(made, "projection", NULL) + each_kept(made, "minima", NULL);
        made->settings = before;
        assert_int_equal(cir_settings_set(&made->settings, changes[i], NULL), CIR_OK);
        cir_composer *kept = composer_new(made, CIR_METHOD_BASIC);
        assert_true(each_kept(made, "projection", NULL) + each_kept(made, "minima", NULL) > n_before);
        cir_composed a = compose(kept, NULL, "at night");
        cir_composer_free(kept);
        each_kept(made, "", erase);
        cir_composer *fresh = composer_new(made, CIR_METHOD_BASIC);
        cir_composed b = compose(fresh, NULL, "at night");
        assert_memory_equal(a.memory, b.memory, 2 * DIM * sizeof(float));
        cir_composed_done(&a);
        cir_composed_done(&b);
        cir_composer_free(fresh);
    }
    scene_free(made);
}

static void test_minima_do_not_drift(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    const double of_20 = min_image_of(made);
    add_rows(&made->index, 39, 1);
    assert_true(min_image_of(made) == of_20); /* not twice as many yet */
    add_rows(&made->index, 40, 1);
    const double of_40 = min_image_of(made);
    assert_true(of_40 != of_20);
    add_rows(&made->index, 900, 2);
    const double of_900 = min_image_of(made); /* from now on the sample is full */
    add_rows(&made->index, 2000, 3);
    assert_true(min_image_of(made) == of_900);
    each_kept(made, "minima", erase);
    assert_true(min_image_of(made) != of_900);
    /* More than half of the sample vanishes. */
    const double of_2000 = min_image_of(made);
    memset(made->index.ready, 0, 900);
    made->index.info.n_ready = 1100;
    assert_true(min_image_of(made) == of_2000);
    memset(made->index.ready, 0, 1400);
    made->index.info.n_ready = 600;
    assert_true(min_image_of(made) != of_2000);
    scene_free(made);
}

static void test_the_image_mean_follows_the_index(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    made->settings.normalise = made->settings.project = made->settings.contextualise = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    cir_composed before = compose(composer, NULL, "at night");
    cir_composer_free(composer);
    add_rows(&made->index, 25, 1);
    composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    cir_composed after = compose(composer, NULL, "at night");
    cir_composer_free(composer);
    assert_true(before.query.b0 != after.query.b0);
    cir_composed_done(&before);
    cir_composed_done(&after);
    scene_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_made_is_kept),
        cmocka_unit_test(test_other_settings_are_kept_apart),
        cmocka_unit_test(test_minima_do_not_drift),
        cmocka_unit_test(test_the_image_mean_follows_the_index),
    };
    return cmocka_run_group_tests_name("fit index", tests, NULL, NULL);
}
