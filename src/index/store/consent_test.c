/* Indexes of others: whose they are, where they may look, and which files are opened to be shown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/skip.h"
#include "index/store/consent.h"
#include "index/synthetic/index_testing.h"

static void run_sql(const testing *t, const char *sql)
{
    char path[512];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/catalogue.sqlite", t->index);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* An index beside photos/, with photos of elsewhere/ in it, which lies a folder above the index' own. */
static void make(testing *t, char elsewhere[512])
{
    testing_init(t, 1);
    testing_write(t, "below/photos/a.jpg", "PIC a");
    testing_write(t, "elsewhere/b.jpg", "PIC b");
    testing_path(t, "elsewhere", elsewhere);
    testing_path(t, "below/photos.cir", elsewhere);
    snprintf(t->index, sizeof t->index, "%s", elsewhere);
    testing_path(t, "below/photos", elsewhere);
    testing_update_with(t, elsewhere, NULL, CIR_OK);
    testing_path(t, "elsewhere", elsewhere);
    testing_update_with(t, elsewhere, NULL, CIR_OK);
}

static cir_status try_photo(const testing *t, size_t id, bool is_trusted, const char *text)
{
    const cir_index_options options = {.size = sizeof options, .is_trusted = is_trusted};
    cir_index *index;
    cir_image_record record;
    uint8_t *bytes;
    size_t size;
    cir_error err = {0};
    if (cir_index_open(t->index, &options, &index, &err) != CIR_OK)
        fail_msg("open: %s", err.message);
    assert_int_equal(cir_index_get_record(index, id, &record, NULL), CIR_OK);
    cir_status status = cir_index_read_photo(index, &record, &bytes, &size, &err);
    if (status == CIR_OK) {
        assert_int_equal(size, strlen(text));
        assert_memory_equal(bytes, text, size);
    } else {
        assert_null(bytes);
        if (strstr(err.message, text) == NULL)
            fail_msg("%s: does not say \"%s\"", err.message, text);
    }
    cir_bytes_free(bytes);
    cir_image_record_done(&record);
    cir_index_close(index);
    return status;
}

