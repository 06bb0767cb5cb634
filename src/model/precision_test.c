/* The precision that a model is opened in: the fastest that keeps its features, by rates that are given here
 * and by the model's own weights; and what is kept of it. Times are never compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/skip.h"
#include "format/safetensors.h"
#include "kernels/half.h"
#include "model/precision.h"
#include "model/synthetic_model.h"

static void copy(const char *folder, const char *name, const char *to)
{
    char path[CIR__MADE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/model/quick/%s", getenv("CIR_TEST_DATA"), name);
    assert_true(cir__made_copy(folder, path, to));
}

static void scale(const cir__tensor_view *tensor, size_t row_items, size_t channel, float factor)
{
    uint8_t *items = (uint8_t *)(uintptr_t)tensor->data;
    assert_int_equal(tensor->dtype, CIR__TENSOR_F16);
    for (size_t i = channel; i < tensor->n_items; i += row_items) {
        uint16_t half;
        memcpy(&half, items + 2 * i, 2);
        half = cir__half_from_float(cir__half_to_float(half) * factor);
        memcpy(items + 2 * i, &half, 2);
    }
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t n = strlen(text);
    return n >= strlen(ending) && strcmp(text + n - strlen(ending), ending) == 0;
}

/* What trained transformers grow: a few channels behind every norm much larger than the others, made up for
 * by the products that read them. The same function in f32, but for rounding to float16. */
static void add_outliers(const cir__tensors *tensors, float factor)
{
    static const size_t channels[] = {3, 11, 20};
    static const char *const norms[] = {"layer_norm1.weight", "layer_norm1.bias", "layer_norm2.weight",
                                        "layer_norm2.bias"};
    static const char *const readers[] = {"q_proj.weight", "k_proj.weight", "v_proj.weight", "fc1.weight"};
    size_t n_changed = 0;
    for (size_t i = 0; i < tensors->n; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 3; k++) {
                const cir__tensor_view *tensor = &tensors->items[i];
                if (ends_with(tensor->name, norms[j]))
                    scale(tensor, tensor->n_items, channels[k], factor);
                else if (ends_with(tensor->name, readers[j]))
                    scale(tensor, tensor->shape[1], channels[k], 1 / factor);
                else
                    continue;
                n_changed++;
            }
    assert_int_equal(n_changed, 3 * 2 * 3 * 8);
}

static void make_folder(char folder[CIR__MADE_PATH_SIZE], float factor)
{
    uint8_t *bytes;
    size_t size;
    cir__safetensors *table;
    assert_true(cir__made_folder_new(folder));
    copy(folder, "config.json", "config.json");
    copy(folder, "vocab.json", "vocab.json");
    copy(folder, "merges.txt", "merges.txt");
    copy(folder, "preprocessor_config.json", "preprocessor_config.json");
    copy(folder, "weights_f16.safetensors", "model.safetensors");
    char *path = cir__path_join(folder, "model.safetensors");
    assert_int_equal(cir__file_read(path, (size_t)1 << 22, &bytes, &size, NULL), CIR_OK);
    assert_int_equal(cir__safetensors_parse((cir__bytes_view){bytes, size, path}, &table, NULL), CIR_OK);
    add_outliers(cir__safetensors_get_all(table), factor);
    cir__safetensors_free(table);
    assert_int_equal(cir__file_replace(path, bytes, size, NULL), CIR_OK);
    free(bytes);
    free(path);
}

