/* Updates that are stopped, that run on other numbers of threads, and that meet another. */
#include <string.h>

#include "index/update/update.h"
#include "index/update/update_testing.h"
#include "index/update/writer.h"

static bool stop_after(void *context, const cir_update_progress *progress)
{
    return progress->n_encoded < *(size_t *)context;
}

static void test_stopped(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 3);
    write_many(&t, 200);
    size_t limit = 50;
    cir_update_options options = {
        .size = sizeof options, .watch = stop_after, .watch_context = &limit, .batch = 4};
    t.delay_us = 10000;
    cir_update_progress progress = testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    assert_in_range(progress.n_encoded, 50, 199);
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_ready, progress.n_encoded);
    assert_int_equal(cir_index_get_info(index)->n_vanished, 0);
    cir_index_close(index);
    t.delay_us = 0;
    assert_int_equal(testing_update(&t, CIR_OK).n_encoded, 200 - progress.n_encoded);
    testing_assert_clean(&t);
    testing_done(&t);
}

/* The same rows in the same order, whatever the number of threads. */
static void test_threads(void **state)
{
    (void)state;
    testing a;
    testing b;
    testing_init(&a, 1);
    testing_init(&b, 7);
    write_many(&a, 150);
    write_many(&b, 150);
    testing_write(&a, "photos/b/bad.jpg", "oh");
    testing_write(&b, "photos/b/bad.jpg", "oh");
    cir_update_options options = {.size = sizeof options, .batch = 5};
    testing_update(&a, CIR_OK);
    testing_update_with(&b, b.photos, &options, CIR_OK);
    cir_index *left = testing_open(&a);
    cir_index *right = testing_open(&b);
    assert_int_equal(cir_index_get_info(left)->n_rows, 151);
    assert_memory_equal(cir_index_get_rows(left).f16, cir_index_get_rows(right).f16, 151 * TESTING_DIM * 2);
    for (size_t id = 0; id < 151; id++) {
        cir_image_record l;
        cir_image_record r;
        assert_int_equal(cir_index_get_record(left, id, &l, NULL), CIR_OK);
        assert_int_equal(cir_index_get_record(right, id, &r, NULL), CIR_OK);
        assert_string_equal(l.path + strlen(a.folder), r.path + strlen(b.folder));
        cir_image_record_done(&l);
        cir_image_record_done(&r);
    }
    cir_index_close(left);
    cir_index_close(right);
    testing_done(&a);
    testing_done(&b);
}

static void test_two_writers(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/a.jpg", "PIC a");
    cir__writer *writer;
    assert_int_equal(cir__writer_open(t.index, &t.encoders, NULL, &writer, NULL), CIR_OK);
    cir_error err;
    const char *paths[] = {t.photos};
    assert_int_equal(cir__index_update(t.index, paths, 1, &t.encoders, t.pool, NULL, 0, NULL, &err),
                     CIR_BUSY);
    assert_non_null(strstr(err.message, t.index));
    assert_non_null(strstr(err.message, "another process"));
    cir__writer_close(writer);
    testing_update(&t, CIR_OK);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_two_writers),
    };
    return cmocka_run_group_tests_name("update stop", tests, NULL, NULL);
}
