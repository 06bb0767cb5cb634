/* What is forgotten leaves nothing behind, and does not come back by itself. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "index/synthetic/index_testing.h"

static size_t forget(const testing *t, const char *name, cir_status expected)
{
    char path[512];
    size_t n = 0;
    cir_error err = {0};
    testing_path(t, name, path);
    cir_status status = cir_index_forget(t->index, path, false, &n, &err);
    if (status != expected)
        fail_msg("forget %s: %s: %s", name, cir_status_name(status), err.message);
    return n;
}

/* Whether some file of the index holds these bytes. */
static bool holds(const testing *t, const void *bytes, size_t size)
{
    char command[512], line[512];
    bool is_found = false;
    snprintf(command, sizeof command, "find %s -type f", t->index);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe) != NULL) {
        uint8_t *all;
        size_t n;
        line[strcspn(line, "\n")] = '\0';
        assert_int_equal(cir__file_read(line, 1 << 24, &all, &n, NULL), CIR_OK);
        is_found = is_found || memmem(all, n, bytes, size) != NULL;
        free(all);
    }
    assert_int_equal(pclose(pipe), 0);
    return is_found;
}

static void make(testing *t)
{
    testing_init(t, 1);
    testing_use_both(t);
    testing_write(t, "photos/a.jpg", "PIC a");
    testing_write(t, "photos/private/b.jpg", "PIC b");
    testing_write(t, "photos/private/deep/unspeakable.jpg", "PIC c");
    testing_write(t, "photos/privateer.jpg", "PIC d");
    testing_update(t, CIR_OK);
}

static void test_folder(void **state)
{
    (void)state;
    testing t;
    make(&t);
    cir_index *index = testing_open(&t);
    const size_t id = testing_find(&t, index, "photos/private/deep/unspeakable.jpg");
    const size_t n_rows = cir_index_get_info(index)->n_rows;
    uint16_t row[TESTING_DIM];
    memcpy(row, cir_index_get_rows(index).f16 + id * TESTING_DIM, sizeof row);
    cir_index_close(index);
    assert_true(holds(&t, row, sizeof row) && holds(&t, "unspeakable", 11));
    assert_int_equal(forget(&t, "photos/private", CIR_OK), 2);
    assert_false(holds(&t, row, sizeof row));
    assert_false(holds(&t, "unspeakable", 11));
    index = testing_open(&t);
    cir_image_record record;
    assert_int_equal(cir_index_get_info(index)->n_rows, n_rows);
    assert_int_equal(cir_index_get_info(index)->n_forgotten, 2);
    assert_int_equal(cir_index_get_info(index)->n_ready, 2);
    assert_int_equal(cir_index_get_info(index)->n_vanished + cir_index_get_info(index)->n_pending, 0);
    assert_int_equal(cir_index_get_record(index, id, &record, NULL), CIR_NOT_FOUND);
    testing_assert_ready(&t, index, "photos/privateer.jpg");
    cir_index_close(index);
    testing_assert_clean(&t);
    /* It stays away, also where what holds it is given again; until it is given itself. */
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_found, 2);
    assert_int_equal(progress.n_excluded, 1);
    testing_assert_clean(&t);
    char path[512];
    testing_path(&t, "photos/private", path);
    assert_int_equal(testing_update_with(&t, path, NULL, CIR_OK).n_new, 2);
    assert_int_equal(testing_update(&t, CIR_OK).n_kept, 4);
    index = testing_open(&t);
    assert_int_equal(testing_assert_ready(&t, index, "photos/private/b.jpg") >= n_rows, 1); /* a new id */
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_photo_and_root(void **state)
{
    (void)state;
    testing t;
    make(&t);
    assert_int_equal(forget(&t, "photos/none.jpg", CIR_NOT_FOUND), 0);
    assert_int_equal(forget(&t, "photos/privateer.jpg", CIR_OK), 1);
    assert_int_equal(testing_update(&t, CIR_OK).n_found, 3);
    /* A root whose drive is gone for good. */
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", t.photos);
    assert_int_equal(system(command), 0);
    assert_int_equal(forget(&t, "photos", CIR_OK), 3);
    cir_index *index = testing_open(&t);
    char **roots;
    size_t n;
    assert_int_equal(cir_index_list_roots(index, &roots, &n, NULL), CIR_OK);
    assert_int_equal(n, 0);
    cir_paths_free(roots, n);
    assert_int_equal(cir_index_get_info(index)->n_forgotten, 4);
    assert_int_equal(cir_index_get_info(index)->n_ready, 0);
    cir_index_close(index);
    testing_assert_clean(&t);
    assert_int_equal(cir_index_forget("/no/such.cir", "/x", false, NULL, NULL), CIR_NOT_FOUND);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_photo_and_root),
    };
    return cmocka_run_group_tests_name("index forget", tests, NULL, NULL);
}
