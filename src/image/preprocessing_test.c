#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/skip.h"
#include "image/preprocessing.h"

static uint8_t *read_data(const char *name, size_t *size_out)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/image/%s", getenv("CIR_TEST_DATA"), name);
    uint8_t *bytes;
    cir_error err;
    if (cir__file_read(path, 1 << 20, &bytes, size_out, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return bytes;
}

/* A PPM as Pillow writes it. */
static cir_image read_ppm(const char *name)
{
    size_t size;
    uint8_t *bytes = read_data(name, &size);
    cir_image image = {0};
    int n_header = 0;
    assert_int_equal(sscanf((char *)bytes, "P6 %zu %zu 255%n", &image.width_px, &image.height_px, &n_header),
                     2);
    size_t n_bytes = image.width_px * image.height_px * 3;
    assert_int_equal(size, (size_t)n_header + 1 + n_bytes);
    image.rgb = malloc(n_bytes);
    memcpy(image.rgb, bytes + n_header + 1, n_bytes);
    free(bytes);
    return image;
}

static cir_status parse(const char *json, cir__preprocessing *preprocessing, cir_error *err)
{
    return cir__preprocessing_parse((const uint8_t *)json, strlen(json), "config", preprocessing, err);
}

/* open_clip_px: the model's side for one of open_clip's preprocessings, 0 for one of transformers'. */
static void check_preprocessing(const char *name, size_t open_clip_px, const char *picture)
{
    char path[64];
    cir_error err;
    size_t size;
    (void)snprintf(path, sizeof path, "preprocessing-%s.json", name);
    uint8_t *json = read_data(path, &size);
    cir__preprocessing preprocessing;
    cir_status status = open_clip_px > 0 ? cir__preprocessing_parse_open_clip(json, size, path, open_clip_px,
                                                                              &preprocessing, &err)
                                         : cir__preprocessing_parse(json, size, path, &preprocessing, &err);
    if (status != CIR_OK)
        fail_msg("%s", err.message);
    free(json);
    (void)snprintf(path, sizeof path, "%s.ppm", picture);
    cir_image image = read_ppm(path);
    (void)snprintf(path, sizeof path, "preprocessing-%s-%s.f32", name, picture);
    float *expected = (float *)(void *)read_data(path, &size);
    size_t height_px, width_px;
    assert_int_equal(cir__preprocessing_output_px(&preprocessing, name, &height_px, &width_px, &err), CIR_OK);
    assert_int_equal(size, 3 * height_px * width_px * sizeof(float));
    float *tensor = malloc(size);
    assert_int_equal(cir__preprocessing_apply(&preprocessing, &image, tensor, &err), CIR_OK);
    for (size_t i = 0; i < size / sizeof(float); i++)
        if (tensor[i] != expected[i])
            fail_msg("%s: element %zu is %.9g, should be %.9g", path, i, (double)tensor[i],
                     (double)expected[i]);
    free(tensor);
    free(expected);
    cir_image_done(&image);
}

static void test_tensors_are_as_in_transformers(void **state)
{
    (void)state;
    static const char *const names[] = {"clip",      "old",         "odd",        "padded", "unresized",
                                        "plain",     "unscaled",    "factor",     "siglip", "siglip-bare",
                                        "fast-clip", "fast-siglip", "fast-nested"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_preprocessing(names[i], 0, "noise");
        check_preprocessing(names[i], 0, "turned");
    }
}

/* transformers' Fast classes round otherwise while they resize: by a level or two of 255, in few places. */
static void test_fast_classes_are_near(void **state)
{
    (void)state;
    static const char *const names[] = {"clip", "siglip", "nested"};
    static const char *const pictures[] = {"noise", "turned"};
    for (size_t i = 0; i < 6; i++) {
        char path[64];
        size_t size;
        size_t fast_size;
        (void)snprintf(path, sizeof path, "preprocessing-fast-%s-%s.f32", names[i / 2], pictures[i % 2]);
        float *ours = (float *)(void *)read_data(path, &size);
        (void)snprintf(path, sizeof path, "fast-%s-%s.f32", names[i / 2], pictures[i % 2]);
        float *fast = (float *)(void *)read_data(path, &fast_size);
        assert_int_equal(size, fast_size);
        size_t n_far = 0;
        for (size_t j = 0; j < size / sizeof(float); j++) {
            /* Half a level divided by the largest deviation; two levels by the smallest. */
            double difference = fabs((double)ours[j] - (double)fast[j]);
            n_far += difference > 0.5 / 255 / 0.5;
            assert_true(difference < 2.1 / 255 / 0.26);
        }
        assert_true(n_far * 50 < size / sizeof(float));
        free(ours);
        free(fast);
    }
}

static void test_tensors_are_as_in_open_clip(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t image_px;
    } cases[] = {{"oc-shortest", 17}, {"oc-small", 8}, {"oc-bilinear", 13}, {"oc-squash", 16}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_preprocessing(cases[i].name, cases[i].image_px, "noise");
        check_preprocessing(cases[i].name, cases[i].image_px, "turned");
    }
}

