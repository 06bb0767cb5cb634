/* The walk: order, names, links, what cannot be read; and updates over such trees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/store/place.h"
#include "index/synthetic/index_testing.h"
#include "index/update/update.h"
#include "index/walk/walk.h"

/* Asserts what cir_image_list_files finds: names below the temporary folder, in order, NULL at the end. */
static void assert_list(const testing *t, const char *const *names, const char *const *expected)
{
    char paths[8][512];
    const char *roots[8];
    size_t n_roots = 0;
    for (; n_roots < 8 && names[n_roots] != NULL; n_roots++) {
        testing_path(t, names[n_roots], paths[n_roots]);
        roots[n_roots] = paths[n_roots];
    }
    char **files;
    size_t n;
    cir_error err = {0};
    if (cir_image_list_files(roots, n_roots, &files, &n, &err) != CIR_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(expected[i]);
        assert_string_equal(files[i] + strlen(t->folder) + 1, expected[i]);
    }
    assert_null(expected[n]);
    cir_paths_free(files, n);
}

static void test_order(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/b/2.jpg", "PIC");
    testing_write(&t, "photos/b/10.jpg", "PIC");
    testing_write(&t, "photos/b/c/x.gif", "PIC");
    testing_write(&t, "photos/B/1.png", "PIC");
    testing_write(&t, "photos/z.jpg", "PIC");
    testing_write(&t, "photos/.hidden.jpg", "PIC");
    testing_write(&t, "photos/readme.txt", "no");
    testing_write(&t, "photos/other.cir/thumbnail.jpg", "PIC");
    const char *all[] = {"photos/.hidden.jpg",
                         "photos/z.jpg",
                         "photos/B/1.png",
                         "photos/b/10.jpg",
                         "photos/b/2.jpg",
                         "photos/b/c/x.gif",
                         NULL};
    assert_list(&t, (const char *[]){"photos", NULL}, all);
    /* Twice, and a part before the whole: once, in the order named. */
    assert_list(&t, (const char *[]){"photos", "photos/", NULL}, all);
    const char *part[] = {"photos/b/c/x.gif", "photos/readme.txt", "photos/.hidden.jpg", "photos/z.jpg",
                          "photos/B/1.png",   "photos/b/10.jpg",   "photos/b/2.jpg",     NULL};
    assert_list(&t, (const char *[]){"photos/b/c", "photos/readme.txt", "photos", "photos/readme.txt", NULL},
                part);
    char **files;
    size_t n;
    const char *missing[] = {"/no/such/folder"};
    assert_int_equal(cir_image_list_files(missing, 1, &files, &n, NULL), CIR_NOT_FOUND);
    testing_done(&t);
}

static void test_links(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/real/a.jpg", "PIC a");
    testing_write(&t, "outside/b.jpg", "PIC b");
    testing_link(&t, "..", "photos/real/up");             /* a loop */
    testing_link(&t, "real", "photos/alias");             /* the same folder twice */
    testing_link(&t, "../outside", "photos/linked");      /* out of the tree: left out */
    testing_link(&t, "../outside/b.jpg", "photos/b.jpg"); /* the same */
    testing_link(&t, "nowhere.jpg", "photos/broken.jpg"); /* leads nowhere: not there */
    testing_link(&t, "self.jpg", "photos/self.jpg");      /* leads to itself: a failure */
    testing_link(&t, "real/a.jpg", "photos/other.jpg");   /* another name of a file */
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_found, 3);
    assert_int_equal(progress.n_failed, 1);
    assert_int_equal(progress.n_outside, 2);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/real/a.jpg");
    testing_assert_ready(&t, index, "photos/other.jpg");
    testing_assert_state(&t, index, "photos/self.jpg", CIR_IMAGE_FAILED);
    assert_int_equal(cir_index_get_info(index)->n_rows, 3);
    cir_index_close(index);
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_unchanged, 2);
    assert_int_equal(progress.n_failed, 1);
    assert_int_equal(progress.n_vanished, 0);
    /* Once the folder is given itself, links to it lead to nothing strange. */
    char outside[512];
    testing_path(&t, "outside", outside);
    testing_update_with(&t, outside, NULL, CIR_OK);
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_outside, 0);
    assert_int_equal(progress.n_new, 2);
    index = testing_open(&t);
    testing_assert_ready(&t, index, "outside/b.jpg");
    testing_assert_ready(&t, index, "photos/b.jpg");
    assert_int_equal(cir_index_get_info(index)->n_ready, 5); /* and photos/linked/b.jpg */
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_bytes_in_names(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 2);
    testing_write(&t, "photos/\xff\xfe latin \xe9.jpg", "PIC a");
    testing_write(&t, "photos/new\nline \x1b[31m.jpg", "broken");
    testing_write(&t, "photos/' OR 1=1; --.jpg", "PIC c");
    testing_write(&t, "photos/\xf0\x9f\x90\xb1/\xe7\x8c\xab.jpg", "PIC d");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_encoded, 3);
    cir_index *index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/\xff\xfe latin \xe9.jpg");
    testing_assert_ready(&t, index, "photos/' OR 1=1; --.jpg");
    testing_assert_ready(&t, index, "photos/\xf0\x9f\x90\xb1/\xe7\x8c\xab.jpg");
    testing_assert_state(&t, index, "photos/new\nline \x1b[31m.jpg", CIR_IMAGE_FAILED);
    cir_index_close(index);
    assert_int_equal(testing_update(&t, CIR_OK).n_unchanged, 4);
    testing_assert_clean(&t);
    testing_done(&t);
}

