/* What precisions lose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/skip.h"
#include "model/models_testing.h"

/* least: of the cosines to f32's features. False where this processor lacks the precision. */
static bool check_precision(const char *folder, cir_precision precision, double least)
{
    cir_model *exact = open_model(folder);
    cir_model *rounded = NULL;
    cir_error err = {0};
    cir_model_options options = {.size = sizeof options, .precision = precision};
    cir_status status = cir_model_open(folder, &options, &rounded, &err);
    if (!(precision == CIR_PRECISION_BF16 ? cir__product_has_bf16() : cir__product_has_int8())) {
        assert_int_equal(status, CIR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "precision f32"));
        cir_model_close(exact);
        return false;
    }
    assert_int_equal(status, CIR_OK);
    const cir_model_info *info = cir_model_get_info(rounded);
    assert_int_equal(info->precision, precision);
    assert_int_equal(cir_model_get_info(exact)->precision, CIR_PRECISION_F32);
    assert_string_equal(info->fingerprint, cir_model_get_info(exact)->fingerprint);
    size_t n_items = 3 * info->image_px * info->image_px;
    float *tensors = malloc(N_PICTURES * n_items * sizeof *tensors);
    float *features = malloc((2 * N_PICTURES + 4) * info->dim * sizeof *features);
    float *many = features + 4 * info->dim;
    float *again = many + N_PICTURES * info->dim;
    const char *text = "red cat";
    cir__synthetic_draw("tensor", N_PICTURES * n_items, 2.0F, tensors);
    for (size_t i = 0; i < 2; i++) {
        const cir_model *model = i == 0 ? exact : rounded;
        assert_int_equal(cir_model_encode_texts(model, NULL, &text, 1, features + i * info->dim, NULL, &err),
                         CIR_OK);
        assert_int_equal(
            cir_model_encode_tensors(model, NULL, tensors, 1, features + (2 + i) * info->dim, &err), CIR_OK);
    }
    for (size_t i = 0; i < 4; i += 2) {
        double cosine = 0;
        for (size_t j = 0; j < info->dim; j++)
            cosine += (double)features[i * info->dim + j] * (double)features[(i + 1) * info->dim + j];
        /* Near, and never the same. */
        assert_true(cosine > least && cosine < 1.0 - 1e-8);
    }
    /* Neither neighbours nor threads change a bit: a row is narrowed by itself. */
    cir_pool *pool;
    assert_int_equal(cir_pool_new(3, &pool, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(rounded, NULL, tensors, N_PICTURES, many, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(rounded, pool, tensors, N_PICTURES, again, &err), CIR_OK);
    assert_memory_equal(many, again, N_PICTURES * info->dim * sizeof *many);
    assert_memory_equal(many, features + 3 * info->dim, info->dim * sizeof *many);
    cir_pool_free(pool);
    free(tensors);
    free(features);
    cir_model_close(exact);
    cir_model_close(rounded);
    return true;
}

static void check_precision_of_all(cir_precision precision, double least)
{
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    bool has_run = check_precision(folder, precision, least);
    cir__made_folder_remove(folder);
    make_siglip_folder(folder, "siglip_odd");
    has_run = check_precision(folder, precision, least) && has_run;
    cir__made_folder_remove(folder);
    if (!has_run)
        SKIP("this processor has no %s", cir_precision_name(precision));
}

static void test_int8_is_near(void **state)
{
    (void)state;
    check_precision_of_all(CIR_PRECISION_INT8, 0.99);
}

static void test_the_default_precision(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE];
    cir_model *model;
    cir_error err = {0};
    make_folder(folder);
    assert_int_equal(cir_model_open(folder, NULL, &model, &err), CIR_OK);
    assert_int_equal(cir_model_get_info(model)->precision, CIR_PRECISION_F32);
    assert_non_null(strstr(cir_model_get_precision_choice(model)->reason, "small"));
    cir_model_close(model);
    assert_int_equal(cir_model_open(CIR_MODEL_DEMO, NULL, &model, &err), CIR_OK);
    assert_int_equal(cir_model_get_info(model)->precision, CIR_PRECISION_F32);
    cir_model_close(model);
    cir__made_folder_remove(folder);
    for (cir_precision i = CIR_PRECISION_AUTO; i <= CIR_PRECISION_FAST; i++) {
        cir_precision found;
        assert_int_equal(cir_precision_parse(cir_precision_name(i), &found, &err), CIR_OK);
        assert_int_equal(found, i);
    }
    cir_precision found;
    assert_int_equal(cir_precision_parse("int4", &found, &err), CIR_ARGUMENT);
}

/* A product of bytes against the same by plain loops over what was narrowed in double. */
static void test_int8_products_add_up(void **state)
{
    (void)state;
    enum { N_IN = 72, N_OUT = 40, N_ROWS = 8 };
    if (!cir__product_has_int8())
        SKIP("this processor has no int8");
    struct dnnl_engine *engine;
    cir__product product;
    const cir__product *list = &product;
    cir__lane *lane;
    cir_error err = {0};
    static float weight[N_OUT * N_IN], kept[N_OUT * N_IN], scales[N_OUT];
    static uint8_t rows[N_ROWS * N_IN];
    static int32_t column_sums[N_OUT], sums[N_ROWS * N_OUT];
    cir__synthetic_draw("weight", (size_t)N_OUT * N_IN, 1, weight);
    memcpy(kept, weight, sizeof weight);
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i * 37 % 256); /* to the very end: pairs of products must not saturate */
    rows[0] = rows[1] = rows[2] = rows[3] = 255;
    assert_int_equal(cir__engine_new(&engine, &err), CIR_OK);
    assert_int_equal(
        cir__product_init(&product, engine, N_IN, N_OUT, CIR__PRODUCT_PLAIN, CIR__PRODUCT_INT8, &err),
        CIR_OK);
    float *packed = aligned_alloc(64, (cir__product_packed_items(&product) * sizeof(float) + 63) / 64 * 64);
    assert_int_equal(cir__product_pack(&product, engine, weight, packed, scales, column_sums, &err), CIR_OK);
    assert_int_equal(cir__lane_new(engine, &list, 1, &lane, &err), CIR_OK);
    assert_true(cir__lane_run(lane, 0, CIR__N_PRODUCT_BLOCKS - 1, rows, packed, NULL, sums));
    for (size_t j = 0; j < N_OUT; j++) {
        double most = 0;
        int32_t all = 0;
        int32_t items[N_IN];
        for (size_t k = 0; k < N_IN; k++)
            most = fmax(most, fabs((double)kept[j * N_IN + k]));
        for (size_t k = 0; k < N_IN; k++) {
            items[k] = (int32_t)lrint((double)kept[j * N_IN + k] * 127 / most);
            all += items[k];
        }
        assert_int_equal(column_sums[j], all);
        for (size_t r = 0; r < N_ROWS; r++) {
            int32_t right = 0;
            for (size_t k = 0; k < N_IN; k++)
                right += items[k] * rows[r * N_IN + k];
            assert_int_equal(sums[r * N_OUT + j], right);
        }
    }
    cir__lane_free(lane);
    free(packed);
    cir__product_done(&product);
    cir__engine_free(engine);
}

static void test_bf16_is_near(void **state)
{
    (void)state;
    check_precision_of_all(CIR_PRECISION_BF16, 0.999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16_is_near),
        cmocka_unit_test(test_int8_is_near),
        cmocka_unit_test(test_int8_products_add_up),
        cmocka_unit_test(test_the_default_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
