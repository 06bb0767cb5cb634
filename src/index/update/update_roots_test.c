/* Updates of several models and roots, and what an index tells of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index/update/update.h"
#include "index/update/update_testing.h"
#include "index/update/writer.h"

static void test_second_model(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/b.jpg", "PIC b");
    testing_write(&t, "photos/broken.jpg", "oh");
    testing_update(&t, CIR_OK);

    testing other = t;
    other.encoder.context = &other;
    other.encoders.items = &other.encoder;
    other.encoders.context = &other;
    other.encoder.fingerprint = "0123456701234567ffffffffffffffff"; /* as long as the other's key */
    cir_index *index;
    cir_error err;
    assert_int_equal(cir_index_open(t.index,
                                    &(cir_index_options){.size = sizeof(cir_index_options),
                                                         .model_fingerprint = other.encoder.fingerprint},
                                    &index, &err),
                     CIR_MISMATCH);
    assert_non_null(strstr(err.message, "fake model"));
    assert_non_null(strstr(err.message, "cir index"));

    testing_write(&t, "photos/c.jpg", "PIC c");
    ASSERT_PROGRESS(testing_update(&other, CIR_OK), 4, 1, 3, 0, 0);
    index = testing_open(&other);
    assert_int_equal(cir_index_get_info(index)->n_models, 2);
    assert_string_equal(cir_index_get_info(index)->model->key, "fake-model-0123456701234567");
    assert_int_equal(cir_index_get_info(index)->n_ready, 3);
    testing_assert_ready(&t, index, "photos/c.jpg");
    cir_index_close(index);

    /* The first keeps its own; what it has not encoded yet is pending, its vectors read as zero. */
    index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_rows, 4);
    assert_int_equal(cir_index_get_info(index)->n_ready, 2);
    assert_int_equal(cir_index_get_info(index)->n_pending, 1);
    testing_assert_ready(&t, index, "photos/b.jpg");
    assert_int_equal(cir_index_get_rows(index).f16[3 * TESTING_DIM], 0);
    cir_index_close(index);
    testing_assert_clean(&t);
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 4, 3, 1, 0, 0);

    /* A changed photo loses the features of both. */
    testing_write(&t, "photos/a.jpg", "PIC changed");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 4, 3, 1, 0, 0);
    index = testing_open(&other);
    testing_assert_state(&t, index, "photos/a.jpg", CIR_IMAGE_PENDING);
    cir_index_close(index);
    ASSERT_PROGRESS(testing_update(&other, CIR_OK), 4, 3, 1, 0, 0);
    testing_assert_clean(&t);
    testing_done(&t);
}

/* The index and its photos are moved together; the index is named through a link; paths are relative. */
static void test_moved_together(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/sub/a.jpg", "PIC a");
    testing_update(&t, CIR_OK);
    char elsewhere[512];
    testing_path(&t, "elsewhere", elsewhere);
    assert_int_equal(mkdir(elsewhere, 0777), 0);
    testing_rename(&t, "photos", "elsewhere/photos");
    testing_rename(&t, "photos.cir", "elsewhere/photos.cir");
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(elsewhere), 0);
    cir_index *index;
    cir_image_record record;
    assert_int_equal(cir_index_open("photos.cir", NULL, &index, NULL), CIR_OK);
    assert_int_equal(cir_index_get_record(index, 0, &record, NULL), CIR_OK);
    assert_string_equal(record.path, "photos/sub/a.jpg");
    cir_image_record_done(&record);
    size_t id = 99;
    assert_int_equal(cir_index_find_path(index, "./photos//sub/../sub/a.jpg", &id, NULL), CIR_OK);
    assert_int_equal(id, 0);
    cir_index_close(index);
    assert_int_equal(chdir(t.folder), 0);
    testing_link(&t, "elsewhere/photos.cir", "link.cir");
    assert_int_equal(cir_index_open("link.cir", NULL, &index, NULL), CIR_OK);
    assert_int_equal(cir_index_get_record(index, 0, &record, NULL), CIR_OK);
    assert_int_equal(access(record.path, R_OK), 0);
    cir_image_record_done(&record);
    cir_index_close(index);
    const char *paths[] = {"elsewhere"};
    cir_update_progress progress;
    assert_int_equal(
        cir__index_update("elsewhere/photos.cir/", paths, 1, &t.encoders, t.pool, NULL, 0, &progress, NULL),
        CIR_OK);
    ASSERT_PROGRESS(progress, 1, 1, 0, 0, 0);
    assert_int_equal(chdir(here), 0);
    testing_done(&t);
}

/* Real pictures and the embedded model through the public door: what the model says of a file is what is
 * kept. */