static void test_bad_open_clip_preprocessing_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        cir_status status;
    } cases[] = {
        {"", CIR_FORMAT},
        {"{\"preprocess_cfg\": 3}", CIR_FORMAT},
        {"{\"preprocess_cfg\": {\"interpolation\": \"random\"}}", CIR_UNSUPPORTED},
        {"{\"preprocess_cfg\": {\"interpolation\": 3}}", CIR_UNSUPPORTED},
        {"{\"preprocess_cfg\": {\"resize_mode\": \"longest\"}}", CIR_UNSUPPORTED},
        {"{\"preprocess_cfg\": {\"mode\": \"L\"}}", CIR_UNSUPPORTED},
        {"{\"preprocess_cfg\": {\"mean\": 0.5}}", CIR_FORMAT},
        {"{\"preprocess_cfg\": {\"std\": [1, 0, 1]}}", CIR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir__preprocessing preprocessing;
        cir_error err;
        cir_status status = cir__preprocessing_parse_open_clip(
            (const uint8_t *)cases[i].json, strlen(cases[i].json), "config", 8, &preprocessing, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].json, status == CIR_OK ? "taken" : err.message);
        assert_int_equal(preprocessing.height_px, 0);
    }
}

static void test_the_photo_becomes_the_expected_tensor(void **state)
{
    (void)state;
    char path[1024];
    const char *shared = getenv("CIR_SHARED");
    cir_error err;
    cir_image image;
    (void)snprintf(path, sizeof path, "%s/data/preprocess/franz-kafka.jpg", shared);
    if (cir_image_read(path, NULL, &image, NULL, &err) == CIR_NOT_FOUND)
        SKIP("%s", err.message);
    assert_non_null(image.rgb);
    (void)snprintf(path, sizeof path, "%s/data/preprocess/expected_preprocessed_image.npy", shared);
    uint8_t *npy;
    size_t size;
    const size_t n = 3 * 224 * 224;
    assert_int_equal(cir__file_read(path, 1 << 20, &npy, &size, &err), CIR_OK);
    cir__preprocessing preprocessing;
    cir__preprocessing_init_clip(&preprocessing, 224);
    float *tensor = malloc(n * sizeof *tensor);
    assert_int_equal(cir__preprocessing_apply(&preprocessing, &image, tensor, &err), CIR_OK);
    /* The values stand at the file's end; float32 [1, 3, 224, 224]. */
    assert_true(size > n * sizeof *tensor);
    assert_memory_equal(tensor, npy + size - n * sizeof *tensor, n * sizeof *tensor);
    free(tensor);
    free(npy);
    cir_image_done(&image);
}