static cir_model *open_scaled(float factor)
{
    char folder[CIR__MADE_PATH_SIZE];
    cir_model *model;
    cir_error err;
    make_folder(folder, factor);
    if (cir_model_open(folder, NULL, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    cir__made_folder_remove(folder);
    return model;
}

static double least_of(const cir_precision_facts *facts)
{
    return fmin(facts->worst_image, facts->worst_text);
}

static bool has_both(void)
{
    return cir__precision_is_supported(CIR__IN_BF16) && cir__precision_is_supported(CIR__IN_INT8);
}

/* What a choice says of itself holds together; returns what was chosen. */
static cir_precision choose(cir_model *model, cir_precision asked, double f32, double bf16, double int8)
{
    const cir__rates rates = {{f32, bf16, int8}};
    cir__precision_choose_by(model, asked, &rates);
    const cir_precision_choice *choice = cir_model_get_precision_choice(model);
    const cir_precision_facts *chosen = &choice->facts[choice->chosen - CIR_PRECISION_F32];
    assert_int_equal(choice->asked, asked);
    assert_int_equal(choice->chosen, cir_model_get_info(model)->precision);
    assert_int_equal(chosen->precision, choice->chosen);
    assert_true(choice->facts[0].gops >= f32 && choice->facts[2].gops <= int8);
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++) {
        const cir_precision_facts *facts = &choice->facts[i];
        const bool is_faster = facts->gops > 1.1 * f32;
        assert_true(is_faster || !facts->is_compared);
        /* Whatever is faster than the chosen one was compared, and lost. */
        if (is_faster && facts->gops > chosen->gops)
            assert_true(facts->is_compared && least_of(facts) < choice->least_cosine);
    }
    if (choice->chosen != CIR_PRECISION_F32)
        assert_true(least_of(chosen) >= choice->least_cosine);
    assert_true(choice->reason[0] != '\0');
    return choice->chosen;
}

static void test_rates_make_the_order(void **state)
{
    (void)state;
    cir__precision order[CIR__N_PRECISIONS];
    assert_int_equal(cir__precision_rank(&(cir__rates){{297, 165, 1190}}, order), 1);
    assert_int_equal(order[0], CIR__IN_INT8);
    assert_int_equal(cir__precision_rank(&(cir__rates){{100, 200, 400}}, order), 2);
    assert_int_equal(order[0], CIR__IN_INT8);
    assert_int_equal(order[1], CIR__IN_BF16);
    assert_int_equal(cir__precision_rank(&(cir__rates){{100, 400, 200}}, order), 2);
    assert_int_equal(order[0], CIR__IN_BF16);
    assert_int_equal(order[1], CIR__IN_INT8);
    assert_int_equal(cir__precision_rank(&(cir__rates){{100, 105, 0}}, order), 0);
}

static void test_the_fastest_that_keeps_features_is_taken(void **state)
{
    (void)state;
    if (!has_both())
        SKIP("this processor has no bf16 or no int8");
    cir_model *model = open_scaled(1);
    assert_int_equal(cir_model_get_info(model)->precision, CIR_PRECISION_F32); /* a small one, not measured */
    assert_int_equal(choose(model, CIR_PRECISION_FAST, 100, 200, 400), CIR_PRECISION_INT8);
    assert_int_equal(choose(model, CIR_PRECISION_FAST, 100, 500, 400), CIR_PRECISION_BF16);
    assert_int_equal(choose(model, CIR_PRECISION_FAST, 300, 160, 290), CIR_PRECISION_F32);
    cir_precision chosen = choose(model, CIR_PRECISION_AUTO, 100, 200, 400);
    const double least = least_of(&cir_model_get_precision_choice(model)->facts[2]);
    assert_int_equal(chosen == CIR_PRECISION_INT8, least >= 0.9995);
    assert_true(chosen != CIR_PRECISION_F32);
    assert_int_equal(choose(model, CIR_PRECISION_AUTO, 100, 200, 0), CIR_PRECISION_BF16);
    cir_model_close(model);
}

/* The same function, but with outlier channels: int8 loses a third of the signal, and is refused by both. */
static void test_int8_is_refused_where_channels_stand_out(void **state)
{
    (void)state;
    if (!has_both())
        SKIP("this processor has no bf16 or no int8");
    cir_model *plain = open_scaled(1);
    cir_model *model = open_scaled(50);
    static const cir_precision asked[] = {CIR_PRECISION_AUTO, CIR_PRECISION_FAST};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(choose(model, asked[i], 100, 200, 400), CIR_PRECISION_BF16);
        const cir_precision_choice *choice = cir_model_get_precision_choice(model);
        assert_true(least_of(&choice->facts[2]) < 0.99);
        assert_true(least_of(&choice->facts[1]) >= 0.9995);
        assert_non_null(strstr(choice->reason, "int8 is 4.0 times as fast as f32 here and changes"));
        assert_non_null(strstr(choice->reason, "bf16 is 2.0 times as fast as f32 here and keeps"));
        assert_int_equal(choose(model, asked[i], 100, 50, 400), CIR_PRECISION_F32);
    }
    /* And features are those of the chosen precision. */
    const char *text = "red cat";
    float features[2][24];
    double cosine = 0;
    assert_int_equal(choose(model, CIR_PRECISION_AUTO, 100, 200, 400), CIR_PRECISION_BF16);
    assert_int_equal(cir_model_encode_texts(plain, NULL, &text, 1, features[0], NULL, NULL), CIR_OK);
    assert_int_equal(cir_model_encode_texts(model, NULL, &text, 1, features[1], NULL, NULL), CIR_OK);
    for (size_t i = 0; i < 24; i++)
        cosine += (double)features[0][i] * (double)features[1][i];
    assert_true(cosine > 0.9995 && cosine < 1 - 1e-8);
    cir_model_close(plain);
    cir_model_close(model);
}

static void test_all_precisions_are_compared(void **state)
{
    (void)state;
    cir_model *model = open_scaled(50);
    cir_precision_facts facts[CIR_N_PRECISIONS];
    cir_error err;
    assert_int_equal(cir_model_check_precisions(model, NULL, NULL, facts, &err), CIR_OK);
    assert_true(facts[0].is_compared && facts[0].worst_image > 1 - 1e-12 && facts[0].worst_text > 1 - 1e-12);
    for (size_t i = 0; i < CIR_N_PRECISIONS; i++) {
        assert_int_equal(facts[i].precision, CIR_PRECISION_F32 + i);
        assert_int_equal(facts[i].is_compared, facts[i].is_supported);
    }
    if (facts[2].is_supported)
        assert_true(facts[2].worst_image < 0.99 && facts[2].median_image >= facts[2].worst_image);
    cir_model_close(model);
}

