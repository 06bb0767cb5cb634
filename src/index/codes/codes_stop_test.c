/* Codes whose making is interrupted, that meet another writer, or that something was left of. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "index/codes/codes.h"
#include "index/codes/codes_testing.h"
#include "index/codes/codes_update.h"
#include "index/store/catalogue.h"
#include "index/store/lock.h"
#include "kernels/half.h"

/* Stops at the n-th call that tells of codes; opens the index at each. */
typedef struct stopping {
    testing *t;
    int n_calls;
    int stops_at;
    size_t n_coded; /* told last */
    bool opens;
} stopping;

static bool watch(void *context, const cir_update_progress *now)
{
    stopping *self = context;
    if (now->n_to_code == 0)
        return true;
    assert_true(now->n_coded >= self->n_coded && now->n_coded <= now->n_to_code);
    self->n_coded = now->n_coded;
    if (self->opens) {
        cir_index *index = testing_open(self->t);
        testing_assert_codes(index, false);
        cir_index_close(index);
    }
    return ++self->n_calls != self->stops_at;
}

static void test_interrupted(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 400);
    size_t bin_size;
    size_t sums_size;
    uint8_t *bin = read_file(&t, BIN, &bin_size);
    uint8_t *sums = read_file(&t, SUMS, &sums_size);
    char path[512];
    testing_path(&t, BIN, path);
    for (int stops_at = 1; stops_at <= 7; stops_at++) {
        assert_int_equal(unlink(path), 0);
        stopping s = {.t = &t, .stops_at = stops_at, .opens = true};
        cir_update_options options = {
            .size = sizeof options, .min_coded = 1, .watch = watch, .watch_context = &s};
        cir_error err;
        assert_int_equal(cir__index_update_codes(t.index, t.pool, &options, 1, &err), CIR_INTERRUPTED);
        cir_index *index = testing_open(&t);
        testing_assert_codes(index, false);
        cir_index_close(index);
        assert_int_equal(read_header(&t).n_rows, (stops_at - 1) * CIR__CODE_ROWS);
        /* On from there, to the same codes. */
        options.watch = NULL;
        assert_int_equal(cir__index_update_codes(t.index, t.pool, &options, 1, &err), CIR_OK);
        size_t size;
        uint8_t *bytes = read_file(&t, BIN, &size);
        size_t start = cir__codes_start(TESTING_DIM);
        assert_int_equal(size, bin_size);
        assert_memory_equal(bytes + start, bin + start, size - start);
        free(bytes);
        bytes = read_file(&t, SUMS, &size);
        assert_int_equal(size, sums_size);
        assert_memory_equal(bytes + CIR__CODES_SUMS_START, sums + CIR__CODES_SUMS_START,
                            size - CIR__CODES_SUMS_START);
        free(bytes);
        assert_whole(&t);
    }
    free(bin);
    free(sums);
    /* Within an update: the photos are in, and the update says that it was stopped. */
    write_photo(&t, 5, "PIC other");
    stopping s = {.t = &t, .stops_at = 1};
    cir_update_options options = {
        .size = sizeof options, .min_coded = 1, .watch = watch, .watch_context = &s};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/p0005.jpg");
    assert_int_equal(cir_index_get_rows(index).codes->n_stale, 1);
    assert_int_equal(cir_index_get_rows(index).codes->stale[0], 5);
    assert_int_equal(cir_index_get_info(index)->n_coded, 398);
    testing_assert_codes(index, false);
    cir_index_close(index);
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    testing_done(&t);
}

/* A photo becomes another and itself again, and no update got to the end of the codes. */
static void test_there_and_back(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 200);
    write_photo(&t, 5, "PIC other");
    write_photo(&t, 150, "PIC other");
    stopping s = {.t = &t, .stops_at = 1, .opens = true};
    cir_update_options options = {
        .size = sizeof options, .min_coded = 1, .watch = watch, .watch_context = &s};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    s.stops_at = 2;
    s.n_calls = 0;
    s.n_coded = 0;
    cir_error err;
    assert_int_equal(cir__index_update_codes(t.index, t.pool, &options, 1, &err), CIR_INTERRUPTED);
    write_photo(&t, 5, "PIC");
    write_photo(&t, 150, "PIC");
    s.stops_at = 1;
    s.n_calls = 0;
    s.n_coded = 0;
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    cir_index *index = testing_open(&t);
    assert_non_null(cir_index_get_rows(index).codes);
    testing_assert_codes(index, false);
    assert_true(cir_index_get_rows(index).codes->n_stale >= 1);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    testing_done(&t);
}

static void assert_problem(const testing *t, const char *text)
{
    cir_index *index = testing_open(t);
    const char *problem = cir_index_get_info(index)->codes_problem;
    assert_null(cir_index_get_rows(index).codes);
    assert_int_equal(cir_index_get_info(index)->n_coded, 0);
    if (text == NULL)
        assert_null(problem);
    else if (problem == NULL || strstr(problem, text) == NULL)
        fail_msg("%s; expected: %s", problem != NULL ? problem : "no problem", text);
    cir_index_close(index);
}

