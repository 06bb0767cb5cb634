/* Updates with several models at once: each photo is read and decoded once, each model has its own features
 * of it, and where one fails the other's stand. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "index/synthetic/index_testing.h"
#include "index/update/update.h"

/* Asserts that a file is ready with both models' features of its content. */
static void assert_ready_twice(const testing *t, const char *name)
{
    cir_index *first = testing_open(t);
    cir_index *second = testing_open_second(t);
    assert_int_equal(testing_assert_ready(t, first, name), testing_assert_ready(t, second, name));
    cir_index_close(first);
    cir_index_close(second);
}

static void assert_states(const testing *t, const char *name, cir_image_state first, cir_image_state second)
{
    cir_index *index = testing_open(t);
    testing_assert_state(t, index, name, first);
    cir_index_close(index);
    index = testing_open_second(t);
    testing_assert_state(t, index, name, second);
    cir_index_close(index);
}

static void write_photos(const testing *t, const char *text, int first, int n)
{
    for (int i = first; i < first + n; i++) {
        char name[32];
        char content[32];
        snprintf(name, sizeof name, "photos/%03d.jpg", i);
        snprintf(content, sizeof content, "%s %d", text, i);
        testing_write(t, name, content);
    }
}

static void test_both_at_once(void **state)
{
    (void)state;
    enum { N = 70 }; /* several batches */
    testing t;
    testing_init(&t, 2);
    testing_use_both(&t);
    write_photos(&t, "PIC", 0, N);
    testing_write(&t, "photos/broken.jpg", "oh");
    testing_write(&t, "photos/copy.jpg", "PIC 3");
    cir_update_progress done = testing_update(&t, CIR_OK);
    assert_int_equal(done.n_found, N + 2);
    assert_true(done.n_encoded >= N &&
                done.n_encoded <= N + 1); /* the copy may come while its twin is on the way */
    assert_int_equal(done.n_failed, 1);
    assert_int_equal(t.n_read, done.n_encoded);
    assert_int_equal(t.n_encoded, done.n_encoded);
    assert_int_equal(t.n_encoded_second, done.n_encoded);
    for (int i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "photos/%03d.jpg", i);
        assert_ready_twice(&t, name);
    }
    assert_ready_twice(&t, "photos/copy.jpg");
    assert_states(&t, "photos/broken.jpg", CIR_IMAGE_FAILED, CIR_IMAGE_FAILED);
    testing_assert_clean(&t);

    t.n_read = 0;
    assert_int_equal(testing_update(&t, CIR_OK).n_unchanged, N + 2);
    assert_int_equal(t.n_read, 0);
    /* Moved and touched: nothing is decoded; changed: both features are replaced. */
    testing_rename(&t, "photos/005.jpg", "photos/moved.jpg");
    testing_write(&t, "photos/006.jpg", "PIC 6");
    testing_write(&t, "photos/007.jpg", "PIC other");
    testing_write(&t, "photos/twin.jpg", "PIC 8");
    assert_int_equal(testing_update(&t, CIR_OK).n_encoded, 1);
    assert_int_equal(t.n_read, 1);
    assert_ready_twice(&t, "photos/moved.jpg");
    assert_ready_twice(&t, "photos/006.jpg");
    assert_ready_twice(&t, "photos/007.jpg");
    assert_ready_twice(&t, "photos/twin.jpg");
    testing_assert_clean(&t);
    testing_done(&t);
}

/* Only what a model lacks is prepared and encoded for it. */
static void test_one_is_behind(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    write_photos(&t, "PIC", 0, 20);
    testing_update(&t, CIR_OK);
    testing_use_both(&t);
    write_photos(&t, "PIC", 20, 5);
    testing_write(&t, "photos/twin.jpg",
                  "PIC 3"); /* the first model's is copied, the second's encoded once */
    t.n_read = t.n_prepared = 0;
    t.n_encoded = t.n_encoded_second = 0;
    const size_t n_encoded = testing_update(&t, CIR_OK).n_encoded;
    assert_true(n_encoded >= 25 && n_encoded <= 26); /* the twin may come while the other is on its way */
    assert_int_equal(t.n_read, n_encoded);
    assert_int_equal(t.n_encoded, 5);
    assert_int_equal(t.n_prepared, 5);
    assert_int_equal(t.n_encoded_second, n_encoded);
    for (int i = 0; i < 25; i++) {
        char name[32];
        snprintf(name, sizeof name, "photos/%03d.jpg", i);
        assert_ready_twice(&t, name);
    }
    assert_ready_twice(&t, "photos/twin.jpg");
    testing_assert_clean(&t);
    testing_done(&t);
}

