/* Compact codes through their life: made, grown, replaced, vanished, interrupted, damaged, searched
 * meanwhile. Codes themselves are coder_test.c's. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "index/codes/codes.h"
#include "index/codes/codes_file.h"
#include "index/codes/codes_pair.h"
#include "index/codes/codes_update.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/store/lock.h"
#include "index/synthetic/index_testing.h"
#include "index/update/update.h"
#include "kernels/half.h"

#define KEY_FOLDER "photos.cir/features/fake-model-01234567/"
#define BIN KEY_FOLDER CIR__CODES_NAME
#define SUMS KEY_FOLDER CIR__CODES_SUMS_NAME

static void write_photo(const testing *t, int i, const char *kind)
{
    char name[64];
    char text[64];
    snprintf(name, sizeof name, "photos/p%04d.jpg", i);
    snprintf(text, sizeof text, "%s %d", kind, i);
    testing_write(t, name, text);
}

static void make_index(testing *t, int n)
{
    testing_init(t, 2);
    for (int i = 0; i < n; i++)
        write_photo(t, i, i == 70 ? "broken" : "PIC");
    cir_update_progress progress = testing_update(t, CIR_OK);
    assert_int_equal(progress.n_to_code, n > 70 ? n - 1 : n);
    assert_int_equal(progress.n_coded, progress.n_to_code);
}

static void assert_whole(const testing *t)
{
    cir_index *index = testing_open(t);
    testing_assert_codes(index, true);
    cir_index_close(index);
    testing_assert_clean(t);
}

static uint8_t *read_file(const testing *t, const char *name, size_t *size_out)
{
    char path[512];
    uint8_t *bytes;
    testing_path(t, name, path);
    assert_int_equal(cir__file_read(path, 1 << 24, &bytes, size_out, NULL), CIR_OK);
    return bytes;
}

static cir__codes_header read_header(const testing *t)
{
    size_t size;
    uint8_t *bytes = read_file(t, BIN, &size);
    cir__codes_header header;
    bool has_damage;
    cir_error err = {0};
    if (cir__codes_parse_header(bytes, size, TESTING_DIM, t->encoder.fingerprint, BIN, &header, &has_damage,
                                &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_false(has_damage);
    free(bytes);
    return header;
}

static void test_header(void **state)
{
    (void)state;
    enum { DIM = 100 };
    static cir__codes_header header = {.dim = DIM,
                                       .seed = 7,
                                       .fingerprint = "0123456789abcdef0123456789abcdef",
                                       .sequence = 10,
                                       .serial = 3,
                                       .n_rows = 1234567890123,
                                       .n_fitted = 5,
                                       .digest = UINT64_MAX,
                                       .code_dim = 128,
                                       .block_bytes = 1280};
    static cir__codes_header read;
    uint8_t bytes[8192];
    bool has_damage;
    cir_error err;
    for (int i = 0; i < DIM; i++)
        header.centre[i] = (float)i;
    header.id = cir__codes_make_id(&header);
    assert_int_equal(cir__codes_header_bytes(DIM), 4096);
    assert_int_equal(cir__codes_header_bytes(990), 4096);
    assert_int_equal(cir__codes_header_bytes(991), 8192);
    cir__codes_format_header(&header, bytes);
    memset(bytes + 4096, 0, 4096);
    assert_int_equal(
        cir__codes_parse_header(bytes, 8192, DIM, header.fingerprint, "x", &read, &has_damage, &err), CIR_OK);
    assert_false(has_damage);
    assert_memory_equal(&read, &header, sizeof header);

    /* The later one counts, wherever it lies; of which one is damaged, the other. */
    header.sequence = 11;
    header.n_rows = 99;
    cir__codes_format_header(&header, bytes + 4096);
    assert_int_equal(
        cir__codes_parse_header(bytes, 8192, DIM, header.fingerprint, "x", &read, &has_damage, &err), CIR_OK);
    assert_int_equal(read.n_rows, 99);
    bytes[4096 + 300] ^= 1;
    assert_int_equal(
        cir__codes_parse_header(bytes, 8192, DIM, header.fingerprint, "x", &read, &has_damage, &err), CIR_OK);
    assert_int_equal(read.sequence, 10);
    assert_true(has_damage);
    bytes[3] ^= 1;
    assert_int_equal(
        cir__codes_parse_header(bytes, 8192, DIM, header.fingerprint, "x", &read, &has_damage, &err),
        CIR_DAMAGED);
    assert_int_equal(read.n_rows, 0);
    assert_int_equal(
        cir__codes_parse_header(bytes, 8191, DIM, header.fingerprint, "x", &read, &has_damage, &err),
        CIR_FORMAT);
    assert_non_null(strstr(err.message, "8191"));
    assert_int_equal(cir__codes_parse_header(bytes, 8192, CIR__CODE_MAX_DIM + 1, header.fingerprint, "x",
                                             &read, &has_damage, &err),
                     CIR_SHAPE);

    /* Every single bit counts. */
    size_t n_used = 128 + DIM * 4 + 8;
    cir__codes_format_header(&header, bytes);
    memset(bytes + 4096, 0, 4096);
    for (size_t i = 0; i < n_used * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        if (cir__codes_parse_header(bytes, 8192, DIM, header.fingerprint, "x", &read, &has_damage, NULL) ==
            CIR_OK)
            fail_msg("bit %zu", i);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(cir__codes_parse_header(bytes, 8192, DIM, "fedcba9876543210fedcba9876543210", "x", &read,
                                             &has_damage, &err),
                     CIR_MISMATCH);
    assert_int_equal(
        cir__codes_parse_header(bytes, 8192, DIM + 1, header.fingerprint, "x", &read, &has_damage, &err),
        CIR_SHAPE);
    assert_non_null(strstr(err.message, "dimension 100, the features have 101"));

    uint8_t sums[CIR__CODES_SUMS_START];
    uint64_t serial;
    for (uint64_t of_sums = 1; of_sums < 6; of_sums++) {
        cir__codes_format_sums(header.id, of_sums, sums);
        /* The same, or one before: an update begins with codes.bin. */
        assert_int_equal(cir__codes_parse_sums(sums, sizeof sums, &header, "x", &serial, &err),
                         of_sums == 2 || of_sums == 3 ? CIR_OK : CIR_MISMATCH);
    }
    cir__codes_format_sums(header.id, 3, sums);
    for (size_t i = 0; i < 40 * 8; i++) {
        sums[i / 8] ^= (uint8_t)(1 << i % 8);
        if (cir__codes_parse_sums(sums, sizeof sums, &header, "x", &serial, NULL) == CIR_OK)
            fail_msg("bit %zu", i);
        sums[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    cir__codes_format_sums(header.id + 1, 3, sums);
    assert_int_equal(cir__codes_parse_sums(sums, sizeof sums, &header, "x", &serial, &err), CIR_MISMATCH);
    assert_int_equal(cir__codes_parse_sums(sums, 63, &header, "x", &serial, &err), CIR_FORMAT);
}

static void test_digest(void **state)
{
    (void)state;
    static uint64_t values[3][CIR__BLOCK_ROWS];
    values[0][5] = 17;
    values[2][5] = 17;
    uint64_t first = cir__checksums_digest_block(0, values[0]);
    uint64_t last = cir__checksums_digest_block(2, values[2]);
    assert_true(first != 0 && first != last);
    assert_int_equal(cir__checksums_digest_block(1, values[1]), 0);
    values[2][6] = 1;
    assert_true(cir__checksums_digest_block(2, values[2]) != last);
    cir__checksums checksums = {0};
    assert_true(cir__checksums_set(&checksums, 5, 17));
    assert_int_equal(cir__checksums_digest(&checksums), first);
    assert_true(cir__checksums_set(&checksums, 2 * CIR__BLOCK_ROWS + 5, 17));
    assert_int_equal(cir__checksums_digest(&checksums), first + last);
    assert_int_equal(cir__checksums_n_features(&checksums), 2);
    cir__checksums_done(&checksums);
}

/* Few photos have none; enough have codes of all features, around their mean. */
static void test_first_codes(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    for (int i = 0; i < 200; i++)
        write_photo(&t, i, i == 70 ? "broken" : "PIC");
    cir_update_options options = {.min_coded = 200};
    assert_int_equal(testing_update_with(&t, t.photos, &options, CIR_OK).n_to_code, 0);
    cir_index *index = testing_open(&t);
    assert_null(cir_index_get_codes(index));
    assert_null(cir_index_get_info(index)->codes_problem);
    assert_int_equal(cir_index_get_info(index)->n_coded, 0);
    cir_index_close(index);
    options.min_coded = 199;
    cir_error err = {0};
    if (cir_index_update_codes(t.index, t.pool, &options, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_whole(&t);

    index = testing_open(&t);
    const cir_codes *codes = cir_index_get_codes(index);
    assert_int_equal(codes->n_rows, 200);
    assert_int_equal(cir_index_get_info(index)->n_coded, 199);
    double mean[TESTING_DIM] = {0};
    const uint16_t *rows = cir_index_get_vectors(index);
    for (size_t id = 0; id < 200; id++)
        for (size_t i = 0; i < TESTING_DIM; i++)
            mean[i] += id != 70 ? (double)cir__half_to_float(rows[id * TESTING_DIM + i]) / 199 : 0;
    for (size_t i = 0; i < TESTING_DIM; i++)
        if (fabs(mean[i] - (double)cir__coder_centre(codes->coder)[i]) > 1e-6)
            fail_msg("centre %zu", i);
    /* What searches read rows by is the same file. */
    uint16_t row[TESTING_DIM];
    off_t at = (off_t)(codes->vectors_offset + 123 * sizeof row);
    assert_int_equal(pread(codes->vectors_fd, row, sizeof row, at), sizeof row);
    assert_memory_equal(row, rows + 123 * TESTING_DIM, sizeof row);
    cir_index_close(index);

    /* Once there, they stay, however few there are. */
    options.min_coded = 1000;
    write_photo(&t, 500, "PIC");
    assert_int_equal(testing_update_with(&t, t.photos, &options, CIR_OK).n_to_code, 1);
    assert_whole(&t);
    testing_done(&t);
}

static void remove_photo(const testing *t, int i)
{
    char name[64];
    snprintf(name, sizeof name, "photos/p%04d.jpg", i);
    testing_remove(t, name);
}

/* Whatever happens to photos, the codes are those of a build from nothing around the same centre. */
static void test_life(void **state)
{
    (void)state;
    testing t;
    make_index(&t, 150);
    assert_whole(&t);
    const cir__codes_header first = read_header(&t);
    assert_int_equal(first.n_rows, 150);
    assert_int_equal(first.n_fitted, 149);

    /* Nothing new: not even a header is written. */
    assert_int_equal(testing_update(&t, CIR_OK).n_to_code, 0);
    assert_int_equal(read_header(&t).sequence, first.sequence);

    /* Added: in the last block and behind it. */
    for (int i = 150; i < 300; i++)
        write_photo(&t, i, "PIC");
    assert_int_equal(testing_update(&t, CIR_OK).n_coded, 150);
    assert_whole(&t);
    assert_int_equal(read_header(&t).n_rows, 300);

    /* Replaced, broken, mended. */
    write_photo(&t, 3, "PIC other");
    write_photo(&t, 64, "PIC other");
    write_photo(&t, 200, "broken");
    write_photo(&t, 299, "broken");
    write_photo(&t, 70, "PIC");
    assert_int_equal(testing_update(&t, CIR_OK).n_coded, 5);
    assert_whole(&t);

    /* Gone and back: no code changes. */
    uint64_t sequence = read_header(&t).sequence;
    remove_photo(&t, 10);
    remove_photo(&t, 298);
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_vanished, 2);
    assert_int_equal(progress.n_to_code, 0);
    assert_whole(&t);
    write_photo(&t, 10, "PIC");
    assert_int_equal(testing_update(&t, CIR_OK).n_to_code, 0);
    assert_whole(&t);
    assert_int_equal(read_header(&t).sequence, sequence);

    /* The centre stays until there are four times as many. */
    assert_memory_equal(read_header(&t).centre, first.centre, sizeof first.centre);
    for (int i = 300; i < 597; i++)
        write_photo(&t, i, "PIC");
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    assert_memory_equal(read_header(&t).centre, first.centre, sizeof first.centre);
    for (int i = 597; i < 600; i++)
        write_photo(&t, i, "PIC");
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    assert_memory_not_equal(read_header(&t).centre, first.centre, sizeof first.centre);
    assert_in_range(read_header(&t).n_fitted, 596, 600);
    testing_done(&t);
}

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
        cir_update_options options = {.min_coded = 1, .watch = watch, .watch_context = &s};
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
    cir_update_options options = {.min_coded = 1, .watch = watch, .watch_context = &s};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/p0005.jpg");
    assert_int_equal(cir_index_get_codes(index)->n_stale, 1);
    assert_int_equal(cir_index_get_codes(index)->stale[0], 5);
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
    cir_update_options options = {.min_coded = 1, .watch = watch, .watch_context = &s};
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
    assert_non_null(cir_index_get_codes(index));
    testing_assert_codes(index, false);
    assert_true(cir_index_get_codes(index)->n_stale >= 1);
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
    assert_null(cir_index_get_codes(index));
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
    cir_update_options options = {.min_coded = 1, .watch = watch, .watch_context = &s};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    cir_index *amid = testing_open(&t);
    assert_int_equal(cir_index_get_codes(amid)->n_rows, 200);
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
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_first_codes),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_growing_while_open),
        cmocka_unit_test(test_one_writer),
        cmocka_unit_test(test_left_overs),
        cmocka_unit_test(test_two_false_starts),
    };
    return cmocka_run_group_tests_name("index codes", tests, NULL, NULL);
}
