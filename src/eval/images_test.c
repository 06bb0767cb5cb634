/* A data set from pictures, with a stand-in for the model: it defines the functions of model.h that are
 * called here, so that the linker never takes the library's. Its features follow from the files' names and
 * from the texts. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "cir/eval.h"

#define DIM 16
#define N_INSTANCES 3
#define N_TEXTS 2

struct cir_model {
    cir_model_info info;
};

static const cir_model model = {{.name = "stand-in", .fingerprint = "0123", .dim = DIM}};
static size_t n_files, n_texts; /* encoded since the counts were last set to 0 */

const cir_model_info *cir_model_get_info(const cir_model *asked)
{
    return &asked->info;
}

/* Adds to out what a word stands for. */
static void add_word(const char *word, size_t size, float weight, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] += weight * ((float)((cir__hash64(word, size) * (2 * i + 1)) >> 40) / 8388608.0f - 1.0f);
}

static void make_unit(float *out)
{
    double square = 0.0;
    for (size_t i = 0; i < DIM; i++)
        square += (double)out[i] * (double)out[i];
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
}

cir_status cir_model_keep_beginnings(const cir_model *asked, cir_pool *pool, const char *const *texts,
                                     size_t n, cir_error *err)
{
    (void)asked;
    (void)pool;
    (void)texts;
    (void)n;
    (void)err;
    return CIR_OK;
}

cir_status cir_model_encode_texts(const cir_model *asked, cir_pool *pool, const char *const *texts, size_t n,
                                  float *features_out, size_t *n_cut_out, cir_error *err)
{
    (void)pool;
    (void)err;
    assert_ptr_equal(asked, &model);
    n_texts += n;
    memset(features_out, 0, n * DIM * sizeof *features_out);
    for (size_t t = 0; t < n; t++) {
        for (const char *word = texts[t]; *word != '\0';) {
            const size_t size = strcspn(word, " ");
            add_word(word, size, 1.0f, features_out + t * DIM);
            word += size + (word[size] == ' ');
        }
        add_word("text", 4, 0.5f, features_out + t * DIM);
        make_unit(features_out + t * DIM);
    }
    if (n_cut_out != NULL)
        *n_cut_out = 0;
    return CIR_OK;
}

/* A picture's words are in its name, between underscores: thing1_night_3.jpg. */
cir_status cir_model_encode_files(const cir_model *asked, cir_pool *pool, const char *const *paths, size_t n,
                                  const cir_image_options *options, float *features_out,
                                  cir_encode_watch *watch, void *context, cir_error *err)
{
    (void)pool;
    (void)options;
    assert_ptr_equal(asked, &model);
    memset(features_out, 0, n * DIM * sizeof *features_out);
    for (size_t f = 0; f < n; f++) {
        if (access(paths[f], R_OK) != 0)
            return cir__fail(err, CIR_NOT_FOUND, "%s: is not there; give another", paths[f]);
        for (const char *word = strrchr(paths[f], '/') + 1; *word != '\0';) {
            const size_t size = strcspn(word, "_.");
            add_word(word, size, size < 3 ? 0.3f : 1.0f, features_out + f * DIM);
            word += size + (word[size] != '\0');
        }
        add_word("picture", 7, 0.5f, features_out + f * DIM);
        make_unit(features_out + f * DIM);
        n_files++;
        if (watch != NULL && !watch(context, f + 1, n))
            return cir__fail(err, CIR_INTERRUPTED, "encoding: stopped; run it again");
    }
    return CIR_OK;
}

static char folder[64];

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *const texts[N_TEXTS] = {"night", "snow"};

/* Lists under a folder name that is not the folder's own any more, and an empty file for each picture. */
static int write_set(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cir_images_XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(path_of("query"), 0700) | mkdir(path_of("database"), 0700), 0);
    FILE *queries = fopen(path_of("query_files.csv"), "w"),
         *database = fopen(path_of("database_files.csv"), "w");
    for (int i = 0; i < N_INSTANCES; i++) {
        char name[64];
        snprintf(name, sizeof name, "query/thing%d_q.jpg", i);
        fclose(fopen(path_of(name), "w"));
        for (int t = 0; t < N_TEXTS; t++) /* one picture, two queries */
            fprintf(queries, "oldname/%s,%s,thing%d\n", name, texts[t], i);
        for (int k = 0; k < 12; k++) {
            const char *text = k < 4 ? texts[k % 2] : "";
            if (k < 8)
                snprintf(name, sizeof name, "database/thing%d_%s_%d.jpg", i, k < 4 ? text : "", k);
            else
                snprintf(name, sizeof name, "database/other_%s_%d%d.jpg", texts[k % 2], i, k);
            fclose(fopen(path_of(name), "w"));
            fprintf(database, "oldname/%s,%s,thing%d\n", name, text, i);
        }
    }
    fclose(queries);
    fclose(database);
    n_files = n_texts = 0;
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

typedef struct watching {
    size_t n_calls, n_done, n_total, stop_at;
} watching;

