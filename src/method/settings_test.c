/* Settings and methods as text: every key, its range, and messages that name the valid ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/skip.h"
#include "cir/method.h"

static void test_defaults_are_the_papers(void **state)
{
    (void)state;
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_true(settings.alpha == 0.2 && settings.lambda == 0.1 && settings.beta == 0.1 &&
                settings.weight == 0.5);
    assert_int_equal(settings.components, 250);
    assert_int_equal(settings.neighbours, 25);
    assert_int_equal(settings.context, 100);
    assert_int_equal(settings.freedom_images, 20);
    assert_int_equal(settings.freedom_nearest, 7);
    assert_int_equal(settings.freedom_words, 7);
    assert_true(settings.centre && settings.project && settings.contextualise && settings.normalise);
    assert_true(settings.expand);
    assert_true(settings.recall == 0.99 && settings.codes);
    cir_search_options searching = {.size = sizeof searching};
    cir_settings_get_search(&settings, &searching);
    assert_true(searching.recall == 0.99 && !searching.scans);
    assert_false(settings.has_min_image || settings.has_min_text);
    assert_true(settings.min_image == -0.077 && settings.min_text == -0.117);
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC_MINUS);
    assert_false(settings.expand);
}

/* What a visit has seen of one key. */
typedef struct seen {
    const char *key;
    char value[256];
    size_t n_keys;
    size_t n_described;
} seen;

static void look(void *context, const cir_setting_info *setting, const char *value)
{
    seen *self = context;
    self->n_keys++;
    self->n_described += strlen(setting->description) > 10;
    if (strcmp(setting->key, self->key) == 0)
        snprintf(self->value, sizeof self->value, "%s", value);
}

static void test_every_value_comes_back_as_it_was_set(void **state)
{
    (void)state;
    static const char *const given[] = {
        "variant=reference",  "alpha=0.35",         "components=17",
        "lambda=0",           "neighbours=1",       "beta=2.5",
        "context=3",          "centre=0",           "project=0",
        "project_text=1",     "text_components=32", "text_alpha=0.5",
        "expand=0",           "contextualise=0",    "normalise=0",
        "fuse=product",       "image_mean=m.npy",   "image_mean=index",
        "image_mean=auto",    "weight=1",           "freedom_images=1",
        "freedom_nearest=64", "freedom_words=3",    "corpus_objects=a=b",
        "corpus_styles=",     "min_image=-0.05",    "min_text=-1e-3",
        "min_text=estimated", "min_text=auto",      "seed=18446744073709551615",
        "recall=0.95",        "recall=exact",       "codes=0",
        "alpha=1e-1"};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        cir_settings settings;
        cir_error err;
        cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
        if (cir_settings_set(&settings, given[i], &err) != CIR_OK)
            fail_msg("%s", err.message);
        const char *equals = strchr(given[i], '=');
        char key[64] = "";
        memcpy(key, given[i], (size_t)(equals - given[i]));
        seen looked = {.key = key};
        cir_settings_list(&settings, look, &looked);
        const char *want = equals + 1;
        want = strcmp(want, "-1e-3") == 0 ? "-0.001" : strcmp(want, "1e-1") == 0 ? "0.1" : want;
        assert_string_equal(looked.value, want);
        assert_int_equal(looked.n_keys, 28);
        assert_int_equal(looked.n_described, 28);
    }
}

static void set_again(void *context, const cir_setting_info *setting, const char *value)
{
    char key_value[CIR_SETTING_PATH_SIZE + 64];
    snprintf(key_value, sizeof key_value, "%s=%s", setting->key, value);
    assert_int_equal(cir_settings_set(context, key_value, NULL), CIR_OK);
}

static void test_what_is_listed_can_be_set(void **state)
{
    (void)state;
    cir_settings settings, again;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    settings.alpha = 1.0 / 3;
    settings.has_min_text = true;
    again = settings;
    cir_settings_list(&settings, set_again, &again);
    assert_memory_equal(&again, &settings, sizeof settings);
}

static void test_switches_have_words(void **state)
{
    (void)state;
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir_settings_set(&settings, "centre=off", NULL), CIR_OK);
    assert_false(settings.centre);
    assert_int_equal(cir_settings_set(&settings, "centre=yes", NULL), CIR_OK);
    assert_true(settings.centre);
}

static void test_a_minimum_is_given_or_estimated(void **state)
{
    (void)state;
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir_settings_set(&settings, "min_image=-0.3", NULL), CIR_OK);
    assert_true(settings.has_min_image && !settings.has_min_text && settings.min_image == -0.3);
    assert_int_equal(cir_settings_set(&settings, "min_image=estimated", NULL), CIR_OK);
    assert_false(settings.has_min_image);
}

