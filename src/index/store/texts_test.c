/* Recent texts: what is kept comes back to the bit, and whatever befalls the file costs entries alone. */
#include "index/synthetic/index_testing.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "index/store/texts_file.h"

#define DIM 5

static void make_feature(const char *text, float out[DIM])
{
    uint64_t state = cir__hash64(text, strlen(text));
    double square = 0;
    for (size_t i = 0; i < DIM; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (float)(state >> 40) / (float)(1 << 24) - 0.5f;
        square += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
}

static void keep_in(const char *path, size_t dim, const char *kind, const char *text, const float *feature,
                    size_t n_cut)
{
    cir__folder *folder;
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    cir__texts_file_put(folder, dim, kind, text, feature, n_cut);
    cir__folder_close(folder);
}

static bool find_in(const char *path, size_t dim, const char *kind, const char *text, float *feature_out,
                    size_t *n_cut_out)
{
    cir__folder *folder;
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    bool is_found = cir__texts_file_find(folder, dim, kind, text, feature_out, n_cut_out);
    cir__folder_close(folder);
    return is_found;
}

static const char *examine(const char *path)
{
    cir__folder *folder;
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    const char *finding = cir__texts_file_examine(folder, DIM);
    cir__folder_close(folder);
    return finding;
}

static void keep(const char *folder, const char *text)
{
    float feature[DIM];
    make_feature(text, feature);
    keep_in(folder, DIM, "kind", text, feature, strlen(text));
}

/* Whether a text is kept; what is found must be its very feature. */
static bool finds(const char *folder, const char *text)
{
    float feature[DIM];
    float found[DIM];
    size_t n_cut;
    make_feature(text, feature);
    if (!find_in(folder, DIM, "kind", text, found, &n_cut))
        return false;
    assert_memory_equal(found, feature, sizeof found);
    assert_int_equal(n_cut, strlen(text));
    return true;
}

static void numbered(char text_out[32], const char *name, int i)
{
    snprintf(text_out, 32, "%s %d", name, i);
}

static size_t count_found(const char *folder, const char *name, int n)
{
    size_t n_found = 0;
    for (int i = 0; i < n; i++) {
        char text[32];
        numbered(text, name, i);
        n_found += finds(folder, text);
    }
    return n_found;
}

static void test_comes_back_to_the_bit(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    char path[512];
    testing_path(&t, CIR__TEXTS_NAME, path);
    assert_false(finds(t.folder, "at night"));
    assert_int_equal(access(path, F_OK), -1); /* looking makes nothing */
    keep(t.folder, "at night");
    keep(t.folder, "");
    assert_true(finds(t.folder, "at night"));
    assert_true(finds(t.folder, ""));
    assert_false(finds(t.folder, "at nigh"));
    float feature[DIM];
    size_t n_cut;
    assert_false(find_in(t.folder, DIM, "kin", "dat night", feature, &n_cut));
    assert_false(find_in(t.folder, DIM, "other", "at night", feature, &n_cut));
    assert_false(find_in(t.folder, DIM - 1, "kind", "at night", feature, &n_cut));
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600); /* words are private */
    assert_null(examine(t.folder));

    /* No number, no unit length: not kept. */
    float wrong[DIM] = {NAN, 1};
    keep_in(t.folder, DIM, "kind", "wrong", wrong, 0);
    wrong[0] = 1;
    keep_in(t.folder, DIM, "kind", "wrong", wrong, 0);
    assert_false(find_in(t.folder, DIM, "kind", "wrong", feature, &n_cut));
    testing_done(&t);
}