static bool watch_it(void *context, size_t n_done, size_t n_total)
{
    watching *self = context;
    self->n_calls++;
    self->n_done = n_done;
    self->n_total = n_total;
    return n_done != self->stop_at;
}

static cir_eval_result run(const cir_dataset *dataset, cir_method method, const char *key_value)
{
    cir_settings settings;
    cir_eval_result result;
    cir_error err;
    cir_settings_init(&settings, method);
    if (key_value != NULL)
        assert_int_equal(cir_settings_set(&settings, key_value, NULL), CIR_OK);
    if (cir_eval_run(dataset, method, &settings, NULL, &result, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return result;
}

static void test_pictures_are_encoded_once(void **state)
{
    (void)state;
    cir_dataset *dataset;
    cir_error err;
    watching watched = {0};
    char trailing[70];
    snprintf(trailing, sizeof trailing, "%s/", folder);
    if (cir_dataset_open_images(trailing, &model, NULL, watch_it, &watched, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    assert_string_equal(info->name, strrchr(folder, '/') + 1);
    assert_int_equal(info->n_queries, N_INSTANCES * N_TEXTS);
    assert_int_equal(info->n_instances, N_INSTANCES);
    assert_int_equal(info->n_database, N_INSTANCES * 12);
    assert_int_equal(info->dim, DIM);
    assert_int_equal(n_files, N_INSTANCES * 13);
    assert_int_equal(watched.n_calls, n_files);
    assert_int_equal(watched.n_done, watched.n_total);
    assert_int_equal(n_texts, N_TEXTS);
    cir_dataset_close(dataset);
}

static void test_composing_pays(void **state)
{
    (void)state;
    cir_dataset *dataset;
    assert_int_equal(cir_dataset_open_images(folder, &model, NULL, NULL, NULL, &dataset, NULL), CIR_OK);
    cir_eval_result image = run(dataset, CIR_METHOD_IMAGE, NULL), text = run(dataset, CIR_METHOD_TEXT, NULL);
    cir_eval_result sum = run(dataset, CIR_METHOD_SUM, NULL);
    assert_true(sum.mAP > image.mAP + 10 && sum.mAP > text.mAP + 10);
    cir_eval_result_done(&image);
    cir_eval_result_done(&text);
    cir_eval_result_done(&sum);
    cir_dataset_close(dataset);
}

static void test_texts_are_encoded_once_a_corpus(void **state)
{
    (void)state;
    cir_dataset *dataset;
    assert_int_equal(cir_dataset_open_images(folder, &model, NULL, NULL, NULL, &dataset, NULL), CIR_OK);
    n_texts = 0;
    cir_eval_result first = run(dataset, CIR_METHOD_BASIC_MINUS, "contextualise=0");
    const size_t n_corpora = n_texts;
    assert_true(n_corpora > 2400);
    assert_true(first.settings.has_min_image && first.settings.min_image < 0); /* estimated */
    cir_eval_result second = run(dataset, CIR_METHOD_BASIC, NULL);
    assert_int_equal(n_texts, n_corpora + 200 * N_TEXTS);
    cir_eval_result third = run(dataset, CIR_METHOD_BASIC, NULL),
                    fourth = run(dataset, CIR_METHOD_BASIC, "beta=2");
    assert_int_equal(n_texts, n_corpora + 200 * N_TEXTS);
    assert_memory_equal(second.AP, third.AP, second.n_queries * sizeof *second.AP);
    cir_eval_result other_seed = run(dataset, CIR_METHOD_BASIC, "seed=1");
    assert_int_equal(n_texts, n_corpora + 400 * N_TEXTS);
    cir_eval_result *const results[] = {&first, &second, &third, &fourth, &other_seed};
    for (size_t i = 0; i < 5; i++)
        cir_eval_result_done(results[i]);
    cir_dataset_close(dataset);
}

static void test_stopping_and_failing(void **state)
{
    (void)state;
    cir_dataset *dataset;
    cir_error err;
    watching watched = {.stop_at = 5};
    assert_int_equal(cir_dataset_open_images(folder, &model, NULL, watch_it, &watched, &dataset, &err),
                     CIR_INTERRUPTED);
    assert_null(dataset);
    assert_int_equal(unlink(path_of("database/thing1_night_2.jpg")), 0);
    assert_int_equal(cir_dataset_open_images(folder, &model, NULL, NULL, NULL, &dataset, &err),
                     CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database/thing1_night_2.jpg"));
    assert_int_equal(unlink(path_of("database_files.csv")), 0);
    assert_int_equal(cir_dataset_open_images(folder, &model, NULL, NULL, NULL, &dataset, &err),
                     CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database_files.csv"));
}

int main(void)
{
#define ON_A_SET(test) cmocka_unit_test_setup_teardown(test, write_set, remove_set)
    const struct CMUnitTest tests[] = {
        ON_A_SET(test_pictures_are_encoded_once),
        ON_A_SET(test_composing_pays),
        ON_A_SET(test_texts_are_encoded_once_a_corpus),
        ON_A_SET(test_stopping_and_failing),
    };
    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