static void test_sizes_come_in_all_forms(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        cir__resize_mode resize;
        size_t height_px, width_px;
        bool does_crop;
        size_t crop_height_px, crop_width_px;
    } cases[] = {
        {"{}", CIR__RESIZE_SHORTEST_EDGE, 224, 224, true, 224, 224},
        {"{\"size\": 336, \"crop_size\": 336}", CIR__RESIZE_SHORTEST_EDGE, 336, 336, true, 336, 336},
        {"{\"size\": {\"shortest_edge\": 256}}", CIR__RESIZE_SHORTEST_EDGE, 256, 256, true, 224, 224},
        {"{\"size\": {\"height\": 10, \"width\": 20}, \"do_center_crop\": false}", CIR__RESIZE_EXACT, 10, 20,
         false, 224, 224},
        {"{\"size\": [10, 20], \"crop_size\": [30, 40]}", CIR__RESIZE_EXACT, 10, 20, true, 30, 40},
        {"{\"do_resize\": false, \"crop_size\": 8.0}", CIR__RESIZE_NONE, 224, 224, true, 8, 8},
        {"{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": {\"height\": 384, \"width\": 384}}",
         CIR__RESIZE_EXACT, 384, 384, false, 224, 224},
        {"{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": 384, \"crop_size\": null}",
         CIR__RESIZE_EXACT, 384, 384, false, 224, 224},
        {"{\"image_processor_type\": \"CLIPImageProcessorFast\", \"size\": 336, \"crop_size\": 336, "
         "\"default_to_square\": false, \"do_pad\": null, \"pad_size\": null, \"device\": null}",
         CIR__RESIZE_SHORTEST_EDGE, 336, 336, true, 336, 336},
        {"{\"image_processor_type\": \"CLIPImageProcessorPil\", \"size\": 336, \"default_to_square\": true}",
         CIR__RESIZE_EXACT, 336, 336, true, 224, 224},
        {"{\"image_processor_type\": \"SiglipImageProcessorFast\", \"do_convert_rgb\": true, "
         "\"size\": {\"height\": 256, \"width\": 256, \"shortest_edge\": null}}",
         CIR__RESIZE_EXACT, 256, 256, false, 224, 224},
        {"{\"image_processor\": {\"image_processor_type\": \"SiglipImageProcessor\", "
         "\"size\": {\"height\": 512, \"width\": 512}}, \"processor_class\": \"SiglipProcessor\"}",
         CIR__RESIZE_EXACT, 512, 512, false, 224, 224},
        {"{\"resample\": 3, \"interpolation\": \"bicubic\", \"do_pad\": false}", CIR__RESIZE_SHORTEST_EDGE,
         224, 224, true, 224, 224},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir__preprocessing preprocessing;
        cir_error err;
        assert_int_equal(parse(cases[i].json, &preprocessing, &err), CIR_OK);
        assert_int_equal(preprocessing.resize, cases[i].resize);
        assert_int_equal(preprocessing.height_px, cases[i].height_px);
        assert_int_equal(preprocessing.width_px, cases[i].width_px);
        assert_int_equal(preprocessing.does_crop, cases[i].does_crop);
        assert_int_equal(preprocessing.crop_height_px, cases[i].crop_height_px);
        assert_int_equal(preprocessing.crop_width_px, cases[i].crop_width_px);
    }
}

