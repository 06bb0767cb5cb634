/* Folders of features that are not as they should be: each test takes a copy of the small set and breaks
 * it. */
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
#include <unistd.h>

#include "base/file.h"
#include "cir/eval.h"
#include "format/npy.h"

#define DIM 24

static char folder[64]; /* the copy */

static char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int copy_small(void **state)
{
    (void)state;
    char small[4096], from[8192];
    snprintf(small, sizeof small, "%s/method/small", getenv("CIR_TEST_DATA"));
    strcpy(folder, "/tmp/cir_dataset_XXXXXX");
    assert_non_null(mkdtemp(folder));
    DIR *source = opendir(small);
    assert_non_null(source);
    for (const struct dirent *entry; (entry = readdir(source)) != NULL;) {
        uint8_t *bytes;
        size_t size;
        snprintf(from, sizeof from, "%s/%s", small, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(cir__file_read(from, (size_t)1 << 24, &bytes, &size, NULL), CIR_OK);
        assert_int_equal(cir__file_replace(path_of(entry->d_name), bytes, size, NULL), CIR_OK);
        free(bytes);
    }
    closedir(source);
    return 0;
}

static int remove_copy(void **state)
{
    (void)state;
    DIR *listed = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(listed)) != NULL;)
        if (entry->d_name[0] != '.')
            unlink(path_of(entry->d_name));
    closedir(listed);
    return rmdir(folder);
}

static void write_text(const char *name, const char *text)
{
    assert_int_equal(cir__file_replace(path_of(name), text, strlen(text), NULL), CIR_OK);
}

/* n rows of dim ones, the given row all of value. */
static void write_rows(const char *name, size_t n, size_t dim, size_t row, float value)
{
    float *rows = malloc(n * dim * sizeof *rows);
    for (size_t i = 0; i < n * dim; i++)
        rows[i] = i / dim == row ? value : 1.0f;
    assert_int_equal(cir__npy_write(path_of(name), CIR__NPY_F32, n, dim, rows, NULL), CIR_OK);
    free(rows);
}

static void expect_refusal(cir_status status, const char *part)
{
    cir_error err;
    cir_dataset *dataset;
    assert_int_equal(cir_dataset_open_features(folder, NULL, &dataset, &err), status);
    assert_null(dataset);
    if (strstr(err.message, part) == NULL)
        fail_msg("the message does not say '%s': %s", part, err.message);
}

