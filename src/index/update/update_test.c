/* Updates: what is encoded, kept, moved, copied, failed, vanished. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/synthetic/index_testing.h"
#include "index/update/update.h"
#include "index/update/writer.h"

/* Compares found, unchanged, encoded, failed, vanished. */
#define ASSERT_PROGRESS(progress, ...)                                                                       \
    do {                                                                                                     \
        cir_update_progress is = (progress);                                                                 \
        const size_t wanted[] = {__VA_ARGS__};                                                               \
        const size_t got[] = {is.n_found, is.n_unchanged, is.n_encoded, is.n_failed, is.n_vanished};         \
        for (size_t i = 0; i < 5; i++)                                                                       \
            if (got[i] != wanted[i])                                                                         \
                fail_msg("line %d: figure %zu of the progress is %zu, expected %zu", __LINE__, i, got[i],    \
                         wanted[i]);                                                                         \
    } while (0)

static void write_many(testing *t, int n)
{
    for (int i = 0; i < n; i++) {
        char name[64];
        char text[64];
        snprintf(name, sizeof name, "photos/%c/p%03d.jpg", 'a' + i % 3, i);
        snprintf(text, sizeof text, "PIC number %d", i);
        testing_write(t, name, text);
    }
}

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
    assert_int_equal(cir_index_get_image(index, 0, &record, NULL), CIR_OK);
    assert_int_equal(record.size_bytes, 5);
    assert_int_equal(record.modified_ns % 1000, 5);
    assert_int_equal(record.width_px, 5);
    assert_int_equal(record.height_px, 2);
    assert_int_equal(record.taken_at, 12345);
    assert_null(record.error);
    cir_image_record_done(&record);
    assert_int_equal(cir_index_get_image(index, 2, &record, NULL), CIR_OK);
    char expected[600];
    snprintf(expected, sizeof expected, "%s/broken.jpg: is not a picture", t.photos);
    assert_string_equal(record.error, expected);
    assert_int_equal(record.taken_at, INT64_MIN);
    cir_image_record_done(&record);

    float feature[TESTING_DIM];
    assert_int_equal(cir_index_get_feature(index, 2, feature, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_feature(index, 6, feature, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_image(index, 6, &record, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_index_get_ready(index)[2], 0);
    assert_int_equal(cir_index_get_ready(index)[1], 1);
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

    cir_update_options again = {.retry_failed = true};
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
        assert_int_equal(cir_index_get_vectors(index)[TESTING_DIM + i], 0);
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
    assert_int_equal(cir_index_get_image(index, 3, &record, NULL), CIR_OK);
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
    assert_int_equal(cir_index_get_image(index, 1, &record, NULL), CIR_OK);
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
    assert_non_null(cir_index_get_vectors(index));
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

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
    assert_int_equal(cir_index_open(t.index, other.encoder.fingerprint, &index, &err), CIR_MISMATCH);
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
    assert_int_equal(cir_index_get_vectors(index)[3 * TESTING_DIM], 0);
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
    cir_update_options options = {.watch = stop_after, .watch_context = &limit, .batch = 4};
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
    cir_update_options options = {.batch = 5};
    testing_update(&a, CIR_OK);
    testing_update_with(&b, b.photos, &options, CIR_OK);
    cir_index *left = testing_open(&a);
    cir_index *right = testing_open(&b);
    assert_int_equal(cir_index_get_info(left)->n_rows, 151);
    assert_memory_equal(cir_index_get_vectors(left), cir_index_get_vectors(right), 151 * TESTING_DIM * 2);
    for (size_t id = 0; id < 151; id++) {
        cir_image_record l;
        cir_image_record r;
        assert_int_equal(cir_index_get_image(left, id, &l, NULL), CIR_OK);
        assert_int_equal(cir_index_get_image(right, id, &r, NULL), CIR_OK);
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
    assert_int_equal(cir_index_get_image(index, 0, &record, NULL), CIR_OK);
    assert_string_equal(record.path, "photos/sub/a.jpg");
    cir_image_record_done(&record);
    size_t id = 99;
    assert_int_equal(cir_index_find_path(index, "./photos//sub/../sub/a.jpg", &id, NULL), CIR_OK);
    assert_int_equal(id, 0);
    cir_index_close(index);
    assert_int_equal(chdir(t.folder), 0);
    testing_link(&t, "elsewhere/photos.cir", "link.cir");
    assert_int_equal(cir_index_open("link.cir", NULL, &index, NULL), CIR_OK);
    assert_int_equal(cir_index_get_image(index, 0, &record, NULL), CIR_OK);
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
    if (cir_model_open(CIR_MODEL_DEMO, &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    char folder[512];
    snprintf(folder, sizeof folder, "%s/image", getenv("CIR_TEST_DATA"));
    const char *paths[] = {folder};
    cir_update_progress progress;
    if (cir_index_update(t.index, paths, 1, model, t.pool, NULL, &progress, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_in_range(progress.n_encoded, 10, progress.n_found);
    cir_index *index;
    if (cir_index_open(t.index, cir_model_get_info(model)->fingerprint, &index, &err) != CIR_OK)
        fail_msg("%s", err.message);
    size_t dim = cir_index_get_info(index)->model->dim;
    assert_int_equal(dim, cir_model_get_info(model)->dim);
    assert_string_equal(cir_index_get_info(index)->model->path, "demo");
    float *stored = malloc(dim * sizeof *stored);
    float *expected = malloc(dim * sizeof *expected);
    size_t n_compared = 0;
    for (size_t id = 0; id < cir_index_get_info(index)->n_rows; id++) {
        if (!cir_index_get_ready(index)[id])
            continue;
        cir_image_record record;
        assert_int_equal(cir_index_get_image(index, id, &record, NULL), CIR_OK);
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
    assert_int_equal(cir_index_get_image(self->index, record->id, &expected, NULL), CIR_OK);
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
    assert_int_equal(cir_index_list_all(index, see, &all, NULL), CIR_OK);
    assert_int_equal(all.n, 31);
    assert_int_equal(cir_index_list_all(index, see, &one, NULL), CIR_OK);
    assert_int_equal(one.n, 1);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_true(is_current);
    testing_write(&t, "photos/new.jpg", "PIC a new one");
    testing_update(&t, CIR_OK);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_false(is_current);
    /* A view stays what it was. */
    all = (seen){.index = other};
    assert_int_equal(cir_index_list_all(index, see, &all, NULL), CIR_OK);
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
    cir_images_list_free(paths, n);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_update),   cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_changed),        cmocka_unit_test(test_moved_and_copied),
        cmocka_unit_test(test_vanished),       cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_empty),          cmocka_unit_test(test_second_model),
        cmocka_unit_test(test_stopped),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_two_writers),    cmocka_unit_test(test_moved_together),
        cmocka_unit_test(test_with_model),     cmocka_unit_test(test_listed_in_one_pass),
        cmocka_unit_test(test_roots_are_kept),
    };
    return cmocka_run_group_tests_name("index update", tests, NULL, NULL);
}
