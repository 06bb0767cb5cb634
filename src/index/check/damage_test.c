/* Bad input: what is no index, an index of another version, damaged in each of its files; what check finds
 * and mends. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "index/store/vectors.h"
#include "index/synthetic/index_testing.h"
#include "index/update/update.h"

#define VECTORS "photos.cir/features/fake-model-01234567/vectors.npy"
#define N_PHOTOS 30

static void make_index(testing *t)
{
    testing_init(t, 2);
    for (int i = 0; i < N_PHOTOS; i++) {
        char name[64];
        char text[64];
        snprintf(name, sizeof name, "photos/p%02d.jpg", i);
        snprintf(text, sizeof text, i == 4 ? "broken" : "PIC %d", i);
        testing_write(t, name, text);
    }
    testing_update(t, CIR_OK);
}

static void overwrite(const testing *t, const char *name, long offset, const void *bytes, size_t size)
{
    char path[512];
    testing_path(t, name, path);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), (ssize_t)size);
    close(fd);
}

static void cut(const testing *t, const char *name, long size)
{
    char path[512];
    testing_path(t, name, path);
    assert_int_equal(truncate(path, size), 0);
}

static void run_sql(const testing *t, const char *sql)
{
    char path[512];
    sqlite3 *db;
    testing_path(t, "photos.cir/catalogue.sqlite", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void assert_open_fails(const testing *t, cir_status expected, const char *text)
{
    cir_index *index;
    cir_error err = {0};
    cir_status status = cir_index_open(t->index, NULL, &index, &err);
    if (status == CIR_OK)
        fail_msg("opened, expected: %s", text);
    assert_null(index);
    if (status != expected || strstr(err.message, text) == NULL)
        fail_msg("%s: %s; expected %s: %s", cir_status_name(status), err.message, cir_status_name(expected),
                 text);
    assert_non_null(strstr(err.message, "photos.cir"));
}

static void note_finding(void *context, const char *finding, bool was_repaired)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 4096 - length, "%s%s\n", was_repaired ? "mended: " : "", finding);
}

static cir_check_result check(const testing *t, bool repair, char findings_out[4096])
{
    cir_check_result result;
    cir_error err = {0};
    findings_out[0] = '\0';
    if (cir_index_check(t->index, repair, t->pool, note_finding, findings_out, &result, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return result;
}

/* Check tells of something with this text, mends it, and the next update encodes n_lost pictures again. */
static void assert_mended(testing *t, const char *text, size_t n_findings, size_t n_lost)
{
    char findings[4096];
    cir_check_result result = check(t, false, findings);
    if (strstr(findings, text) == NULL || result.n_findings != n_findings)
        fail_msg("%zu findings: %s; expected %zu: %s", result.n_findings, findings, n_findings, text);
    assert_int_equal(result.n_repaired, 0);
    result = check(t, true, findings);
    if (result.n_repaired != result.n_findings || result.n_repaired == 0)
        fail_msg("not mended: %s", findings);
    testing_assert_clean(t);
    cir_index *index = testing_open(t);
    assert_int_equal(cir_index_get_info(index)->n_rows, N_PHOTOS);
    assert_int_equal(cir_index_get_info(index)->n_pending, n_lost);
    cir_index_close(index);
    cir_update_progress progress = testing_update(t, CIR_OK);
    assert_int_equal(progress.n_encoded, n_lost);
    testing_assert_clean(t);
    index = testing_open(t);
    assert_int_equal(cir_index_get_info(index)->n_ready, N_PHOTOS - 1);
    for (int i = 0; i < N_PHOTOS; i++) {
        char name[64];
        snprintf(name, sizeof name, "photos/p%02d.jpg", i);
        if (i != 4)
            testing_assert_ready(t, index, name);
    }
    cir_index_close(index);
}

static void test_not_an_index(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    const char *paths[] = {t.photos};
    cir_error err;
    testing_write(&t, "photos/a.jpg", "PIC");
    assert_open_fails(&t, CIR_NOT_FOUND, "cir index FOLDER -o");
    assert_int_equal(cir_index_check(t.index, false, NULL, NULL, NULL, NULL, &err), CIR_NOT_FOUND);
    testing_write(&t, "photos.cir", "a file");
    assert_open_fails(&t, CIR_FORMAT, "not an index");
    testing_update(&t, CIR_FORMAT);
    testing_remove(&t, "photos.cir");
    testing_write(&t, "photos.cir/holiday.txt", "somebody's folder");
    assert_open_fails(&t, CIR_FORMAT, "not an index");
    testing_update(&t, CIR_FORMAT);
    testing_remove(&t, "photos.cir/holiday.txt");
    testing_write(&t, "photos.cir/catalogue.sqlite", "");
    assert_open_fails(&t, CIR_FORMAT, "interrupted");
    assert_int_equal(cir_index_check(t.index, false, NULL, NULL, NULL, NULL, &err), CIR_FORMAT);
    /* What an interrupted beginning leaves is gone on with. */
    testing_update(&t, CIR_OK);
    testing_assert_clean(&t);
    assert_int_equal(cir__index_update(t.index, paths, 0, &t.encoders, NULL, NULL, 0, NULL, &err),
                     CIR_ARGUMENT);
    run_sql(&t, "PRAGMA application_id = 7");
    assert_open_fails(&t, CIR_FORMAT, "another program");
    testing_update(&t, CIR_FORMAT);
    testing_done(&t);
}