static void test_no_text_is_in_the_file(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    keep(t.folder, "my secret wish");
    char path[512];
    testing_path(&t, CIR__TEXTS_NAME, path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(n > 0 && n < sizeof bytes);
    assert_null(memmem(bytes, n, "secret", 6));
    testing_done(&t);
}

static void test_the_least_recent_goes(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    char text[32];
    for (int i = 0; i < CIR__TEXTS_ENTRIES; i++) {
        numbered(text, "text", i);
        keep(t.folder, text);
    }
    assert_true(finds(t.folder, "text 1")); /* used again: younger than all */
    struct stat before, after;
    char path[512];
    testing_path(&t, CIR__TEXTS_NAME, path);
    assert_int_equal(stat(path, &before), 0);
    for (int i = 0; i < 3; i++) {
        numbered(text, "more", i);
        keep(t.folder, text);
    }
    keep(t.folder, "more 2"); /* again: takes no place of another */
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_true(finds(t.folder, "text 1"));
    assert_false(finds(t.folder, "text 0"));
    assert_false(finds(t.folder, "text 2"));
    assert_false(finds(t.folder, "text 3"));
    assert_true(finds(t.folder, "text 4"));
    assert_int_equal(count_found(t.folder, "more", 3), 3);
    assert_int_equal(count_found(t.folder, "text", CIR__TEXTS_ENTRIES), CIR__TEXTS_ENTRIES - 3);
    testing_done(&t);
}

typedef struct keeper {
    const char *folder;
    const char *name;
} keeper;

static void *keep_many(void *context)
{
    const keeper *self = context;
    for (int i = 0; i < 200; i++) {
        char text[32];
        numbered(text, self->name, i);
        keep(self->folder, text);
        assert_true(finds(self->folder, text));
    }
    return NULL;
}

static void test_threads_keep_at_once(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    pthread_t threads[2];
    keeper keepers[2] = {{t.folder, "one"}, {t.folder, "two"}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_many, &keepers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_found(t.folder, "one", 200) + count_found(t.folder, "two", 200), 400);
    assert_null(examine(t.folder));
    testing_done(&t);
}

static void overwrite(const char *path, off_t offset, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
    close(fd);
}

/* One byte after another is turned: nothing wrong comes out, and what is asked again is kept again. */
static void test_damage(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    char path[512];
    testing_path(&t, CIR__TEXTS_NAME, path);
    enum { DIRECTORY = 64, SLOTS = 64 + CIR__TEXTS_ENTRIES * 40, SLOT_BYTES = 48 + DIM * 4 };
    size_t n_lost = 0;
    for (off_t offset = 0; offset < SLOTS + 2 * SLOT_BYTES; offset++) {
        if (offset == DIRECTORY + 2 * 40)
            offset = SLOTS;
        unlink(path);
        keep(t.folder, "one");
        keep(t.folder, "two");
        uint8_t byte;
        int fd = open(path, O_RDONLY);
        assert_int_equal(pread(fd, &byte, 1, offset), 1);
        close(fd);
        byte ^= 0x55;
        overwrite(path, offset, &byte, 1);
        n_lost += 2 - (size_t)(finds(t.folder, "one") + finds(t.folder, "two"));
        if (offset < DIRECTORY || offset >= SLOTS)
            assert_non_null(examine(t.folder));
        keep(t.folder, "one");
        keep(t.folder, "two");
        assert_true(finds(t.folder, "one") && finds(t.folder, "two"));
    }
    /* Every byte of the header loses both, every byte of a key or a slot one. */
    assert_true(n_lost >= 2 * DIRECTORY + 2 * 32 + 2 * SLOT_BYTES);

    assert_int_equal(truncate(path, SLOTS + 10), 0);
    assert_false(finds(t.folder, "one"));
    assert_int_equal(truncate(path, 0), 0);
    assert_false(finds(t.folder, "one"));
    keep(t.folder, "one");
    assert_true(finds(t.folder, "one"));
    /* A count at its end would stop every younger text from counting as young. */
    uint64_t most = UINT64_MAX;
    overwrite(path, DIRECTORY + 32, &most, sizeof most);
    assert_string_equal(examine(t.folder), "has entries out of range");
    keep(t.folder, "two");
    assert_true(finds(t.folder, "two"));
    assert_null(examine(t.folder));

    /* What is no file of one's own is neither read nor written. */
    unlink(path);
    assert_int_equal(symlink("elsewhere.bin", path), 0);
    keep(t.folder, "one");
    assert_false(finds(t.folder, "one"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    keep(t.folder, "one");
    assert_false(finds(t.folder, "one"));
    testing_done(&t);
}

static void count_finding(void *context, const char *finding, bool was_repaired)
{
    size_t *n = context;
    assert_non_null(strstr(finding, "texts.bin"));
    *n += was_repaired ? 100 : 1;
}

static void test_check_knows_the_file(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PICa");
    testing_update(&t, CIR_OK);
    cir_index *index = testing_open(&t);
    float feature[TESTING_DIM] = {1};
    keep_in(cir_index_get_info(index)->folder, TESTING_DIM, "kind", "one", feature, 0);
    testing_assert_clean(&t);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", cir_index_get_info(index)->folder, CIR__TEXTS_NAME);
    overwrite(path, 3, "x", 1);
    size_t n = 0;
    assert_int_equal(cir_index_check(t.index, false, NULL, count_finding, &n, NULL, NULL), CIR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(cir_index_check(t.index, true, NULL, count_finding, &n, NULL, NULL), CIR_OK);
    assert_int_equal(n, 101);
    testing_assert_clean(&t);
    cir_index_close(index);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_to_the_bit),
        cmocka_unit_test(test_no_text_is_in_the_file),
        cmocka_unit_test(test_the_least_recent_goes),
        cmocka_unit_test(test_threads_keep_at_once),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_check_knows_the_file),
    };
    return cmocka_run_group_tests_name("index texts", tests, NULL, NULL);
}