/* ---- what is kept ---- */

static size_t find_kept(const char *folder, const char *begin, char path_out[CIR__MADE_PATH_SIZE])
{
    DIR *entries = opendir(folder);
    size_t n = 0;
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0) {
            (void)snprintf(path_out, CIR__MADE_PATH_SIZE, "%.200s/%.200s", folder, entry->d_name);
            n++;
        }
    closedir(entries);
    return n;
}

/* The tiny model with so many tokens that it counts as a large one. */
static void make_large(char folder[CIR__MADE_PATH_SIZE])
{
    make_folder(folder, 1);
    char *path = cir__path_join(folder, "config.json");
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path, (size_t)1 << 20, &bytes, &size, NULL), CIR_OK);
    const char *line = strstr((char *)bytes, "\"vocab_size\": 60");
    assert_non_null(line);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fprintf(file, "%.*s\"vocab_size\": 600000%s", (int)(line - (char *)bytes), (char *)bytes,
                  line + strlen("\"vocab_size\": 60"));
    assert_int_equal(fclose(file), 0);
    free(bytes);
    free(path);
    assert_true(cir__made_weights_write(folder, false));
}

static void count_comparison(void *n, const char *model_name)
{
    assert_true(strlen(model_name) > 0);
    ++*(size_t *)n;
}

static cir_precision_choice open_counting(const char *folder, size_t *n_comparisons)
{
    cir_model *model;
    cir_error err;
    const cir_model_options options = {
        .size = sizeof options, .on_compare = count_comparison, .on_compare_context = n_comparisons};
    *n_comparisons = 0;
    if (cir_model_open(folder, &options, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    cir_precision_choice choice = *cir_model_get_precision_choice(model);
    cir_model_close(model);
    return choice;
}

static cir_precision_choice open_auto(const char *folder)
{
    size_t n_comparisons;
    return open_counting(folder, &n_comparisons);
}

static void check_same(const cir_precision_choice *a, const cir_precision_choice *b)
{
    assert_int_equal(a->chosen, b->chosen);
    assert_string_equal(a->reason, b->reason);
    for (size_t i = 0; i < CIR_N_PRECISIONS; i++) {
        /* Measured again, a time is never the same to the last bit. */
        assert_true(a->facts[i].gops == b->facts[i].gops);
        assert_true(a->facts[i].worst_image == b->facts[i].worst_image);
    }
}

static size_t n_compared_of(const cir_precision_choice *choice)
{
    size_t n = 0;
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++)
        n += choice->facts[i].is_compared;
    return n;
}

static void test_measurements_are_kept(void **state)
{
    (void)state;
    char folder[CIR__MADE_PATH_SIZE], cache[CIR__MADE_PATH_SIZE], path[CIR__MADE_PATH_SIZE];
    if (!cir__precision_is_supported(CIR__IN_BF16) && !cir__precision_is_supported(CIR__IN_INT8))
        SKIP("this processor has neither bf16 nor int8");
    make_large(folder);
    assert_int_equal(setenv("CIR_CACHE", "", 1), 0);
    cir_precision_choice choice = open_auto(folder);
    assert_int_equal(choice.chosen, CIR_PRECISION_F32);
    assert_non_null(strstr(choice.reason, "no folder to keep measurements"));
    assert_true(cir__made_folder_new(cache));
    assert_int_equal(setenv("CIR_CACHE", cache, 1), 0);
    size_t n_told;
    const cir_precision_choice first = open_counting(folder, &n_told);
    assert_int_equal(n_told, n_compared_of(&first) > 0);
    assert_true(first.facts[0].gops > 0);
    for (size_t i = 1; i < CIR_N_PRECISIONS; i++)
        assert_int_equal(first.facts[i].gops > 0, first.facts[i].is_supported);
    choice = open_counting(folder, &n_told);
    assert_int_equal(n_told, 0); /* known by now */
    check_same(&first, &choice);
    assert_int_equal(find_kept(cache, "rates-", path), 1);
    assert_int_equal(find_kept(cache, "features-", path), n_compared_of(&first));
    /* Spoilt, both are measured again. */
    assert_int_equal(find_kept(cache, "rates-", path), 1);
    assert_int_equal(cir__file_replace(path, "rubbish", 7, NULL), CIR_OK);
    const cir_precision_choice again = open_auto(folder);
    bool is_another = false;
    for (size_t i = 0; i < CIR_N_PRECISIONS; i++)
        is_another = is_another || again.facts[i].gops != first.facts[i].gops;
    assert_true(is_another);
    choice = open_auto(folder);
    check_same(&again, &choice);
    assert_int_equal(setenv("CIR_CACHE", "", 1), 0);
    cir__made_folder_remove(cache);
    cir__made_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_make_the_order),
        cmocka_unit_test(test_the_fastest_that_keeps_features_is_taken),
        cmocka_unit_test(test_int8_is_refused_where_channels_stand_out),
        cmocka_unit_test(test_all_precisions_are_compared),
        cmocka_unit_test(test_measurements_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