static void test_newer_version(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    run_sql(&t, "PRAGMA user_version = 3");
    assert_open_fails(&t, CIR_OTHER_VERSION, "format 3");
    testing_update(&t, CIR_OTHER_VERSION);
    cir_error err;
    assert_int_equal(cir_index_check(t.index, true, NULL, NULL, NULL, NULL, &err), CIR_OTHER_VERSION);
    testing_done(&t);
}

static void test_damaged_catalogue(void **state)
{
    (void)state;
    static const char junk[8192] = "junk";
    testing t;
    make_index(&t);
    overwrite(&t, "photos.cir/catalogue.sqlite", 0, junk, 100);
    assert_open_fails(&t, CIR_DAMAGED, "catalogue");
    testing_update(&t, CIR_DAMAGED);
    cir_error err;
    assert_int_equal(cir_index_check(t.index, true, NULL, NULL, NULL, NULL, &err), CIR_DAMAGED);
    assert_non_null(strstr(err.message, "put back a copy"));
    testing_done(&t);

    make_index(&t);
    run_sql(&t, "DROP TABLE feature; CREATE TABLE feature(model, block, checksums)");
    assert_open_fails(&t, CIR_DAMAGED, "feature");
    testing_done(&t);

    make_index(&t);
    cut(&t, "photos.cir/catalogue.sqlite", 9000);
    assert_open_fails(&t, CIR_DAMAGED, "catalogue");
    testing_done(&t);

    make_index(&t);
    run_sql(&t, "UPDATE model SET key = '../../elsewhere'");
    assert_open_fails(&t, CIR_DAMAGED, "model");
    testing_done(&t);

    make_index(&t);
    run_sql(&t, "UPDATE model SET dim = 1000000000000");
    assert_open_fails(&t, CIR_DAMAGED, "model");
    testing_done(&t);

    make_index(&t);
    run_sql(&t, "INSERT INTO image(id, path, size, modified_ns, width, height, state) "
                "VALUES(9000000000000000000, x'61', 0, 0, 0, 0, 0)");
    assert_open_fails(&t, CIR_DAMAGED, "id");
    testing_done(&t);
}

static void test_mended_catalogue(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    run_sql(&t, "UPDATE image SET state = 7 WHERE id = 3");
    assert_mended(&t, "state contradicts", 1, 0);
    run_sql(&t, "UPDATE image SET hash = x'00' WHERE id = 5");
    assert_mended(&t, "image 5: its hash", 1, 0);
    run_sql(&t, "UPDATE feature SET checksums = x'00'");
    assert_mended(&t, "checksums is out of place", 1, N_PHOTOS - 1);
    run_sql(&t, "INSERT INTO feature VALUES(0, 5, zeroblob(8192))");
    assert_mended(&t, "checksums is out of place", 1, 0);
    /* An index of SQLite's that lacks a row. */
    run_sql(&t,
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX image_hash ON "
            "image(hash) WHERE id < 0' WHERE name = 'image_hash'; PRAGMA writable_schema = RESET; REINDEX; "
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX image_hash ON "
            "image(hash)' WHERE name = 'image_hash'; PRAGMA writable_schema = RESET");
    assert_mended(&t, "missing from index image_hash", N_PHOTOS + 1, 0);
    testing_done(&t);

    make_index(&t);
    run_sql(&t, "DELETE FROM image WHERE id = 7");
    char findings[4096];
    assert_int_equal(check(&t, false, findings).n_findings, 1);
    assert_non_null(strstr(findings, "ids have gaps: 29 rows, the last is 29"));
    cir_index *index = testing_open(&t);
    cir_image_record record;
    assert_int_equal(cir_index_get_record(index, 7, &record, NULL), CIR_DAMAGED);
    cir_index_close(index);
    testing_done(&t);
}