static void test_with_model(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    cir_model *model;
    cir_error err = {0};
    if (cir_model_open(CIR_MODEL_DEMO, NULL, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    char folder[512];
    snprintf(folder, sizeof folder, "%s/image", getenv("CIR_TEST_DATA"));
    const char *paths[] = {folder};
    cir_update_progress progress;
    if (cir_index_update(t.index, paths, 1, (const cir_model *const[]){model}, 1, t.pool, NULL, &progress,
                         &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_in_range(progress.n_encoded, 10, progress.n_found);
    cir_index *index;
    if (cir_index_open(t.index,
                       &(cir_index_options){.size = sizeof(cir_index_options),
                                            .model_fingerprint = cir_model_get_info(model)->fingerprint},
                       &index, &err) != CIR_OK)
        fail_msg("%s", err.message);
    size_t dim = cir_index_get_info(index)->model->dim;
    assert_int_equal(dim, cir_model_get_info(model)->dim);
    assert_string_equal(cir_index_get_info(index)->model->path, "demo");
    float *stored = malloc(dim * sizeof *stored);
    float *expected = malloc(dim * sizeof *expected);
    size_t n_compared = 0;
    for (size_t id = 0; id < cir_index_get_info(index)->n_rows; id++) {
        if (!cir_index_get_rows(index).ready[id])
            continue;
        cir_image_record record;
        assert_int_equal(cir_index_get_record(index, id, &record, NULL), CIR_OK);
        const char *path = record.path;
        assert_int_equal(cir_model_encode_files(model, t.pool, &path, 1, NULL, expected, NULL, NULL, &err),
                         CIR_OK);
        assert_int_equal(cir_index_get_feature(index, id, stored, NULL), CIR_OK);
        for (size_t i = 0; i < dim; i++)
            if (!(fabsf(stored[i] - expected[i]) <= 5e-4f))
                fail_msg("%s: component %zu is %f, expected %f", path, i, (double)stored[i],
                         (double)expected[i]);
        cir_image_record_done(&record);
        n_compared++;
    }
    assert_int_equal(n_compared, progress.n_encoded);
    free(stored);
    free(expected);
    cir_index_close(index);
    cir_model_close(model);
    testing_done(&t);
}

typedef struct seen {
    const cir_index *index;
    size_t n;
    bool stops;
} seen;

static bool see(void *context, const cir_image_record *record)
{
    seen *self = context;
    cir_image_record expected;
    assert_int_equal(record->id, self->n++);
    assert_null(record->error);
    /* The index is in use: what it says of the row is asked for by another view. */
    assert_int_equal(cir_index_get_record(self->index, record->id, &expected, NULL), CIR_OK);
    assert_string_equal(record->path, expected.path);
    assert_int_equal(record->state, expected.state);
    assert_int_equal(record->size_bytes, expected.size_bytes);
    assert_int_equal(record->width_px, expected.width_px);
    assert_int_equal(record->taken_at, expected.taken_at);
    cir_image_record_done(&expected);
    return !self->stops;
}

static void test_listed_in_one_pass(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    write_many(&t, 30);
    testing_write(&t, "photos/broken.jpg", "oh");
    testing_update(&t, CIR_OK);
    testing_remove(&t, "photos/a/p003.jpg");
    testing_update(&t, CIR_OK);
    cir_index *index = testing_open(&t), *other = testing_open(&t);
    seen all = {.index = other}, one = {.index = other, .stops = true};
    bool is_current;
    assert_int_equal(cir_index_list_all_images(index, see, &all, NULL), CIR_OK);
    assert_int_equal(all.n, 31);
    assert_int_equal(cir_index_list_all_images(index, see, &one, NULL), CIR_OK);
    assert_int_equal(one.n, 1);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_true(is_current);
    testing_write(&t, "photos/new.jpg", "PIC a new one");
    testing_update(&t, CIR_OK);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_false(is_current);
    /* A view stays what it was. */
    all = (seen){.index = other};
    assert_int_equal(cir_index_list_all_images(index, see, &all, NULL), CIR_OK);
    assert_int_equal(all.n, 31);
    cir_index_close(other);
    cir_index_close(index);
    testing_done(&t);
}

static void test_roots_are_kept(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/sub/b.jpg", "PIC b");
    testing_write(&t, "photos/c.jpg", "PIC c");
    char path[512];
    testing_path(&t, "photos/sub", path);
    testing_update_with(&t, path, NULL, CIR_OK);
    testing_path(&t, "photos/c.jpg", path);
    testing_update_with(&t, path, NULL, CIR_OK);
    testing_update_with(&t, path, NULL, CIR_OK);
    testing_update_with(&t, t.folder, NULL, CIR_OK); /* which holds the index itself */
    cir_index *index = testing_open(&t);
    char **paths;
    size_t n;
    assert_int_equal(cir_index_list_roots(index, &paths, &n, NULL), CIR_OK);
    assert_int_equal(n, 3);
    size_t n_found = 0;
    static const char *const names[] = {"photos/sub", "photos/c.jpg", ""};
    for (size_t i = 0; i < 3; i++) {
        testing_path(&t, names[i], path);
        char *wanted = realpath(path, NULL);
        for (size_t j = 0; j < n; j++) {
            char *given = realpath(paths[j], NULL);
            assert_non_null(given);
            n_found += strcmp(given, wanted) == 0;
            free(given);
        }
        free(wanted);
    }
    assert_int_equal(n_found, 3);
    cir_paths_free(paths, n);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_model),   cmocka_unit_test(test_moved_together),
        cmocka_unit_test(test_with_model),     cmocka_unit_test(test_listed_in_one_pass),
        cmocka_unit_test(test_roots_are_kept),
    };
    return cmocka_run_group_tests_name("update roots", tests, NULL, NULL);
}
