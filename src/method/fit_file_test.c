/* A fit written and read: the same queries without the index, whatever the method; and every cut and every
 * changed bit is refused, or, with a checksum made right, gives a fit that can be used. */
#include "method/stand_in_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "cir/image.h"
#include "method/fit.h"

static cir_fit *fit_new(const scene *made, cir_method method)
{
    cir_fit *fit;
    cir_error err;
    if (cir_fit_new(&made->index, &made->model, NULL, method, &made->settings, &fit, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return fit;
}

/* Writes and reads it again; bytes are the same the second time. */
static cir_fit *hand_over(const cir_fit *fit)
{
    uint8_t *bytes, *again;
    size_t size, size_again;
    cir_fit *other;
    cir_error err;
    assert_int_equal(cir_fit_format(fit, &bytes, &size, &err), CIR_OK);
    if (cir_fit_parse(bytes, size, "fit", &other, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cir_fit_format(other, &again, &size_again, &err), CIR_OK);
    assert_int_equal(size, size_again);
    assert_memory_equal(bytes, again, size);
    cir_bytes_free(bytes);
    cir_bytes_free(again);
    return other;
}

static void set(scene *made, cir_method method, const char *const *changes)
{
    char objects[4096], styles[4096];
    strcpy(objects, made->settings.corpus_objects);
    strcpy(styles, made->settings.corpus_styles);
    cir_settings_init(&made->settings, sizeof made->settings, method);
    strcpy(made->settings.corpus_objects, objects);
    strcpy(made->settings.corpus_styles, styles);
    for (; *changes != NULL; changes++)
        assert_int_equal(cir_settings_set(&made->settings, *changes, NULL), CIR_OK);
}

static void test_composes_the_same_without_the_index(void **state)
{
    (void)state;
    static const char *const changes[][4] = {{NULL},
                                             {"project_text=1", "text_alpha=0.1", NULL},
                                             {"centre=0", "project=0", NULL},
                                             {"contextualise=0", "normalise=0", NULL},
                                             {"variant=reference", "min_image=-0.3", "context=5", NULL}};
    scene *made = scene_new(60);
    float image[DIM];
    cir_error err;
    text_feature("thing 13", image);
    for (int method = 0; method < CIR_METHOD_EXTERNAL; method++)
        for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
            cir_composer *here, *there;
            set(made, (cir_method)method, changes[c]);
            here = composer_new(made, (cir_method)method);
            cir_fit *fit = fit_new(made, (cir_method)method), *handed = hand_over(fit);
            cir_fit_free(fit);
            assert_string_equal(cir_fit_get_fingerprint(handed), "0123");
            assert_memory_equal(&cir_fit_get_settings(handed)->min_image,
                                &cir_composer_get_settings(here)->min_image, sizeof(double));
            assert_int_equal(cir_fit_get_settings(handed)->minima_source,
                             cir_composer_get_settings(here)->minima_source);
            const cir_rows rows = cir_index_get_rows(&made->index);
            assert_int_equal(
                cir_composer_new_of_fit(handed, &made->model, &rows, (cir_method)method, NULL, &there, &err),
                CIR_OK);
            assert_string_equal(cir_composer_get_text_key(here), cir_composer_get_text_key(there));
            const cir_composed a = compose(here, image, "at night"), b = compose(there, image, "at night");
            assert_int_equal(a.query.a != NULL, b.query.a != NULL);
            assert_int_equal(a.query.b != NULL, b.query.b != NULL);
            assert_memory_equal(a.memory, b.memory, 2 * DIM * sizeof *a.memory);
            assert_true(a.query.a0 == b.query.a0 && a.query.b0 == b.query.b0);
            assert_memory_equal(&a.query.fusion, &b.query.fusion, sizeof a.query.fusion);
            cir_composed_done((cir_composed *)&a);
            cir_composed_done((cir_composed *)&b);
            cir_composer_free(here);
            cir_composer_free(there);
            cir_fit_free(handed);
        }
    scene_free(made);
}

static void test_what_needs_rows_says_so(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const struct {
        cir_method method;
        const char *says; /* NULL: composes without rows */
    } cases[] = {{CIR_METHOD_BASIC, "set expand=0"},   {CIR_METHOD_WEICOM, "give the composer rows"},
                 {CIR_METHOD_FREEDOM, "set expand=0"}, {CIR_METHOD_BASIC_MINUS, NULL},
                 {CIR_METHOD_FREEDOM_MINUS, NULL},     {CIR_METHOD_PRODUCT, NULL}};
    scene *made = scene_new(20);
    float image[DIM];
    text_feature("a photo", image);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir_composer *composer;
        cir_composed composed;
        cir_error err;
        set(made, cases[i].method, none);
        cir_fit *fit = fit_new(made, cases[i].method);
        assert_int_equal(
            cir_composer_new_of_fit(fit, &made->model, NULL, cases[i].method, NULL, &composer, &err), CIR_OK);
        const cir_status status = cir_composer_compose(composer, NULL, image, "at night", &composed, &err);
        assert_int_equal(status, cases[i].says == NULL ? CIR_OK : CIR_ARGUMENT);
        assert_true(cases[i].says == NULL || strstr(err.message, cases[i].says) != NULL);
        cir_composed_done(&composed);
        if (cases[i].method == CIR_METHOD_WEICOM) { /* one side alone asks nothing of the rows */
            assert_int_equal(cir_composer_compose(composer, NULL, image, NULL, &composed, &err), CIR_OK);
            cir_composed_done(&composed);
        }
        cir_composer_free(composer);
        cir_fit_free(fit);
    }
    scene_free(made);
}

static void test_what_does_not_belong_is_refused(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    cir_composer *composer;
    cir_error err;
    cir_fit *fit = fit_new(made, CIR_METHOD_BASIC);
    cir_rows rows = cir_index_get_rows(&made->index);
    /* Methods of one family share a fit, and settings of a query may differ. */
    cir_settings now = made->settings;
    now.lambda = 0.03;
    now.alpha = 0.9;
    assert_int_equal(
        cir_composer_new_of_fit(fit, &made->model, &rows, CIR_METHOD_BASIC_MINUS, &now, &composer, &err),
        CIR_OK);
    assert_true(cir_composer_get_settings(composer)->lambda == 0.03);
    assert_true(cir_composer_get_settings(composer)->alpha == 0.2);
    cir_composer_free(composer);
    assert_int_equal(
        cir_composer_new_of_fit(fit, &made->model, &rows, CIR_METHOD_FREEDOM, NULL, &composer, &err),
        CIR_MISMATCH);
    assert_null(composer);
    rows.dim++;
    assert_int_equal(
        cir_composer_new_of_fit(fit, &made->model, &rows, CIR_METHOD_BASIC, NULL, &composer, &err),
        CIR_SHAPE);
    strcpy(made->model.info.fingerprint, "4567");
    assert_int_equal(
        cir_composer_new_of_fit(fit, &made->model, NULL, CIR_METHOD_BASIC, NULL, &composer, &err),
        CIR_MISMATCH);
    assert_non_null(strstr(err.message, "0123"));
    cir_fit_free(fit);
    scene_free(made);
}

static void test_files(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    char path[] = "/tmp/cir_fit_XXXXXX";
    cir_fit *fit = fit_new(made, CIR_METHOD_FREEDOM), *read;
    cir_error err;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(cir_fit_write(fit, path, &err), CIR_OK);
    assert_int_equal(cir_fit_read(path, &read, &err), CIR_OK);
    assert_int_equal(read->terms.n, 40);
    assert_memory_equal(read->vocabulary, fit->vocabulary, 40 * DIM * sizeof(float));
    cir_fit_free(read);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cir_fit_read(path, &read, &err), CIR_NOT_FOUND);
    assert_null(read);
    cir_fit_free(fit);
    scene_free(made);
}