static void test_what_is_wrong_is_refused_with_its_range(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"alpha=1.01", "0 to 1"},
        {"alpha=-0.1", "0 to 1"},
        {"alpha=", "0 to 1"},
        {"alpha=nan", "0 to 1"},
        {"alpha=0.5x", "0 to 1"},
        {"alpha= 0.5", "0 to 1"},
        {"alpha=0,5", "0 to 1"},
        {"lambda=inf", "from 0"},
        {"components=0", "1 to 1000000"},
        {"components=-1", "1 to 1000000"},
        {"components=2.5", "1 to 1000000"},
        {"components=99999999999999999999", "1 to 1000000"},
        {"neighbours=0", "1 to 1000000"},
        {"context=0", "1 to 1000000"},
        {"beta=-1", "from 0"},
        {"centre=2", "1 (on) or 0 (off)"},
        {"variant=papers", "'paper' or 'reference'"},
        {"fuse=sum", "'harris' or 'product'"},
        {"min_image=0", "below 0"},
        {"min_text=0.1", "below 0"},
        {"freedom_images=0", "from 1 to 64"},
        {"freedom_words=65", "from 1 to 64"},
        {"seed=-1", "18446744073709551615"},
        {"seed=18446744073709551616", "18446744073709551615"},
        {"image_mean=", ".npy"},
        {"recall=0.4", "from 0.5 to 1, or 'exact'"},
        {"recall=1.01", "from 0.5 to 1"},
        {"codes=some", "1 (on) or 0 (off)"},
        {"alpha", "KEY=VALUE"},
        {"colour=1",
         "min_image, min_text, weight, freedom_images, freedom_nearest, freedom_words, recall, codes, "
         "seed"},
        {"=1", "variant, alpha, components"},
        {"alpha2=1", "variant, alpha, components"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cir_settings settings, before;
        cir_error err;
        cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
        before = settings;
        assert_int_equal(cir_settings_set(&settings, wrong[i][0], &err), CIR_ARGUMENT);
        if (strstr(err.message, wrong[i][1]) == NULL)
            fail_msg("%s: the message does not say '%s': %s", wrong[i][0], wrong[i][1], err.message);
        assert_memory_equal(&settings, &before, sizeof settings);
    }
    char *long_path = malloc(6000);
    memset(long_path, 'x', 5999);
    long_path[5999] = '\0';
    memcpy(long_path, "corpus_styles=", 14);
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir_settings_set(&settings, long_path, NULL), CIR_ARGUMENT);
    free(long_path);
}

static void test_numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool is_set = false;
    for (size_t i = 0; i < 3 && !is_set; i++)
        is_set = setlocale(LC_ALL, with_comma[i]) != NULL;
    if (!is_set)
        SKIP("no locale with a decimal comma is installed");
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    assert_int_equal(cir_settings_set(&settings, "alpha=0.5", NULL), CIR_OK);
    seen looked = {.key = "alpha"};
    cir_settings_list(&settings, look, &looked);
    assert_string_equal(looked.value, "0.5");
    setlocale(LC_ALL, "C");
}

static void pick_query(void *context, const cir_setting_info *setting, const char *value)
{
    char *keys = context;
    (void)value;
    if (setting->is_of_query)
        strcat(strcat(keys, setting->key), " ");
}

/* Every setting gets another value; those of a query come over, the others stay. */
static void test_settings_of_a_query_are_copied_alone(void **state)
{
    (void)state;
    static const char *const others[] = {
        "variant=reference", "alpha=0.9",        "components=3",      "lambda=0.2",
        "neighbours=3",      "beta=0.9",         "context=3",         "centre=0",
        "project=0",         "project_text=1",   "text_components=3", "text_alpha=0.9",
        "expand=0",          "contextualise=0",  "normalise=0",       "fuse=product",
        "image_mean=index",  "corpus_objects=a", "corpus_styles=a",   "min_image=-0.5",
        "min_text=-0.5",     "weight=0.9",       "freedom_images=3",  "freedom_nearest=3",
        "freedom_words=3",   "recall=exact",     "codes=0",           "seed=3"};
    cir_settings settings, defaults, given, expected;
    char keys[200] = "";
    cir_settings_init(&defaults, sizeof defaults, CIR_METHOD_BASIC);
    given = settings = expected = defaults;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(cir_settings_set(&given, others[i], NULL), CIR_OK);
    expected.lambda = 0.2;
    expected.neighbours = 3;
    expected.beta = 0.9;
    expected.expand = false;
    expected.fuse = CIR_FUSION_PRODUCT;
    expected.weight = 0.9;
    expected.recall = 1;
    expected.codes = false;
    cir_settings_copy_of_query(&settings, &given);
    assert_memory_equal(&settings, &expected, sizeof settings);
    cir_settings_list(&settings, pick_query, keys);
    assert_string_equal(keys, "lambda neighbours beta expand fuse weight recall codes ");
}

static void test_values_that_name_files_are_known(void **state)
{
    (void)state;
    assert_true(cir_setting_names_file("corpus_objects", "") && cir_setting_names_file("corpus_styles", "a"));
    assert_true(cir_setting_names_file("image_mean", "a.npy") && cir_setting_names_file("image_mean", ""));
    assert_false(cir_setting_names_file("image_mean", "index") ||
                 cir_setting_names_file("image_mean", "auto"));
    assert_false(cir_setting_names_file("alpha", "a.npy") || cir_setting_names_file("no_such", "a.npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_the_papers),
        cmocka_unit_test(test_every_value_comes_back_as_it_was_set),
        cmocka_unit_test(test_what_is_listed_can_be_set),
        cmocka_unit_test(test_switches_have_words),
        cmocka_unit_test(test_a_minimum_is_given_or_estimated),
        cmocka_unit_test(test_what_is_wrong_is_refused_with_its_range),
        cmocka_unit_test(test_numbers_do_not_follow_the_locale),
        cmocka_unit_test(test_settings_of_a_query_are_copied_alone),
        cmocka_unit_test(test_values_that_name_files_are_known),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
