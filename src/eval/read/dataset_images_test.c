/* A data set from pictures, with a stand-in for the model: it defines the functions of model.h that are
 * called here, so that the linker never takes the library's. A picture is a file with words in it, from
 * which, and from those of the texts, its features follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "cir/cir.h"
#include "eval/read/feature_cache.h"

#define DIM 16
#define N_INSTANCES 3
#define N_TEXTS 2

struct cir_model {
    cir_model_info info;
};

static const cir_model model = {{.name = "stand-in", .fingerprint = "0123", .dim = DIM, .image_px = 8}};
#define TENSOR_ITEMS (3 * 8 * 8)
static size_t n_files, n_texts; /* encoded since the counts were last set to 0 */

cir_image_options cir_model_fit_options(const cir_model *asked, const cir_image_options *options)
{
    (void)asked;
    return *options;
}

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

cir_status cir_model_cache_prefixes(const cir_model *asked, cir_pool *pool, const char *const *texts,
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

/* A picture's words, between underscores: thing1_night_3.jpg. */
cir_status cir_image_parse(const void *bytes, size_t size_bytes, const char *name,
                           const cir_image_options *options, cir_image *image_out, cir_image_facts *facts_out,
                           cir_error *err)
{
    (void)options;
    (void)facts_out;
    if (size_bytes == 0 || size_bytes >= TENSOR_ITEMS)
        return cir__fail(err, CIR_FORMAT, "%s: is not a picture; give another", name);
    *image_out = (cir_image){.width_px = size_bytes, .height_px = 1, .rgb = calloc(size_bytes + 1, 1)};
    assert_non_null(image_out->rgb);
    memcpy(image_out->rgb, bytes, size_bytes);
    return CIR_OK;
}

void cir_image_done(cir_image *image)
{
    free(image->rgb);
    memset(image, 0, sizeof *image);
}

cir_status cir_model_preprocess(const cir_model *asked, const cir_image *image, float *tensor_out,
                                cir_error *err)
{
    (void)err;
    assert_ptr_equal(asked, &model);
    memset(tensor_out, 0, TENSOR_ITEMS * sizeof *tensor_out);
    for (size_t i = 0; i < image->width_px; i++)
        tensor_out[i] = image->rgb[i];
    return CIR_OK;
}

cir_status cir_model_encode_tensors(const cir_model *asked, cir_pool *pool, const float *tensors, size_t n,
                                    float *features_out, cir_error *err)
{
    (void)asked;
    (void)pool;
    (void)err;
    memset(features_out, 0, n * DIM * sizeof *features_out);
    for (size_t f = 0; f < n; f++) {
        char words[TENSOR_ITEMS] = {0};
        for (size_t i = 0; i < TENSOR_ITEMS - 1; i++)
            words[i] = (char)tensors[f * TENSOR_ITEMS + i];
        for (const char *word = words; *word != '\0';) {
            const size_t size = strcspn(word, "_.");
            add_word(word, size, size < 3 ? 0.3f : 1.0f, features_out + f * DIM);
            word += size + (word[size] != '\0');
        }
        add_word("picture", 7, 0.5f, features_out + f * DIM);
        make_unit(features_out + f * DIM);
        n_files++;
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

/* Its name as its words. */
static void write_picture(const char *name, const char *words)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(words, file);
    fclose(file);
}

static const char *const texts[N_TEXTS] = {"night", "snow"};

/* Lists under a folder name that is not the folder's own any more, and a file for each picture. */
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
        write_picture(name, strchr(name, '/') + 1);
        for (int t = 0; t < N_TEXTS; t++) /* one picture, two queries */
            fprintf(queries, "oldname/%s,%s,thing%d\n", name, texts[t], i);
        for (int k = 0; k < 12; k++) {
            const char *text = k < 4 ? texts[k % 2] : "";
            if (k < 8)
                snprintf(name, sizeof name, "database/thing%d_%s_%d.jpg", i, k < 4 ? text : "", k);
            else
                snprintf(name, sizeof name, "database/other_%s_%d%d.jpg", texts[k % 2], i, k);
            write_picture(name, strchr(name, '/') + 1);
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

/* Opens a folder with the stand-in; watched may be NULL. */
static cir_status open_watched(const char *place, watching *watched, cir_dataset **dataset_out,
                               cir_error *err)
{
    const cir_pictures_options options = {.watch = watched != NULL ? watch_it : NULL, .context = watched};
    return cir_dataset_open_pictures(place, &options, &model, NULL, NULL, dataset_out, err);
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
    if (open_watched(trailing, &watched, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    const cir_dataset_info *info = cir_dataset_get_info(dataset);
    assert_string_equal(info->name, strrchr(folder, '/') + 1);
    assert_int_equal(info->n_queries, N_INSTANCES * N_TEXTS);
    assert_int_equal(info->n_instances, N_INSTANCES);
    assert_int_equal(info->n_database, N_INSTANCES * 12);
    assert_int_equal(info->dim, DIM);
    assert_int_equal(n_files, N_INSTANCES * 13);
    assert_int_equal(watched.n_calls, 2); /* of 32 pictures and the rest */
    assert_int_equal(watched.n_done, watched.n_total);
    assert_int_equal(n_texts, N_TEXTS);
    cir_dataset_close(dataset);
}

static void test_composing_pays(void **state)
{
    (void)state;
    cir_dataset *dataset;
    assert_int_equal(open_watched(folder, NULL, &dataset, NULL), CIR_OK);
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
    assert_int_equal(open_watched(folder, NULL, &dataset, NULL), CIR_OK);
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
    watching watched = {.stop_at = 32};
    assert_int_equal(open_watched(folder, &watched, &dataset, &err), CIR_INTERRUPTED);
    assert_null(dataset);
    assert_int_equal(unlink(path_of("database/thing1_night_2.jpg")), 0);
    assert_int_equal(open_watched(folder, NULL, &dataset, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database/thing1_night_2.jpg"));
    assert_int_equal(unlink(path_of("database_files.csv")), 0);
    assert_int_equal(open_watched(folder, NULL, &dataset, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "database_files.csv"));
}

/* Opens the set with a cache in the folder; how many pictures were encoded. features_out: the protocol's
 * hash. */
static size_t encode_cached(const cir_model *asked, cir_cache_report *report,
                            char features_out[CIR_HASH_TEXT_SIZE])
{
    cir_dataset *dataset;
    cir_error err;
    cir_protocol protocol;
    char cache[512];
    snprintf(cache, sizeof cache, "%s", path_of("cache"));
    const cir_pictures_options options = {.cache = cache};
    n_files = 0;
    if (cir_dataset_open_pictures(folder, &options, asked, NULL, report, &dataset, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cir_dataset_get_protocol(dataset, NULL, &protocol, NULL), CIR_OK);
    strcpy(features_out, protocol.features);
    cir_dataset_close(dataset);
    assert_string_equal(report->problem, "");
    assert_int_equal(report->n_encoded, n_files);
    assert_int_equal(report->n_found + report->n_encoded, N_INSTANCES * 13);
    return n_files;
}

/* Calls with the cache's file open as SQLite sees it. */
static void change_cache(const char *sql)
{
    char name[128];
    sqlite3 *database;
    snprintf(name, sizeof name, "cache/features-0123-2-%s.sqlite", cir_version());
    assert_int_equal(sqlite3_open(path_of(name), &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void test_a_cache_never_lies(void **state)
{
    (void)state;
    cir_cache_report report;
    char first[CIR_HASH_TEXT_SIZE], again[CIR_HASH_TEXT_SIZE];
    struct stat facts;

    assert_int_equal(encode_cached(&model, &report, first), N_INSTANCES * 13);
    assert_int_equal(encode_cached(&model, &report, again), 0);
    assert_string_equal(first, again);
    assert_true(report.size_bytes > 0);

    /* Touched: read, not encoded. Other bytes of the same size at the same time: encoded. */
    assert_int_equal(utimensat(AT_FDCWD, path_of("query/thing0_q.jpg"), NULL, 0), 0);
    assert_int_equal(encode_cached(&model, &report, again), 0);
    assert_string_equal(first, again);
    const char *const changed = "database/thing1_night_2.jpg";
    assert_int_equal(stat(path_of(changed), &facts), 0);
    write_picture(changed, "thing9_night_2.jpg");
    assert_int_equal(
        utimensat(AT_FDCWD, path_of(changed), (struct timespec[]){facts.st_atim, facts.st_mtim}, 0), 0);
    assert_int_equal(encode_cached(&model, &report, again), 1);
    assert_string_not_equal(first, again);
    write_picture(changed, "thing1_night_2.jpg");
    assert_int_equal(encode_cached(&model, &report, again), 0); /* its bytes are known */
    assert_string_equal(first, again);

    /* Two pictures that change places. */
    const char *const other = "database/thing1_snow_1.jpg";
    char moved[512];
    snprintf(moved, sizeof moved, "%s", path_of("database/away"));
    assert_int_equal(rename(path_of(changed), moved), 0);
    char target[512];
    snprintf(target, sizeof target, "%s", path_of(changed));
    assert_int_equal(rename(path_of(other), target), 0);
    snprintf(target, sizeof target, "%s", path_of(other));
    assert_int_equal(rename(moved, target), 0);
    assert_int_equal(encode_cached(&model, &report, again), 0);
    assert_string_not_equal(first, again);
}

/* What was noted seconds after the last change is found without reading. */
static void test_places_are_known_once_they_are_settled(void **state)
{
    (void)state;
    cir_cache_report report;
    char hash[CIR_HASH_TEXT_SIZE];
    cir__feature_cache *cache;
    cir__picture_place place;
    float feature[DIM];
    char *const path = realpath(path_of("query/thing0_q.jpg"), NULL);

    encode_cached(&model, &report, hash);
    assert_true(cir__picture_place_find(path, 0, &place));
    assert_false(place.is_settled);
    assert_int_equal(cir__feature_cache_open(path_of("cache"), &model.info, false, UINT64_MAX, &cache, NULL),
                     CIR_OK);
    assert_false(cir__feature_cache_find(cache, &place, feature));
    cir__feature_cache_close(cache, NULL);

    sleep(4);
    assert_int_equal(encode_cached(&model, &report, hash), 0);
    assert_true(cir__picture_place_find(path, 0, &place));
    assert_true(place.is_settled);
    assert_int_equal(cir__feature_cache_open(path_of("cache"), &model.info, false, UINT64_MAX, &cache, NULL),
                     CIR_OK);
    assert_true(cir__feature_cache_find(cache, &place, feature));
    for (size_t i = 0; i < 5; i++) {
        cir__picture_place wrong = place;
        uint64_t *const numbers[] = {&wrong.offset, &wrong.inode, &wrong.size};
        if (i < 3)
            ++*numbers[i];
        else
            ++*(i == 3 ? &wrong.changed_ns : &wrong.modified_ns);
        assert_false(cir__feature_cache_find(cache, &wrong, feature));
    }
    cir__feature_cache_close(cache, NULL);
    assert_int_equal(encode_cached(&model, &report, hash), 0);

    write_picture("query/thing0_q.jpg", "thing1_q.jpg");
    char changed[CIR_HASH_TEXT_SIZE];
    encode_cached(&model, &report, changed);
    assert_string_not_equal(hash, changed);
    free(path);
}

static void test_an_interrupted_run_goes_on(void **state)
{
    (void)state;
    cir_dataset *dataset;
    cir_error err;
    cir_cache_report report;
    watching watched = {.stop_at = 32};
    char hash[CIR_HASH_TEXT_SIZE], cache[512];
    snprintf(cache, sizeof cache, "%s", path_of("cache"));
    const cir_pictures_options options = {.cache = cache, .watch = watch_it, .context = &watched};
    assert_int_equal(cir_dataset_open_pictures(folder, &options, &model, NULL, &report, &dataset, &err),
                     CIR_INTERRUPTED);
    assert_null(dataset);
    assert_int_equal(report.n_encoded, 32);
    assert_int_equal(encode_cached(&model, &report, hash), N_INSTANCES * 13 - 32);
    assert_int_equal(report.n_found, 32);
}

static void test_a_damaged_cache_is_made_anew(void **state)
{
    (void)state;
    cir_cache_report report;
    char first[CIR_HASH_TEXT_SIZE], again[CIR_HASH_TEXT_SIZE], name[128];

    encode_cached(&model, &report, first);
    change_cache("UPDATE features SET feature = zeroblob(64) WHERE id % 2 = 0");
    assert_int_equal(encode_cached(&model, &report, again), N_INSTANCES * 13 / 2);
    assert_string_equal(first, again);
    change_cache("UPDATE features SET feature = x'00' WHERE id = 3");
    assert_int_equal(encode_cached(&model, &report, again), 1);
    assert_string_equal(first, again);
    change_cache("DROP TABLE features; CREATE TABLE features(id, other)");
    assert_int_equal(encode_cached(&model, &report, again), N_INSTANCES * 13);
    snprintf(name, sizeof name, "cache/features-0123-2-%s.sqlite", cir_version());
    write_picture(name,
                  "this is not a database, and long enough to be seen as none by who reads its first bytes, "
                  "which are one hundred of them");
    assert_int_equal(encode_cached(&model, &report, again), N_INSTANCES * 13);
    assert_string_equal(first, again);
    assert_int_equal(encode_cached(&model, &report, again), 0);
}

static void test_a_cache_has_an_end(void **state)
{
    (void)state;
    cir__feature_cache *cache;
    cir_cache_report report;
    cir_error err;
    float feature[DIM] = {1};
    cir_model_info other = model.info;

    strcpy(other.fingerprint, "4567");
    assert_int_equal(cir__feature_cache_open(path_of("cache"), &other, false, 8192, &cache, &err), CIR_OK);
    for (uint8_t i = 0; i < 200; i++) {
        cir__feature_cache_put(cache, (const uint8_t[16]){i}, NULL, feature);
        cir__feature_cache_commit(cache);
    }
    assert_true(cir__feature_cache_find_content(cache, (const uint8_t[16]){0}, NULL, feature));
    cir__feature_cache_close(cache, &report);
    assert_non_null(strstr(report.problem, "is full"));
    assert_int_equal(report.n_encoded, 200);
    assert_true(report.size_bytes < 100000);

    /* Another model's goes for this one's, where both are too much. */
    assert_int_equal(cir__feature_cache_open(path_of("cache"), &model.info, false, 8192, &cache, &err),
                     CIR_OK);
    cir__feature_cache_close(cache, NULL);
    assert_int_equal(cir__feature_cache_open(path_of("cache"), &other, false, UINT64_MAX, &cache, &err),
                     CIR_OK);
    assert_false(cir__feature_cache_find_content(cache, (const uint8_t[16]){0}, NULL, feature));
    cir__feature_cache_close(cache, NULL);

    assert_int_equal(
        cir__feature_cache_open(path_of("no/such/folder"), &other, false, UINT64_MAX, &cache, &err),
        CIR_NOT_FOUND);
    assert_null(cache);
    assert_int_equal(
        cir__feature_cache_open(path_of("query_files.csv"), &other, false, UINT64_MAX, &cache, &err), CIR_IO);
}

int main(void)
{
#define ON_A_SET(test) cmocka_unit_test_setup_teardown(test, write_set, remove_set)
    const struct CMUnitTest tests[] = {
        ON_A_SET(test_pictures_are_encoded_once),
        ON_A_SET(test_composing_pays),
        ON_A_SET(test_texts_are_encoded_once_a_corpus),
        ON_A_SET(test_stopping_and_failing),
        ON_A_SET(test_a_cache_never_lies),
        ON_A_SET(test_places_are_known_once_they_are_settled),
        ON_A_SET(test_an_interrupted_run_goes_on),
        ON_A_SET(test_a_damaged_cache_is_made_anew),
        ON_A_SET(test_a_cache_has_an_end),
    };
    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