/* Readers of before, in the middle, and behind. */
static void test_growing_while_open(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 200);
    cir_index *before = testing_open(&t);
    for (int i = 200; i < 210; i++)
        write_photo(&t, i, "PIC");
    stopping s = {.t = &t, .stops_at = 1};
    cir_update_options options = {
        .size = sizeof options, .min_coded = 1, .watch = watch, .watch_context = &s};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    cir_index *amid = testing_open(&t);
    assert_int_equal(cir_index_get_rows(amid).codes->n_rows, 200);
    assert_int_equal(cir_index_get_info(amid)->n_coded, 199);
    assert_int_equal(cir_index_get_info(amid)->n_ready, 209);
    testing_assert_codes(amid, false);
    testing_update(&t, CIR_OK);
    assert_int_equal(cir_index_get_info(before)->n_coded, 199);
    testing_assert_codes(before, false);
    testing_assert_codes(amid, false);
    assert_whole(&t);
    cir_index_close(before);
    cir_index_close(amid);
    /* So many that codes of the old ones are of no use. */
    for (int i = 210; i < 300; i++)
        write_photo(&t, i, "PIC");
    s.n_calls = 0;
    s.n_coded = 0;
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    assert_problem(&t, "more than 1 row in 16");
    testing_assert_clean(&t);
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    testing_done(&t);
}

static void test_one_writer(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 100);
    cir__place place;
    int lock;
    cir_error err;
    assert_int_equal(cir__place_init(&place, t.index, NULL), CIR_OK);
    assert_int_equal(cir__lock_take(place.folder, &lock, NULL), CIR_OK);
    assert_int_equal(cir_index_update_codes(t.index, t.pool, NULL, &err), CIR_BUSY);
    close(lock);
    assert_int_equal(cir_index_update_codes(t.index, t.pool, NULL, &err), CIR_OK);
    cir__place_done(&place);
    assert_int_equal(cir_index_update_codes("/nowhere/photos.cir", t.pool, NULL, &err), CIR_NOT_FOUND);
    assert_int_equal(cir_index_update_codes(t.photos, t.pool, NULL, &err), CIR_FORMAT);
    testing_done(&t);
}

/* Behind what the header counts lies whatever an interrupted run left: it goes when rows come there. */
static void test_left_overs(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 100);
    size_t block_bytes = read_header(&t).block_bytes;
    char path[512];
    testing_path(&t, BIN, path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t at = (off_t)(cir__codes_start(TESTING_DIM) + block_bytes);
    for (size_t i = 0; i < block_bytes; i++)
        if (i % CIR__CODE_ROWS >= 100 - CIR__CODE_ROWS && i < block_bytes - 256)
            assert_int_equal(pwrite(fd, "x", 1, at + (off_t)i), 1);
    close(fd);
    cir_index *index = testing_open(&t);
    testing_assert_codes(index, false);
    cir_index_close(index);
    write_photo(&t, 100, "broken");
    write_photo(&t, 101, "PIC");
    assert_int_equal(testing_update(&t, CIR_OK).n_coded, 1);
    assert_whole(&t);
    testing_done(&t);
}

/* A run that ended when codes.bin had the next serial and codes.sums not yet, twice. */
static void test_two_false_starts(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 100);
    char path[512];
    cir__folder *folder;
    testing_path(&t, KEY_FOLDER, path);
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    const cir_index_model model = {.fingerprint = t.encoder.fingerprint, .dim = TESTING_DIM};
    cir__codes_pair pair;
    assert_int_equal(cir__codes_pair_open(folder, &model, true, &pair, NULL), CIR_OK);
    uint64_t serial = pair.serial;
    for (int i = 0; i < 2; i++) {
        pair.header.serial = pair.serial + 1;
        pair.header.digest = 0;
        assert_int_equal(cir__codes_pair_put_header(&pair, NULL), CIR_OK);
        cir__codes_pair_close(&pair);
        cir_index *index = testing_open(&t);
        testing_assert_codes(index, true);
        cir_index_close(index);
        assert_int_equal(cir__codes_pair_open(folder, &model, true, &pair, NULL), CIR_OK);
        assert_int_equal(pair.serial, serial);
    }
    assert_int_equal(cir__codes_pair_begin(&pair, NULL), CIR_OK);
    assert_int_equal(pair.header.serial, serial + 1);
    assert_int_equal(pair.serial, serial + 1);
    cir__codes_pair_close(&pair);
    cir__folder_close(folder);
    assert_int_equal(testing_update(&t, CIR_OK).n_to_code, 0);
    assert_whole(&t);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted),        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_growing_while_open), cmocka_unit_test(test_one_writer),
        cmocka_unit_test(test_left_overs),         cmocka_unit_test(test_two_false_starts),
    };
    return cmocka_run_group_tests_name("codes stop", tests, NULL, NULL);
}