static void test_damaged_vectors(void **state)
{
    (void)state;
    static const uint16_t nan[TESTING_DIM] = {0x7e00, 1, 2, 3};
    testing t;
    make_index(&t);
    const long row_7 = 128 + 7 * TESTING_DIM * 2;
    overwrite(&t, VECTORS, row_7 + 2, "x", 1);
    assert_mended(&t, "row 7 does not match its checksum", 1, 1);

    overwrite(&t, VECTORS, row_7, nan, sizeof nan);
    assert_mended(&t, "row 7 does not match its checksum", 1, 1);

    overwrite(&t, VECTORS, 20, "x", 1);
    assert_open_fails(&t, CIR_DAMAGED, "header");
    testing_update(&t, CIR_DAMAGED);
    assert_mended(&t, "header", 1, 0);

    cut(&t, VECTORS, 128 + 20 * TESTING_DIM * 2 + 3);
    assert_open_fails(&t, CIR_DAMAGED, "ends before");
    testing_update(&t, CIR_DAMAGED);
    assert_mended(&t, "ends before", 1, 10);

    cut(&t, VECTORS, 0);
    assert_open_fails(&t, CIR_DAMAGED, "ends before");
    assert_mended(&t, "ends before", 1, N_PHOTOS - 1);

    testing_remove(&t, VECTORS);
    assert_open_fails(&t, CIR_DAMAGED, "missing");
    testing_update(&t, CIR_DAMAGED);
    assert_mended(&t, "missing", 1, N_PHOTOS - 1);

    testing_remove(&t, VECTORS);
    testing_remove(&t, "photos.cir/features/fake-model-01234567/codes.bin");
    testing_remove(&t, "photos.cir/features/fake-model-01234567/codes.sums");
    testing_remove(&t, "photos.cir/features/fake-model-01234567");
    testing_remove(&t, "photos.cir/features");
    assert_open_fails(&t, CIR_DAMAGED, "missing");
    assert_mended(&t, "missing", 1, N_PHOTOS - 1);

    /* Behind the end: of no matter to readers, and gone with the next update. */
    cut(&t, VECTORS, 128 + 40 * TESTING_DIM * 2);
    cir_index *index = testing_open(&t);
    cir_index_close(index);
    assert_mended(&t, "longer", 1, 0);
    cut(&t, VECTORS, 128 + 40 * TESTING_DIM * 2);
    testing_write(&t, "photos/p00.jpg", "PIC again");
    testing_update(&t, CIR_OK);
    testing_assert_clean(&t);
    testing_done(&t);
}

/* A vector that is no number although its checksum is right: written by something that was wrong. */
static void test_no_numbers_with_right_checksum(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    /* Row 9 takes the bytes and the checksum of zeros: a length of 0. */
    uint16_t zeros[TESTING_DIM] = {0};
    overwrite(&t, VECTORS, 128 + 9 * TESTING_DIM * 2, zeros, sizeof zeros);
    char path[512];
    sqlite3 *db;
    sqlite3_blob *blob;
    testing_path(&t, "photos.cir/catalogue.sqlite", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_blob_open(db, "main", "feature", "checksums", 1, 1, &blob), SQLITE_OK);
    uint64_t sum = cir__vectors_checksum(zeros, TESTING_DIM);
    assert_int_equal(sqlite3_blob_write(blob, &sum, 8, 9 * 8), SQLITE_OK);
    sqlite3_blob_close(blob);
    sqlite3_close(db);
    assert_mended(&t, "row 9 is not of unit length", 1, 1);
    testing_done(&t);
}

static void test_what_else_lies_there(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    testing_write(&t, "photos.cir/features/fake-model-01234567/statistics.npy", "derived");
    testing_write(&t, "photos.cir/features/fake-model-01234567/statistics.json.a1B2c3", "left over");
    testing_write(&t, "photos.cir/features/other-model/vectors.npy", "features of somebody");
    testing_write(&t, "photos.cir/features/other-model/more", "and more");
    char findings[4096];
    assert_int_equal(check(&t, false, findings).n_findings, 2);
    assert_non_null(strstr(findings, "statistics.json.a1B2c3"));
    assert_non_null(strstr(findings, "other-model"));
    cir_check_result result = check(&t, true, findings);
    assert_int_equal(result.n_findings, 2);
    assert_int_equal(result.n_repaired, 1); /* features are never deleted on a suspicion */
    testing_remove(&t, "photos.cir/features/other-model/more");
    assert_int_equal(check(&t, true, findings).n_repaired, 1);
    testing_assert_clean(&t);

    /* Derived files go with rows that they were made from. */
    overwrite(&t, VECTORS, 128, "x", 1);
    check(&t, true, findings);
    char path[512];
    testing_path(&t, "photos.cir/features/fake-model-01234567/statistics.npy", path);
    assert_int_not_equal(access(path, F_OK), 0);
    testing_done(&t);
}

/* A copied row is checked before it is copied: a damaged one is encoded instead. */
static void test_copy_of_damage(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    overwrite(&t, VECTORS, 128 + 7 * TESTING_DIM * 2, "x", 1);
    testing_write(&t, "photos/copy.jpg", "PIC 7");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_encoded, 1);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/copy.jpg");
    cir_index_close(index);
    testing_done(&t);
}

static void test_busy(void **state)
{
    (void)state;
    testing t;
    make_index(&t);
    /* A reader in the middle of reading does not stop an update for long, nor a writer a reader. */
    char path[512];
    sqlite3 *db;
    testing_path(&t, "photos.cir/catalogue.sqlite", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cir_index *index = testing_open(&t);
    cir_index_close(index);
    sqlite3_close(db);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_an_index),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_damaged_catalogue),
        cmocka_unit_test(test_mended_catalogue),
        cmocka_unit_test(test_damaged_vectors),
        cmocka_unit_test(test_no_numbers_with_right_checksum),
        cmocka_unit_test(test_what_else_lies_there),
        cmocka_unit_test(test_copy_of_damage),
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests_name("index damage", tests, NULL, NULL);
}