static void test_roots(void **state)
{
    (void)state;
    testing t;
    char elsewhere[512], file[512];
    struct stat facts;
    make(&t, elsewhere);
    /* What this user gave to it is his to see, also in a moved or copied index. */
    assert_int_equal(try_photo(&t, 0, false, "PIC a"), CIR_OK);
    assert_int_equal(try_photo(&t, 1, false, "PIC b"), CIR_OK);
    testing_path(&t, "config/cir/roots", file);
    assert_int_equal(stat(file, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    const off_t size = facts.st_size;
    testing_update_with(&t, elsewhere, NULL, CIR_OK);
    assert_int_equal(stat(file, &facts), 0);
    assert_int_equal(facts.st_size, size); /* noted once */
    cir_index *index = testing_open(&t);
    assert_true(cir_index_is_path_confirmed(index, elsewhere));
    assert_false(cir_index_is_path_confirmed(index, "/etc"));
    cir_index_close(index);
    /* A file that others could have written counts for nothing. */
    assert_int_equal(chmod(file, 0620), 0);
    assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    assert_int_equal(chmod(file, 0600), 0);
    /* Another user's copy. */
    char config[512];
    testing_path(&t, "config2", config);
    setenv("XDG_CONFIG_HOME", config, 1);
    assert_int_equal(try_photo(&t, 0, false, "PIC a"), CIR_OK);
    assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    assert_int_equal(try_photo(&t, 1, true, "PIC b"), CIR_OK);
    index = testing_open(&t);
    assert_false(cir_index_is_path_confirmed(index, elsewhere));
    cir_index_close(index);
    /* Taking it at its word notes nothing; giving a folder to it does. */
    const cir_update_options trusting = {.size = sizeof trusting, .is_trusted = true};
    testing_update_with(&t, elsewhere, &trusting, CIR_OK);
    assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    assert_int_equal(testing_update_with(&t, elsewhere, NULL, CIR_OK).n_unconfirmed, 0);
    assert_int_equal(try_photo(&t, 1, false, "PIC b"), CIR_OK);
    /* Nowhere to note it is no failure, but told. */
    setenv("XDG_CONFIG_HOME", "/proc/nothing", 1);
    assert_int_equal(testing_update_with(&t, elsewhere, NULL, CIR_OK).n_unconfirmed, 1);
    testing_done(&t);
}

static void test_odd_names(void **state)
{
    (void)state;
    testing t;
    char elsewhere[512];
    make(&t, elsewhere);
    testing_write(&t, "a\nb %41\xff \x7f/c.jpg", "PIC c");
    testing_path(&t, "a\nb %41\xff \x7f", elsewhere);
    testing_update_with(&t, elsewhere, NULL, CIR_OK);
    cir_index *index = testing_open(&t);
    assert_true(cir_index_is_path_confirmed(index, elsewhere));
    assert_false(cir_index_is_path_confirmed(index, "/"));
    cir_index_close(index);
    assert_int_equal(try_photo(&t, 2, false, "PIC c"), CIR_OK);
    testing_done(&t);
}

/* Rows and folders as an enemy would make them. */
static void test_forged(void **state)
{
    (void)state;
    static const char *const paths[] = {"../elsewhere/b.jpg", "photos/../../elsewhere/b.jpg",
                                        "/etc/passwd",        "/etc/../etc/passwd",
                                        "photos//a.jpg",      "./photos/a.jpg",
                                        "//etc/passwd"};
    testing t;
    char elsewhere[512], sql[512], config[512];
    make(&t, elsewhere);
    testing_path(&t, "config2", config);
    setenv("XDG_CONFIG_HOME", config, 1);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        snprintf(sql, sizeof sql, "UPDATE image SET path = CAST('%s' AS BLOB) WHERE id = 1", paths[i]);
        run_sql(&t, sql);
        assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    }
    /* Beside the index, and yet leading elsewhere: by a link, or by a folder that is one. */
    testing_link(&t, "../../elsewhere/b.jpg", "below/photos/link.jpg");
    testing_link(&t, "../../elsewhere", "below/photos/folder");
    testing_link(&t, "a.jpg", "below/photos/twin.jpg");
    run_sql(&t, "UPDATE image SET path = CAST('photos/link.jpg' AS BLOB) WHERE id = 1");
    assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    run_sql(&t, "UPDATE image SET path = CAST('photos/folder/b.jpg' AS BLOB) WHERE id = 1");
    assert_int_equal(try_photo(&t, 1, false, "that you added"), CIR_PERMISSION);
    run_sql(&t, "UPDATE image SET path = CAST('photos/twin.jpg' AS BLOB) WHERE id = 0");
    assert_int_equal(try_photo(&t, 0, false, "PIC a"), CIR_OK);
    testing_done(&t);
}

static void test_changed(void **state)
{
    (void)state;
    testing t;
    char elsewhere[512], path[512];
    make(&t, elsewhere);
    testing_path(&t, "below/photos/a.jpg", path);
    testing_write(&t, "below/photos/a.jpg", "PIC x");
    assert_int_equal(try_photo(&t, 0, false, "changed since"), CIR_MISMATCH);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_photo(&t, 0, false, "a.jpg"), CIR_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0); /* waits for nobody */
    assert_int_equal(try_photo(&t, 0, false, "not a file"), CIR_FORMAT);
    testing_done(&t);
}

/* As somebody else than whom the index belongs to, in a process of his own. */
static int without_right(const testing *t)
{
    cir_index *index;
    cir_error err;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    if (cir_index_open(t->index, NULL, &index, &err) != CIR_PERMISSION || index != NULL ||
        strstr(err.message, "--trust") == NULL)
        return 2;
    if (cir_index_check_owner(t->index, &err) != CIR_PERMISSION)
        return 3;
    if (cir_index_update_codes(t->index, NULL, NULL, &err) != CIR_PERMISSION ||
        strstr(err.message, "--trust") == NULL)
        return 4;
    const cir_index_options options = {.size = sizeof options, .is_trusted = true};
    if (cir_index_open(t->index, &options, &index, &err) != CIR_OK)
        return 5;
    cir_index_close(index);
    return 0;
}

static void test_owner(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_update(&t, CIR_OK);
    assert_int_equal(cir_index_check_owner(t.index, NULL), CIR_OK);
    if (geteuid() != 0) {
        testing_done(&t);
        SKIP("only root can give an index to another user");
    }
    char command[512];
    cir_error err;
    /* One's own and root's are fine; a file of another user in one's own folder is not. */
    snprintf(command, sizeof command, "chown 12345 %s/catalogue.sqlite", t.index);
    assert_int_equal(system(command), 0);
    assert_int_equal(cir_index_check_owner(t.index, &err), CIR_PERMISSION);
    assert_non_null(strstr(err.message, "12345"));
    testing_update(&t, CIR_PERMISSION);
    snprintf(command, sizeof command, "chmod 755 %s && chmod -R a+rX %s && chown -R 12345 %s", t.folder,
             t.index, t.index);
    assert_int_equal(system(command), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(without_right(&t));
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),   cmocka_unit_test(test_odd_names), cmocka_unit_test(test_forged),
        cmocka_unit_test(test_changed), cmocka_unit_test(test_owner),
    };
    return cmocka_run_group_tests_name("index consent", tests, NULL, NULL);
}