typedef struct told {
    size_t n;
    char reason[256];
} told;

static bool watch(void *context, const cir_update_progress *progress)
{
    told *self = context;
    if (progress->failed_path != NULL) {
        self->n++;
        snprintf(self->reason, sizeof self->reason, "%s", progress->failed_reason);
    }
    return true;
}

static void test_one_fails(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_use_both(&t);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/b.jpg", "PIC2ND");
    testing_write(&t, "photos/c.jpg", "PIC1ST");
    testing_write(&t, "photos/d.jpg", "PICBAD");
    testing_write(&t, "photos/e.jpg", "PICNAN");
    cir_update_progress done = testing_update(&t, CIR_OK);
    assert_int_equal(done.n_encoded, 1);
    assert_int_equal(done.n_failed, 4);
    assert_ready_twice(&t, "photos/a.jpg");
    assert_states(&t, "photos/b.jpg", CIR_IMAGE_READY, CIR_IMAGE_PENDING);
    assert_states(&t, "photos/c.jpg", CIR_IMAGE_PENDING, CIR_IMAGE_READY);
    assert_states(&t, "photos/d.jpg", CIR_IMAGE_FAILED, CIR_IMAGE_FAILED);
    assert_states(&t, "photos/e.jpg", CIR_IMAGE_FAILED, CIR_IMAGE_FAILED);
    testing_assert_clean(&t);

    /* What is missing is tried again, and told again with the model's name. */
    told heard = {0};
    const cir_update_options options = {.size = sizeof options, .watch = watch, .watch_context = &heard};
    t.n_encoded = 0;
    done = testing_update_with(&t, t.photos, &options, CIR_OK);
    assert_int_equal(done.n_unchanged, 3);
    assert_int_equal(heard.n, 2);
    assert_non_null(strstr(heard.reason, "photos/c.jpg: model fake model: weights: lead to no number"));
    assert_int_equal(t.n_encoded, 0);
    assert_states(&t, "photos/b.jpg", CIR_IMAGE_READY, CIR_IMAGE_PENDING);

    /* A model that comes later and fails takes nothing away. */
    testing alone;
    testing_init(&alone, 1);
    testing_write(&alone, "photos/b.jpg", "PIC2ND");
    testing_update(&alone, CIR_OK);
    alone.encoders.items = &alone.second;
    assert_int_equal(testing_update(&alone, CIR_OK).n_failed, 1);
    assert_states(&alone, "photos/b.jpg", CIR_IMAGE_READY, CIR_IMAGE_PENDING);
    testing_write(&alone, "photos/b.jpg", "broken now");
    assert_int_equal(testing_update(&alone, CIR_OK).n_failed, 1);
    assert_states(&alone, "photos/b.jpg", CIR_IMAGE_FAILED, CIR_IMAGE_FAILED);
    testing_assert_clean(&alone);
    testing_done(&alone);
    testing_done(&t);
}

static void test_one_model_twice(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_use_both(&t);
    t.pair[1].fingerprint = t.pair[0].fingerprint;
    const char *paths[] = {t.photos};
    cir_error err;
    assert_int_equal(cir__index_update(t.index, paths, 1, &t.encoders, NULL, NULL, 0, NULL, &err),
                     CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "named twice (/models/fake, /models/second)"));
    assert_int_equal(cir_index_update(t.index, paths, 1, NULL, 0, NULL, NULL, NULL, &err), CIR_ARGUMENT);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_one_is_behind),
        cmocka_unit_test(test_one_fails),
        cmocka_unit_test(test_one_model_twice),
    };
    return cmocka_run_group_tests_name("index models", tests, NULL, NULL);
}
