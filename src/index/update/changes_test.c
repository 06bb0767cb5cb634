/* How change is told: by size, times and inode, and by content where these differ or are not known. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "index/synthetic/index_testing.h"

static void run_sql(const testing *t, const char *sql)
{
    char path[512];
    sqlite3 *db;
    testing_path(t, "photos.cir/catalogue.sqlite", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

static void run_shell(const testing *t, const char *format)
{
    char command[512];
    snprintf(command, sizeof command, "cd %s && %s", t->folder, format);
    assert_int_equal(system(command), 0);
}

/* Other bytes, of the same number, with the date put back. */
static void replace_keeping_date(const testing *t, const char *name, const char *text)
{
    char path[512];
    struct stat before;
    testing_path(t, name, path);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_size, (off_t)strlen(text));
    testing_write(t, name, text);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void assert_all_ready(const testing *t)
{
    cir_index *index = testing_open(t);
    testing_assert_ready(t, index, "photos/a.jpg");
    testing_assert_ready(t, index, "photos/b.jpg");
    cir_index_close(index);
}

static void make(testing *t)
{
    testing_init(t, 1);
    testing_write(t, "photos/a.jpg", "PIC a");
    testing_write(t, "photos/b.jpg", "PIC b");
    assert_int_equal(testing_update(t, CIR_OK).n_new, 2);
    usleep(20000); /* a tick of the file system's clock */
}

static void test_same_size_and_date(void **state)
{
    (void)state;
    testing t;
    make(&t);
    replace_keeping_date(&t, "photos/a.jpg", "PIC A");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_changed, 1);
    assert_int_equal(progress.n_kept, 1);
    assert_all_ready(&t);
    /* A new file in its place, as safe programs write it. */
    testing_write(&t, "photos/new.jpg", "PIC B");
    run_shell(&t, "touch -r photos/b.jpg photos/new.jpg && mv photos/new.jpg photos/b.jpg");
    assert_int_equal(testing_update(&t, CIR_OK).n_changed, 1);
    assert_all_ready(&t);
    /* Other rights are no other content. */
    run_shell(&t, "chmod 600 photos/a.jpg");
    size_t n_encoded = t.n_encoded;
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_kept, 2);
    assert_int_equal(t.n_encoded, n_encoded);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_reread(void **state)
{
    (void)state;
    testing t;
    make(&t);
    replace_keeping_date(&t, "photos/a.jpg", "PIC A");
    /* As on a file system that tells nothing of it. */
    char path[512], sql[256];
    struct stat facts;
    testing_path(&t, "photos/a.jpg", path);
    assert_int_equal(stat(path, &facts), 0);
    snprintf(sql, sizeof sql,
             "UPDATE image SET inode = %llu, changed_ns = %lld WHERE path = CAST('photos/a.jpg' AS BLOB)",
             (unsigned long long)facts.st_ino,
             (long long)facts.st_ctim.tv_sec * 1000000000 + facts.st_ctim.tv_nsec);
    run_sql(&t, sql);
    assert_int_equal(testing_update(&t, CIR_OK).n_kept, 2);
    const cir_update_options again = {.size = sizeof again, .reread = true};
    cir_update_progress progress = testing_update_with(&t, t.photos, &again, CIR_OK);
    assert_int_equal(progress.n_changed, 1);
    assert_int_equal(progress.n_kept, 1);
    assert_int_equal(progress.n_encoded, 1);
    assert_all_ready(&t);
    testing_done(&t);
}

/* What an index of format 1 was. */
static void make_old(const testing *t)
{
    run_sql(t, "ALTER TABLE image DROP COLUMN inode; ALTER TABLE image DROP COLUMN changed_ns;"
               "DELETE FROM setting WHERE key = 'identity'; PRAGMA user_version = 1");
}

static void test_older_format(void **state)
{
    (void)state;
    testing t;
    make(&t);
    make_old(&t);
    assert_all_ready(&t); /* read as it is */
    replace_keeping_date(&t, "photos/a.jpg", "PIC A");
    size_t n_encoded = t.n_encoded;
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_changed, 1);
    assert_int_equal(progress.n_kept, 1);
    assert_int_equal(t.n_encoded, n_encoded + 1);
    assert_all_ready(&t);
    assert_int_equal(testing_update(&t, CIR_OK).n_kept, 2);
    /* Repairs leave the format alone. */
    make_old(&t);
    assert_int_equal(cir_index_check(t.index, true, NULL, NULL, NULL, NULL, NULL), CIR_OK);
    assert_all_ready(&t);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_copied_index(void **state)
{
    (void)state;
    testing t;
    make(&t);
    run_shell(&t, "mkdir copy && cp -a photos photos.cir copy && rm -r photos photos.cir && "
                  "mv copy/photos copy/photos.cir . && rmdir copy");
    size_t n_encoded = t.n_encoded;
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_kept, 2);
    assert_int_equal(progress.n_moved + progress.n_new + progress.n_changed + progress.n_encoded, 0);
    assert_int_equal(t.n_encoded, n_encoded);
    /* Copied without dates. */
    run_shell(&t, "cp -r photos p2 && rm -r photos && mv p2 photos");
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_kept, 2);
    assert_int_equal(t.n_encoded, n_encoded);
    testing_done(&t);
}

/* A backup put back by cp, over files that are open: as many commits, and others. */
static void test_another_history(void **state)
{
    (void)state;
    testing t;
    bool is_current = true;
    make(&t);
    run_shell(&t, "cp -a photos.cir backup");
    testing_write(&t, "photos/c.jpg", "PIC c");
    testing_update(&t, CIR_OK);
    cir_index *index = testing_open(&t);
    const uint64_t revision = cir_index_get_info(index)->revision;
    const uint64_t before = cir_index_get_info(index)->state;
    run_shell(&t, "cp -r backup/. photos.cir");
    testing_write(&t, "photos/c.jpg", "PIC d");
    testing_update(&t, CIR_OK);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_false(is_current);
    cir_index_close(index);
    index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->revision, revision);
    assert_int_not_equal(cir_index_get_info(index)->state, before);
    assert_int_equal(cir_index_is_current(index, &is_current, NULL), CIR_OK);
    assert_true(is_current);
    cir_index_close(index);
    testing_done(&t);
}

static void test_summary(void **state)
{
    (void)state;
    testing t;
    make(&t);
    testing_write(&t, "photos/c.jpg", "PIC c");
    testing_write(&t, "photos/d.jpg", "PIC d");
    testing_write(&t, "photos/bad.jpg", "no picture");
    assert_int_equal(testing_update(&t, CIR_OK).n_new, 2);
    testing_rename(&t, "photos/a.jpg", "photos/sub.jpg");
    run_shell(&t, "cp photos/b.jpg photos/copy.jpg");
    testing_remove(&t, "photos/c.jpg");
    testing_write(&t, "photos/d.jpg", "PIC other");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_moved, 1);
    assert_int_equal(progress.n_new, 1);
    assert_int_equal(progress.n_changed, 1);
    assert_int_equal(progress.n_kept, 1);
    assert_int_equal(progress.n_failed_before, 1);
    assert_int_equal(progress.n_failed, 0);
    assert_int_equal(progress.n_vanished, 1);
    /* The older words: what needed no encoding. */
    assert_int_equal(progress.n_encoded, 1);
    assert_int_equal(progress.n_unchanged, 4);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_size_and_date), cmocka_unit_test(test_reread),
        cmocka_unit_test(test_older_format),       cmocka_unit_test(test_copied_index),
        cmocka_unit_test(test_another_history),    cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests_name("index changes", tests, NULL, NULL);
}