static cir_dataset *open_copy(void)
{
    cir_error err;
    cir_dataset *dataset;
    if (cir_dataset_open_features(folder, NULL, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return dataset;
}

static void test_missing_files_are_named(void **state)
{
    (void)state;
    static const char *const needed[] = {"query.csv", "database.csv", "query_image.npy", "query_text.npy",
                                         "database_image.npy"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char away[512];
        snprintf(away, sizeof away, "%s/away", folder);
        assert_int_equal(rename(path_of(needed[i]), away), 0);
        expect_refusal(CIR_NOT_FOUND, needed[i]);
        assert_int_equal(rename(away, path_of(needed[i])), 0);
    }
    cir_dataset *dataset = NULL;
    assert_int_equal(cir_dataset_open_features("/nonexistent", NULL, &dataset, NULL), CIR_NOT_FOUND);
}

static void test_lists_are_checked(void **state)
{
    (void)state;
    write_text("query.csv", "a.jpg,at night,thing 1\nb.jpg,thing 1\n");
    expect_refusal(CIR_FORMAT, "query.csv: line 2 has 2 fields");
    write_text("query.csv", "a.jpg,at night, in the rain,thing 1\n");
    expect_refusal(CIR_FORMAT, "line 1 has 4 fields");
    write_text("query.csv", "");
    expect_refusal(CIR_FORMAT, "query.csv: holds no rows");
    write_text("query.csv", "a.jpg,at night,thing 1\n");
    expect_refusal(CIR_SHAPE, "query_image.npy: has 16 rows, query.csv has 1");
}

static void test_features_are_checked(void **state)
{
    (void)state;
    write_rows("query_image.npy", 16, DIM, 7, 0.0f);
    expect_refusal(CIR_FORMAT, "query_image.npy: row 7 has no direction");
    write_rows("query_image.npy", 16, DIM, 3, NAN);
    expect_refusal(CIR_FORMAT, "query_image.npy: row 3 has no direction");
    write_rows("query_image.npy", 16, DIM + 1, 0, 1.0f);
    expect_refusal(CIR_SHAPE, "dimension 25, those of database_image.npy 24");
    write_rows("query_image.npy", 16, DIM, 0, 1.0f);
    /* The database is held in another order than the file's, and messages speak of the file. */
    write_rows("database_image.npy", 160, DIM, 158, INFINITY);
    expect_refusal(CIR_FORMAT, "database_image.npy: row 158 has no direction");
    write_rows("database_image.npy", 160, DIM, 0, 1.0f);
    write_rows("image_mean.npy", 1, DIM - 1, 0, 1.0f);
    expect_refusal(CIR_SHAPE, "image_mean.npy: holds 23 numbers, features have 24");
    write_rows("image_mean.npy", 1, DIM, 0, NAN);
    expect_refusal(CIR_FORMAT, "image_mean.npy: item 0 is not a number");
    write_rows("image_mean.npy", 1, DIM, 0, 0.01f);
    write_text("corpus_styles.npy", "no array");
    expect_refusal(CIR_FORMAT, "corpus_styles.npy");
    write_rows("corpus_styles.npy", 10, DIM, 0, 0.5f);
    assert_int_equal(unlink(path_of("synthetic_text.npy")), 0);
    expect_refusal(CIR_NOT_FOUND, "synthetic_text.npy");
}

static void expect_run(const cir_dataset *dataset, cir_method method, const char *key_value, cir_status want,
                       const char *part)
{
    cir_settings settings;
    cir_eval_result result;
    cir_error err;
    cir_settings_init(&settings, sizeof settings, method);
    if (key_value != NULL)
        assert_int_equal(cir_settings_set(&settings, key_value, NULL), CIR_OK);
    const cir_status status = cir_eval_run(dataset, method, &settings, NULL, &result, &err);
    if (status != want)
        fail_msg("%s, not %s: %s", cir_status_name(status), cir_status_name(want), err.message);
    if (want != CIR_OK && strstr(err.message, part) == NULL)
        fail_msg("the message does not say '%s': %s", part, err.message);
    cir_eval_result_done(&result);
}

static void test_what_a_setting_needs_is_named(void **state)
{
    (void)state;
    assert_int_equal(unlink(path_of("corpus_styles.npy")), 0);
    cir_dataset *dataset = open_copy();
    expect_run(dataset, CIR_METHOD_BASIC, NULL, CIR_ARGUMENT, "corpus_styles.npy is missing");
    expect_run(dataset, CIR_METHOD_BASIC, "project=0", CIR_OK, NULL);
    expect_run(dataset, CIR_METHOD_PRODUCT, NULL, CIR_OK, NULL);
    expect_run(dataset, CIR_METHOD_BASIC, "corpus_styles=styles.txt", CIR_ARGUMENT, "without a model");
    expect_run(dataset, CIR_METHOD_BASIC, "image_mean=/nonexistent.npy", CIR_ARGUMENT, "corpus_styles.npy");
    cir_dataset_close(dataset);
    assert_int_equal(unlink(path_of("corpus_objects.npy")), 0);
    dataset = open_copy();
    expect_run(dataset, CIR_METHOD_BASIC_MINUS, NULL, CIR_ARGUMENT, "corpus_objects.npy is missing");
    cir_dataset_close(dataset);
}

static void test_settings_in_force_are_told(void **state)
{
    (void)state;
    cir_settings settings;
    cir_eval_result result;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC_MINUS);
    cir_dataset *dataset = open_copy();
    assert_int_equal(cir_eval_run(dataset, CIR_METHOD_BASIC_MINUS, &settings, NULL, &result, NULL), CIR_OK);
    assert_true(result.settings.contextualise);
    assert_true(result.settings.has_min_image &&
                result.settings.min_image < -0.2); /* of the synthetic pairs */
    cir_eval_result_done(&result);
    cir_dataset_close(dataset);

    assert_int_equal(unlink(path_of("query_text_context.npy")), 0);
    assert_int_equal(unlink(path_of("synthetic_text.npy")) | unlink(path_of("synthetic_image.npy")), 0);
    dataset = open_copy();
    assert_int_equal(cir_eval_run(dataset, CIR_METHOD_BASIC_MINUS, &settings, NULL, &result, NULL), CIR_OK);
    assert_false(result.settings.contextualise);
    assert_true(result.settings.min_image == -0.077 && result.settings.min_text == -0.117);
    cir_eval_result_done(&result);
    cir_dataset_close(dataset);
}

static void test_queries_without_answers_count(void **state)
{
    (void)state;
    /* Two queries: one for an instance that the database lacks, one whose text no row has. */
    write_text("query.csv", "a.jpg,at night,elsewhere\nb.jpg,at noon,thing 1\n");
    write_rows("query_image.npy", 2, DIM, 9, 0);
    write_rows("query_text.npy", 2, DIM, 9, 0);
    assert_int_equal(unlink(path_of("query_text_context.npy")), 0);
    cir_dataset *dataset = open_copy();
    for (int method = 0; method < CIR_N_METHODS; method++) {
        if (cir_dataset_check(dataset, (cir_method)method, NULL) != CIR_OK)
            continue;
        for (int own_means = 0; own_means < 2; own_means++) {
            cir_settings settings;
            cir_eval_result result;
            cir_settings_init(&settings, sizeof settings, (cir_method)method);
            strcpy(settings.image_mean, own_means ? "index" : "");
            assert_int_equal(cir_eval_run(dataset, (cir_method)method, &settings, NULL, &result, NULL),
                             CIR_OK);
            assert_int_equal(result.n_queries, 2);
            assert_true(result.AP[0] == 0.0 && result.AP[1] == 0.0 && result.mAP == 0.0 &&
                        result.minmAP == 0.0);
            assert_int_equal(result.top[0], SIZE_MAX);
            assert_true(result.top[CIR_N_TOP] < 160);
            cir_eval_result_done(&result);
        }
    }
    cir_dataset_close(dataset);
}

static void test_ties_go_to_the_earlier_row(void **state)
{
    (void)state;
    write_rows("database_image.npy", 160, DIM, 0, 1.0f);
    cir_dataset *dataset = open_copy();
    cir_settings settings;
    cir_eval_result result;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_IMAGE);
    assert_int_equal(cir_eval_run(dataset, CIR_METHOD_IMAGE, &settings, NULL, &result, NULL), CIR_OK);
    for (size_t q = 0; q < result.n_queries; q++)
        for (size_t i = 1; i < CIR_N_TOP; i++)
            assert_true(result.top[q * CIR_N_TOP + i - 1] < result.top[q * CIR_N_TOP + i]);
    cir_eval_result_done(&result);
    cir_dataset_close(dataset);
}

int main(void)
{
#define ON_A_COPY(test) cmocka_unit_test_setup_teardown(test, copy_small, remove_copy)
    const struct CMUnitTest tests[] = {
        ON_A_COPY(test_missing_files_are_named),    ON_A_COPY(test_lists_are_checked),
        ON_A_COPY(test_features_are_checked),       ON_A_COPY(test_what_a_setting_needs_is_named),
        ON_A_COPY(test_settings_in_force_are_told), ON_A_COPY(test_queries_without_answers_count),
        ON_A_COPY(test_ties_go_to_the_earlier_row),
    };
    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
