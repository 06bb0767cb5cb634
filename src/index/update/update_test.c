/* Updates: what is encoded, kept, moved, copied, failed, vanished. */
#include <stdio.h>
#include <string.h>

#include "index/update/update_testing.h"

static void test_first_update(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 3);
    testing_write(&t, "photos/b.jpg", "PIC b");
    testing_write(&t, "photos/a.PNG", "PIC a");
    testing_write(&t, "photos/notes.txt", "not a picture by its name");
    testing_write(&t, "photos/sub/c.webp", "PIC c");
    testing_write(&t, "photos/broken.jpg", "oh");
    testing_write(&t, "photos/z.jpg", "PIC z");
    testing_write(&t, "photos/empty.gif", "");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 6, 0, 4, 2, 0);

    cir_index *index = testing_open(&t);
    const cir_index_info *info = cir_index_get_info(index);
    assert_int_equal(info->n_rows, 6);
    assert_int_equal(info->n_ready, 4);
    assert_int_equal(info->n_failed, 2);
    assert_int_equal(info->n_vanished + info->n_pending, 0);
    assert_true(info->size_bytes > 10000);
    assert_int_equal(info->n_models, 1);
    assert_string_equal(info->model->name, "fake model");
    assert_string_equal(info->model->path, "/models/fake");
    assert_string_equal(info->model->key, "fake-model-01234567");
    assert_int_equal(info->model->dim, TESTING_DIM);
    /* In the order of the walk: files sorted, then subfolders. */
    assert_int_equal(testing_assert_ready(&t, index, "photos/a.PNG"), 0);
    assert_int_equal(testing_assert_ready(&t, index, "photos/b.jpg"), 1);
    testing_assert_state(&t, index, "photos/broken.jpg", CIR_IMAGE_FAILED);
    testing_assert_state(&t, index, "photos/empty.gif", CIR_IMAGE_FAILED);
    assert_int_equal(testing_assert_ready(&t, index, "photos/z.jpg"), 4);
    assert_int_equal(testing_assert_ready(&t, index, "photos/sub/c.webp"), 5);

    cir_image_record record;
    assert_int_equal(cir_index_get_record(index, 0, &record, NULL), CIR_OK);
    assert_int_equal(record.size_bytes, 5);
    assert_int_equal(record.modified_ns % 1000, 5);
    assert_int_equal(record.width_px, 5);
    assert_int_equal(record.height_px, 2);
    assert_int_equal(record.taken_at, 12345);
    assert_null(record.error);
    cir_image_record_done(&record);
    assert_int_equal(cir_index_get_record(index, 2, &record, NULL), CIR_OK);
    char expected[600];
    snprintf(expected, sizeof expected, "%s/broken.jpg: is not a picture", t.photos);
    assert_string_equal(record.error, expected);
    assert_int_equal(record.taken_at, INT64_MIN);
    cir_image_record_done(&record);

    float feature[TESTING_DIM];
    assert_int_equal(cir_index_get_feature(index, 2, feature, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_feature(index, 6, feature, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_record(index, 6, &record, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_rows(index).ready[2], 0);
    assert_int_equal(cir_index_get_rows(index).ready[1], 1);
    size_t id;
    cir_error err;
    assert_int_equal(cir_index_find_path(index, "/no/such.jpg", &id, &err), CIR_NOT_FOUND);
    cir_index_close(index);
    testing_done(&t);
}

static void test_unchanged(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    write_many(&t, 40);
    testing_write(&t, "photos/broken.jpg", "oh");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 41, 0, 40, 1, 0);
    cir_index *index = testing_open(&t);
    uint64_t revision = cir_index_get_info(index)->revision;
    cir_index_close(index);
    size_t n_prepared = t.n_prepared;
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 41, 41, 0, 0, 0);
    assert_int_equal(t.n_prepared, n_prepared);
    index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->revision, revision);
    cir_index_close(index);

    /* Touched, the content as it was: by its hash; and then by its time again. */
    testing_write(&t, "photos/a/p000.jpg", "PIC number 0");
    testing_write(&t, "photos/broken.jpg", "oh");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 41, 41, 0, 0, 0);
    assert_int_equal(t.n_prepared, n_prepared);
    index = testing_open(&t);
    assert_true(cir_index_get_info(index)->revision > revision);
    testing_assert_ready(&t, index, "photos/a/p000.jpg");
    testing_assert_state(&t, index, "photos/broken.jpg", CIR_IMAGE_FAILED);
    cir_index_close(index);

    cir_update_options again = {.size = sizeof again, .retry_failed = true};
    ASSERT_PROGRESS(testing_update_with(&t, t.photos, &again, CIR_OK), 41, 40, 0, 1, 0);
    testing_done(&t);
}

