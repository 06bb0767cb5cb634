/* Whoever may not read the photos may not read their index. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/synthetic/index_testing.h"

static void run_shell(const testing *t, const char *text)
{
    char command[512];
    snprintf(command, sizeof command, "cd %s && %s", t->folder, text);
    assert_int_equal(system(command), 0);
}

/* How many names in the index, itself included, have one of these rights. */
static int count_names(const testing *t, const char *rights)
{
    char command[512], line[32] = "";
    snprintf(command, sizeof command, "find %s -perm /%s | wc -l", t->index, rights);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    assert_int_equal(pclose(pipe), 0);
    return atoi(line);
}

static mode_t mode_of(const testing *t, const char *name)
{
    char path[512];
    struct stat facts;
    testing_path(t, name, path);
    assert_int_equal(stat(path, &facts), 0);
    return facts.st_mode & 0777;
}

/* Photos that all may read, in folders that all may pass. */
static void make(testing *t)
{
    testing_init(t, 1);
    testing_write(t, "photos/a.jpg", "PIC a");
    testing_write(t, "photos/sub/b.jpg", "PIC b");
    run_shell(t, "chmod 755 . photos photos/sub && chmod 644 photos/a.jpg photos/sub/b.jpg");
}

static void test_public(void **state)
{
    (void)state;
    testing t;
    make(&t);
    testing_update(&t, CIR_OK);
    assert_int_equal(mode_of(&t, "photos.cir"), 0755);
    assert_int_equal(mode_of(&t, "photos.cir/catalogue.sqlite"), 0644);
    /* A folder made private by hand keeps what comes later private. */
    run_shell(&t, "chmod 700 photos.cir");
    run_shell(&t, "rm photos.cir/lock");
    testing_update(&t, CIR_OK);
    assert_int_equal(mode_of(&t, "photos.cir"), 0700);
    assert_int_equal(mode_of(&t, "photos.cir/lock"), 0600);
    testing_done(&t);
}

static void test_private_photo(void **state)
{
    (void)state;
    testing t;
    make(&t);
    testing_update(&t, CIR_OK);
    assert_true(count_names(&t, "004") > 0);
    testing_write(&t, "photos/c.jpg", "PIC c");
    run_shell(&t, "chmod 600 photos/c.jpg");
    testing_update(&t, CIR_OK);
    assert_int_equal(mode_of(&t, "photos.cir"), 0700);
    assert_int_equal(count_names(&t, "077"), 0);
    /* And all that is made from then on, also once the photo is gone. */
    testing_remove(&t, "photos/c.jpg");
    testing_use_both(&t);
    testing_update(&t, CIR_OK);
    assert_int_equal(count_names(&t, "077"), 0);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_private_folders(void **state)
{
    (void)state;
    static const char *const closings[] = {"chmod 700 .", "chmod 700 photos", "chmod 711 photos/sub"};
    for (size_t i = 0; i < sizeof closings / sizeof closings[0]; i++) {
        testing t;
        make(&t);
        run_shell(&t, closings[i]);
        testing_update(&t, CIR_OK);
        assert_int_equal(count_names(&t, "077"), 0);
        testing_done(&t);
    }
    /* One that was open, as all were that older versions made. */
    testing t;
    make(&t);
    testing_update(&t, CIR_OK);
    run_shell(&t, "chmod 750 photos/sub && chgrp 54321 photos/sub || chmod 700 photos/sub");
    assert_int_equal(testing_update(&t, CIR_OK).n_kept, 2);
    assert_int_equal(count_names(&t, "077"), 0);
    testing_done(&t);
}

static void test_group(void **state)
{
    (void)state;
    testing t;
    make(&t);
    run_shell(&t, "chmod 750 photos");
    testing_update(&t, CIR_OK);
    assert_int_equal(mode_of(&t, "photos.cir"), 0750);
    assert_int_equal(mode_of(&t, "photos.cir/catalogue.sqlite"), 0640);
    assert_int_equal(count_names(&t, "007"), 0);
    testing_done(&t);
}

int main(void)
{
    umask(022);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_private_photo),
        cmocka_unit_test(test_private_folders),
        cmocka_unit_test(test_group),
    };
    return cmocka_run_group_tests_name("index secrecy", tests, NULL, NULL);
}