/* Bytes with a right checksum are a fit that can be used, or are refused: nothing else. */
static void expect_usable(const scene *made, uint8_t *bytes, size_t size)
{
    cir_fit *fit;
    cir_error err;
    const uint64_t hash = cir__hash64(bytes, size - 8);
    memcpy(bytes + size - 8, &hash, sizeof hash);
    const cir_status status = cir_fit_parse(bytes, size, "fit", &fit, &err);
    if (status != CIR_OK) {
        assert_true(status == CIR_FORMAT || status == CIR_UNSUPPORTED);
        assert_null(fit);
        return;
    }
    cir_fit_free(hand_over(fit));
    if (fit->dim == DIM && strcmp(fit->model, "0123") == 0 && fit->family == CIR_FAMILY_BASIC) {
        const cir_rows rows = cir_index_get_rows(&made->index);
        cir_composer *composer;
        cir_composed composed;
        float image[DIM];
        text_feature("a photo", image);
        assert_int_equal(
            cir_composer_new_of_fit(fit, &made->model, &rows, CIR_METHOD_BASIC, NULL, &composer, &err),
            CIR_OK);
        if (cir_composer_compose(composer, NULL, image, "at night", &composed, &err) == CIR_OK)
            cir_composed_done(&composed);
        cir_composer_free(composer);
    }
    cir_fit_free(fit);
}

static void test_every_cut_and_every_bit(void **state)
{
    (void)state;
    static const char *const small[] = {"components=2", "context=3", NULL};
    const cir_method methods[] = {CIR_METHOD_BASIC, CIR_METHOD_FREEDOM, CIR_METHOD_SUM};
    scene *made = scene_new(20);
    for (size_t m = 0; m < 3; m++) {
        uint8_t *bytes;
        size_t size;
        cir_fit *read;
        cir_error err;
        set(made, methods[m], small);
        cir_fit *fit = fit_new(made, methods[m]);
        assert_int_equal(cir_fit_format(fit, &bytes, &size, &err), CIR_OK);
        cir_fit_free(fit);
        uint8_t *const changed = malloc(size);
        for (size_t n = 0; n < size; n++) {
            uint8_t *const cut = malloc(n > 0 ? n : 1); /* so that a sanitizer sees a byte too far */
            memcpy(cut, bytes, n);
            assert_int_equal(cir_fit_parse(cut, n, "fit", &read, &err), CIR_FORMAT);
            assert_null(read);
            free(cut);
        }
        for (size_t bit = 0; bit < 8 * size; bit++) {
            memcpy(changed, bytes, size);
            changed[bit / 8] ^= (uint8_t)(1U << bit % 8);
            const cir_status status = cir_fit_parse(changed, size, "fit", &read, &err);
            assert_true(status == CIR_FORMAT || (status == CIR_UNSUPPORTED && bit / 8 < 8));
            assert_null(read);
            if (bit / 8 < size - 8)
                expect_usable(made, changed, size);
        }
        free(changed);
        cir_bytes_free(bytes);
    }
    scene_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_composes_the_same_without_the_index),
        cmocka_unit_test(test_what_needs_rows_says_so),
        cmocka_unit_test(test_what_does_not_belong_is_refused),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_every_cut_and_every_bit),
    };
    return cmocka_run_group_tests_name("fit file", tests, NULL, NULL);
}