static void test_changed(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/b.jpg", "PIC b");
    testing_write(&t, "photos/c.jpg", "PIC c");
    testing_update(&t, CIR_OK);
    testing_write(&t, "photos/a.jpg", "PIC another");
    testing_write(&t, "photos/b.jpg", "no longer");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 3, 1, 1, 1, 0);
    cir_index *index = testing_open(&t);
    assert_int_equal(testing_assert_ready(&t, index, "photos/a.jpg"), 0);
    testing_assert_state(&t, index, "photos/b.jpg", CIR_IMAGE_FAILED);
    for (size_t i = 0; i < TESTING_DIM; i++)
        assert_int_equal(cir_index_get_rows(index).f16[TESTING_DIM + i], 0);
    cir_index_close(index);

    /* Mended: ready again, under its id. */
    testing_write(&t, "photos/b.jpg", "PIC mended");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 3, 2, 1, 0, 0);
    index = testing_open(&t);
    assert_int_equal(testing_assert_ready(&t, index, "photos/b.jpg"), 1);
    cir_index_close(index);

    /* Contents swapped: known both, and each row gets the other's feature, or encodes it again. */
    testing_write(&t, "photos/a.jpg", "PIC mended");
    testing_write(&t, "photos/b.jpg", "PIC another");
    testing_update(&t, CIR_OK);
    index = testing_open(&t);
    assert_int_equal(testing_assert_ready(&t, index, "photos/a.jpg"), 0);
    assert_int_equal(testing_assert_ready(&t, index, "photos/b.jpg"), 1);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_moved_and_copied(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/b.jpg", "PIC b");
    testing_write(&t, "photos/c.jpg", "PIC c");
    testing_update(&t, CIR_OK);

    testing_write(&t, "photos/new/place.jpg", "PIC a"); /* moved to */
    testing_remove(&t, "photos/a.jpg");
    testing_write(&t, "photos/also-b.jpg", "PIC b"); /* copied */
    testing_rename(&t, "photos/c.jpg", "photos/renamed.jpg");
    testing_write(&t, "photos/zz.jpg", "PIC c"); /* moved and copied */
    size_t n_prepared = t.n_prepared;
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 5, 5, 0, 0, 0);
    assert_int_equal(t.n_prepared, n_prepared);
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_rows, 5);
    assert_int_equal(cir_index_get_info(index)->n_ready, 5);
    assert_int_equal(testing_assert_ready(&t, index, "photos/new/place.jpg"), 0);
    assert_int_equal(testing_assert_ready(&t, index, "photos/b.jpg"), 1);
    assert_int_equal(testing_assert_ready(&t, index, "photos/also-b.jpg"), 3);
    assert_int_equal(testing_assert_ready(&t, index, "photos/renamed.jpg"), 2);
    assert_int_equal(testing_assert_ready(&t, index, "photos/zz.jpg"), 4);
    cir_image_record record;
    assert_int_equal(cir_index_get_record(index, 3, &record, NULL), CIR_OK);
    assert_int_equal(record.width_px, 5); /* facts are copied too */
    cir_image_record_done(&record);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_vanished(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/sub/b.jpg", "PIC b");
    testing_write(&t, "photos/sub/broken.jpg", "oh");
    testing_write(&t, "photos/sub-not/c.jpg", "PIC c");
    testing_write(&t, "photos/odd.dat", "PIC d");
    char odd[512];
    char sub[512];
    testing_path(&t, "photos/odd.dat", odd);
    testing_path(&t, "photos/sub", sub);
    testing_update(&t, CIR_OK);
    ASSERT_PROGRESS(testing_update_with(&t, odd, NULL, CIR_OK), 1, 0, 1, 0, 0);

    testing_rename(&t, "photos/sub", "away");
    testing_rename(&t, "photos/sub-not/c.jpg", "c.jpg");
    /* Only at or below the given paths. */
    char below[512];
    testing_path(&t, "photos/sub-not", below);
    ASSERT_PROGRESS(testing_update_with(&t, below, NULL, CIR_OK), 0, 0, 0, 0, 1);
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 1, 1, 0, 0, 2);
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 1, 1, 0, 0, 0);
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_vanished, 3);
    assert_int_equal(cir_index_get_info(index)->n_ready, 2);
    testing_assert_state(&t, index, "photos/sub/b.jpg", CIR_IMAGE_VANISHED);
    testing_assert_state(&t, index, "photos/odd.dat", CIR_IMAGE_READY);
    cir_index_close(index);

    /* A named path that is not there is an error, and marks nothing. */
    testing_update_with(&t, sub, NULL, CIR_NOT_FOUND);

    testing_rename(&t, "away", "photos/sub");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 3, 3, 0, 0, 0);
    index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/sub/b.jpg");
    testing_assert_state(&t, index, "photos/sub/broken.jpg", CIR_IMAGE_FAILED);
    assert_int_equal(cir_index_get_info(index)->n_vanished, 1);
    cir_index_close(index);
    testing_done(&t);
}

static void test_no_numbers(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/b.jpg", "PICNAN");
    testing_write(&t, "photos/c.jpg", "PICBAD");
    testing_write(&t, "photos/d.jpg", "PIC d");
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 4, 0, 2, 2, 0);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/a.jpg");
    testing_assert_state(&t, index, "photos/b.jpg", CIR_IMAGE_FAILED);
    testing_assert_state(&t, index, "photos/c.jpg", CIR_IMAGE_FAILED);
    testing_assert_ready(&t, index, "photos/d.jpg");
    cir_image_record record;
    assert_int_equal(cir_index_get_record(index, 1, &record, NULL), CIR_OK);
    assert_non_null(strstr(record.error, "not finite"));
    cir_image_record_done(&record);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_empty(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    ASSERT_PROGRESS(testing_update(&t, CIR_OK), 0, 0, 0, 0, 0);
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_rows, 0);
    assert_non_null(cir_index_get_rows(index).f16);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_update), cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_changed),      cmocka_unit_test(test_moved_and_copied),
        cmocka_unit_test(test_vanished),     cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests_name("index update", tests, NULL, NULL);
}