static void test_bad_preprocessing_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        cir_status status;
        const char *names; /* the key */
    } cases[] = {
        {"{\"size\": {\"shortest_edge\": 224, \"longest_edge\": 448}}", CIR_UNSUPPORTED, "size"},
        {"{\"size\": {\"height\": 224, \"width\": 224, \"shortest_edge\": 224}}", CIR_UNSUPPORTED, "size"},
        {"{\"size\": {\"max_height\": 224, \"max_width\": 224}}", CIR_UNSUPPORTED, "size"},
        {"{\"size\": [1, 2, 3]}", CIR_UNSUPPORTED, "size"},
        {"{\"interpolation\": \"bilinear\"}", CIR_UNSUPPORTED, "interpolation"},
        {"{\"resample\": 2, \"interpolation\": 3}", CIR_UNSUPPORTED, "interpolation"},
        {"{\"resample\": 0}", CIR_UNSUPPORTED, "resample"},
        {"{\"do_pad\": true}", CIR_UNSUPPORTED, "do_pad"},
        {"{\"use_square_size\": true}", CIR_UNSUPPORTED, "use_square_size"},
        {"{\"default_to_square\": 1}", CIR_FORMAT, "default_to_square"},
        {"{\"do_convert_rgb\": \"yes\"}", CIR_FORMAT, "do_convert_rgb"},
        {"{\"image_processor_type\": \"CLIPImageProcessorFast\", \"size\": 9, \"crop_size\": 16}",
         CIR_UNSUPPORTED, "crop_size"},
        {"{\"image_processor_type\": \"Siglip2ImageProcessorFast\"}", CIR_UNSUPPORTED, "NaFlex"},
        {"{\"image_processor\": {\"image_processor_type\": \"BlipImageProcessor\"}}", CIR_UNSUPPORTED,
         "BlipImageProcessor"},
        {"{\"image_processor_type\": \"CLIPSegImageProcessor\"}", CIR_UNSUPPORTED, "CLIPSegImageProcessor"},
        {"", CIR_FORMAT, NULL},
        {"{\"size\": 224", CIR_FORMAT, NULL},
        {"[1, 2]", CIR_FORMAT, NULL},
        {"{\"size\": 0}", CIR_FORMAT, NULL},
        {"{\"size\": -224}", CIR_FORMAT, NULL},
        {"{\"size\": 1e300}", CIR_FORMAT, NULL},
        {"{\"size\": 224.5}", CIR_FORMAT, NULL},
        {"{\"size\": 1000000}", CIR_FORMAT, NULL},
        {"{\"size\": \"224\"}", CIR_UNSUPPORTED, NULL},
        {"{\"size\": {\"longest_edge\": 224}}", CIR_UNSUPPORTED, NULL},
        {"{\"size\": [224]}", CIR_UNSUPPORTED, NULL},
        {"{\"crop_size\": {\"shortest_edge\": 224}}", CIR_UNSUPPORTED, NULL},
        {"{\"resample\": 1}", CIR_UNSUPPORTED, NULL},
        {"{\"resample\": \"bicubic\"}", CIR_UNSUPPORTED, NULL},
        {"{\"image_mean\": [1, 2]}", CIR_FORMAT, NULL},
        {"{\"image_mean\": [1, 2, \"3\"]}", CIR_FORMAT, NULL},
        {"{\"image_std\": [1, 0, 1]}", CIR_FORMAT, NULL},
        {"{\"do_resize\": 1}", CIR_FORMAT, NULL},
        {"{\"rescale_factor\": [1]}", CIR_FORMAT, NULL},
        {"{\"image_processor_type\": \"ViTImageProcessor\"}", CIR_UNSUPPORTED, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cir__preprocessing preprocessing;
        cir_error err;
        cir_status status = parse(cases[i].json, &preprocessing, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].json, status == CIR_OK ? "taken" : err.message);
        if (cases[i].names != NULL && strstr(err.message, cases[i].names) == NULL)
            fail_msg("%s: %s", cases[i].json, err.message);
        assert_int_equal(preprocessing.height_px, 0);
    }
}

static void test_preprocessing_must_fit_its_model(void **state)
{
    (void)state;
    cir__preprocessing preprocessing;
    cir_error err;
    cir__preprocessing_init_clip(&preprocessing, 336);
    assert_int_equal(cir__preprocessing_check(&preprocessing, "config", 336, &err), CIR_OK);
    assert_int_equal(cir__preprocessing_check(&preprocessing, "config", 224, &err), CIR_SHAPE);
    assert_non_null(strstr(err.message, "336 × 336"));
    assert_non_null(strstr(err.message, "224 × 224"));
    assert_int_equal(parse("{\"do_center_crop\": false}", &preprocessing, &err), CIR_OK);
    assert_int_equal(cir__preprocessing_check(&preprocessing, "config", 224, &err), CIR_UNSUPPORTED);
}

static void test_extreme_pictures_are_cheap(void **state)
{
    (void)state;
    cir__preprocessing preprocessing;
    cir_error err;
    cir__preprocessing_init_clip(&preprocessing, 224);
    float *tensor = malloc(3 * 224 * 224 * sizeof *tensor);
    for (int turn = 0; turn < 2; turn++) {
        /* Whole, the resized picture would be 224 × 6,720,000. */
        cir_image strip = {
            .width_px = turn == 0 ? 1 : 30000, .height_px = turn == 0 ? 30000 : 1, .rgb = calloc(30000, 3)};
        assert_int_equal(cir__preprocessing_apply(&preprocessing, &strip, tensor, &err), CIR_OK);
        assert_true(fabsf(tensor[0] - (float)(-0.48145466 / 0.26862954)) < 1e-6f);
        cir_image_done(&strip);
    }
    free(tensor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_are_as_in_transformers),
        cmocka_unit_test(test_fast_classes_are_near),
        cmocka_unit_test(test_tensors_are_as_in_open_clip),
        cmocka_unit_test(test_bad_open_clip_preprocessing_is_an_error),
        cmocka_unit_test(test_the_photo_becomes_the_expected_tensor),
        cmocka_unit_test(test_sizes_come_in_all_forms),
        cmocka_unit_test(test_bad_preprocessing_is_an_error),
        cmocka_unit_test(test_preprocessing_must_fit_its_model),
        cmocka_unit_test(test_extreme_pictures_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
