/* Compact codes through their life: made, grown, replaced, vanished, interrupted, damaged, searched
 * meanwhile. Codes themselves are coder_test.c's. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "index/codes/codes.h"
#include "index/codes/codes_testing.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "kernels/half.h"

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
    cir_update_options options = {.size = sizeof options, .min_coded = 200};
    assert_int_equal(testing_update_with(&t, t.photos, &options, CIR_OK).n_to_code, 0);
    cir_index *index = testing_open(&t);
    assert_null(cir_index_get_rows(index).codes);
    assert_null(cir_index_get_info(index)->codes_problem);
    assert_int_equal(cir_index_get_info(index)->n_coded, 0);
    cir_index_close(index);
    options.min_coded = 199;
    cir_error err = {0};
    if (cir_index_update_codes(t.index, t.pool, &options, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_whole(&t);

    index = testing_open(&t);
    const cir_codes *codes = cir_index_get_rows(index).codes;
    assert_int_equal(codes->n_rows, 200);
    assert_int_equal(cir_index_get_info(index)->n_coded, 199);
    double mean[TESTING_DIM] = {0};
    const uint16_t *rows = cir_index_get_rows(index).f16;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_first_codes),
        cmocka_unit_test(test_life),
    };
    return cmocka_run_group_tests_name("index codes", tests, NULL, NULL);
}
