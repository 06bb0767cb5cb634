/* The cache of a data set's features: what it may answer, and what it forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cir/cir.h"
#include "eval/read/drawn_testing.h"

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
    const cir_dataset_images_options options = {.cache = cache};
    n_files = 0;
    if (cir_dataset_open_images(folder, &options, asked, NULL, report, &dataset, &err) != CIR_OK)
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
    const cir_dataset_images_options options = {.cache = cache, .watch = watch_it, .context = &watched};
    assert_int_equal(cir_dataset_open_images(folder, &options, &model, NULL, &report, &dataset, &err),
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
        ON_A_SET(test_a_cache_never_lies),         ON_A_SET(test_places_are_known_once_they_are_settled),
        ON_A_SET(test_an_interrupted_run_goes_on), ON_A_SET(test_a_damaged_cache_is_made_anew),
        ON_A_SET(test_a_cache_has_an_end),
    };
    return cmocka_run_group_tests_name("feature cache", tests, NULL, NULL);
}