/* As somebody whom permissions bind, in a process of its own. */
static int without_permission(testing *t)
{
    if (geteuid() == 0) {
        char command[256];
        snprintf(command, sizeof command, "chown -R 65534:65534 %s", t->folder);
        if (system(command) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            return 1;
    }
    const char *paths[] = {t->photos};
    cir_update_progress progress;
    char locked[512];
    char secret[512];
    testing_path(t, "photos/locked", locked);
    testing_path(t, "photos/secret.jpg", secret);
    if (cir__index_update(t->index, paths, 1, &t->encoders, NULL, NULL, 0, &progress, NULL) != CIR_OK ||
        progress.n_encoded != 3)
        return 2;
    /* An unreadable folder is told of, and what was known in it has not vanished; an unreadable file that is
     * as it was is kept. */
    if (chmod(locked, 0) != 0 || chmod(secret, 0) != 0)
        return 3;
    if (cir__index_update(t->index, paths, 1, &t->encoders, NULL, NULL, 0, &progress, NULL) != CIR_OK ||
        progress.n_failed != 1 || progress.n_vanished != 0 || progress.n_unchanged != 2)
        return 4;
    /* One that has changed has failed, until it can be read: without its size or time changing. */
    chmod(secret, 0600);
    testing_write(t, "photos/secret.jpg", "PIC changed");
    chmod(secret, 0);
    if (cir__index_update(t->index, paths, 1, &t->encoders, NULL, NULL, 0, &progress, NULL) != CIR_OK ||
        progress.n_failed != 2 || progress.n_unchanged != 1)
        return 5;
    chmod(secret, 0600);
    chmod(locked, 0700);
    if (cir__index_update(t->index, paths, 1, &t->encoders, NULL, NULL, 0, &progress, NULL) != CIR_OK ||
        progress.n_failed != 0 || progress.n_encoded != 1 || progress.n_unchanged != 2)
        return 6;
    /* Reading works where writing is not allowed; updating and repairing say so. */
    cir_error err;
    cir_index *index;
    char command[256];
    snprintf(command, sizeof command, "chmod -R a-w %s", t->index);
    if (system(command) != 0)
        return 7;
    if (cir__index_update(t->index, paths, 1, &t->encoders, NULL, NULL, 0, &progress, &err) != CIR_PERMISSION)
        return 8;
    if (cir_index_check(t->index, true, NULL, NULL, NULL, NULL, &err) != CIR_PERMISSION)
        return 9;
    if (cir_index_check(t->index, false, NULL, NULL, NULL, NULL, &err) != CIR_OK)
        return 10;
    if (cir_index_open(t->index, NULL, &index, &err) != CIR_OK)
        return 11;
    int result = cir_index_get_info(index)->n_ready == 3 ? 0 : 12;
    cir_index_close(index);
    snprintf(command, sizeof command, "chmod -R u+w %s; chmod 0 %s/catalogue.sqlite", t->index, t->index);
    if (system(command) != 0)
        return 13;
    if (cir_index_open(t->index, NULL, &index, &err) != CIR_PERMISSION)
        return 14;
    snprintf(command, sizeof command, "chmod 600 %s/catalogue.sqlite; chmod 0 %s/features/*/vectors.npy",
             t->index, t->index);
    if (system(command) != 0)
        return 15;
    if (cir_index_open(t->index, NULL, &index, &err) != CIR_PERMISSION)
        return 16;
    /* No room for an index where nothing can be made. */
    char nested[512];
    testing_path(t, "closed", nested);
    if (mkdir(nested, 0500) != 0)
        return 17;
    strcat(nested, "/new.cir");
    if (cir__index_update(nested, paths, 1, &t->encoders, NULL, NULL, 0, NULL, &err) != CIR_PERMISSION)
        return 18;
    return result;
}

static void test_permission(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/secret.jpg", "PIC s");
    testing_write(&t, "photos/locked/b.jpg", "PIC b");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(without_permission(&t));
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    testing_done(&t);
}

static void test_deep(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    /* Deeper than a path may be long: made from within. */
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(t.photos), 0);
    for (int i = 0; i < 1200; i++) {
        assert_int_equal(mkdir("abc", 0777), 0);
        assert_int_equal(chdir("abc"), 0);
    }
    assert_int_equal(chdir(here), 0);
    testing_write(&t, "photos/a.jpg", "PIC a");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_encoded, 1);
    assert_int_equal(progress.n_failed, 1);
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", t.photos);
    assert_int_equal(system(command), 0);
    testing_done(&t);
}

static void test_tidy(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"/a//b/./c/../d/", "/a/b/d"},
                                           {"/", "/"},
                                           {"/..", "/"},
                                           {"//a", "/a"},
                                           {"/a/..", "/"},
                                           {"/a/../../b", "/b"},
                                           {"/a/...", "/a/..."},
                                           {"/.a/b.", "/.a/b."}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *tidy = cir__place_tidy(pairs[i][0]);
        assert_string_equal(tidy, pairs[i][1]);
        free(tidy);
    }
    assert_true(cir__place_is_below("/a/b", "/a"));
    assert_true(cir__place_is_below("/a", "/a"));
    assert_true(cir__place_is_below("/a", "/"));
    assert_false(cir__place_is_below("/ab", "/a"));
    assert_false(cir__place_is_below("/", "/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),          cmocka_unit_test(test_links),
        cmocka_unit_test(test_bytes_in_names), cmocka_unit_test(test_permission),
        cmocka_unit_test(test_deep),           cmocka_unit_test(test_tidy),
    };
    return cmocka_run_group_tests_name("index walk", tests, NULL, NULL);
}
