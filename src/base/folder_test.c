/* A folder held open: what lies in it is used by its own name, and nothing leads out of it. */
#include "base/folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/cir-folder-XXXXXX";

static char *path_of(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    assert_int_equal(cir__file_replace(path_of(name), text, strlen(text), NULL), CIR_OK);
}

static void assert_text(const char *name, const char *text)
{
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path_of(name), 1000, &bytes, &size, NULL), CIR_OK);
    assert_string_equal((char *)bytes, text);
    free(bytes);
}

/* A folder "x" with a plain file, links of both kinds to a file outside, a pipe and a link to a folder. */
static cir__folder *make_scene(void)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf %s; mkdir -p %s/x/in %s/other", root, root, root);
    assert_int_equal(system(command), 0);
    write_text("mine", "of the user");
    write_text("second", "of the user");
    write_text("x/plain", "plain");
    assert_int_equal(symlink(path_of("mine"), path_of("x/link")), 0);
    assert_int_equal(symlink(path_of("made"), path_of("x/dangling")), 0);
    assert_int_equal(symlink(path_of("other"), path_of("x/linked")), 0);
    assert_int_equal(link(path_of("second"), path_of("x/hard")), 0);
    assert_int_equal(mkfifo(path_of("x/pipe"), 0600), 0);
    cir__folder *folder;
    cir_error err;
    assert_int_equal(cir__folder_open(path_of("x/"), &folder, &err), CIR_OK);
    assert_string_equal(cir__folder_name(folder), path_of("x"));
    return folder;
}

static void test_nothing_leads_out(void **state)
{
    (void)state;
    cir__folder *folder = make_scene();
    cir__folder *below;
    cir__mapping mapping;
    cir_error err;
    int fd;
    uint8_t *bytes;
    size_t size;
    static const char *const wrong[] = {"link", "dangling", "pipe", "in", "linked"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *name = wrong[i];
        assert_int_equal(cir__folder_open_file(folder, name, O_RDONLY, 0, &fd, NULL, &err), CIR_FORMAT);
        assert_int_equal(fd, -1);
        assert_int_equal(cir__folder_open_file(folder, name, O_RDWR | O_CREAT, 0600, &fd, NULL, &err),
                         CIR_FORMAT);
        assert_non_null(strstr(err.message, name));
        assert_int_equal(cir__folder_map(folder, name, &mapping, &err), CIR_FORMAT);
        assert_int_equal(cir__folder_read(folder, name, 100, &bytes, &size, &err), CIR_FORMAT);
        assert_non_null(cir__folder_find_fault(folder, name));
    }
    assert_int_equal(access(path_of("made"), F_OK), -1);
    /* A file with a second name may be read, and not written. */
    assert_int_equal(cir__folder_open_file(folder, "hard", O_RDWR, 0, &fd, NULL, &err), CIR_FORMAT);
    assert_int_equal(cir__folder_read(folder, "hard", 100, &bytes, &size, &err), CIR_OK);
    free(bytes);
    assert_non_null(strstr(cir__folder_find_fault(folder, "hard"), "second name"));
    assert_int_equal(cir__folder_open_in(folder, "linked", false, &below, &err), CIR_FORMAT);
    assert_int_equal(cir__folder_open_in(folder, "linked", true, &below, &err), CIR_FORMAT);
    assert_int_equal(cir__folder_open_in(folder, "plain", false, &below, &err), CIR_FORMAT);
    assert_int_equal(cir__folder_open_in(folder, "none", false, &below, &err), CIR_NOT_FOUND);
    assert_int_equal(cir__folder_open_in(folder, "none", true, &below, &err), CIR_OK);
    cir__folder_close(below);
    assert_null(cir__folder_find_fault(folder, "plain"));
    assert_null(cir__folder_find_fault(folder, "nothing"));
    cir__folder_close(folder);
}

/* Replacing, unsharing and removing touch names of the folder alone. */
static void test_names_are_replaced(void **state)
{
    (void)state;
    cir__folder *folder = make_scene();
    cir_error err;
    struct stat facts;
    assert_int_equal(cir__folder_replace(folder, "link", 0600, "new", 3, &err), CIR_OK);
    assert_int_equal(cir__folder_replace(folder, "hard", 0666, "own", 3, &err), CIR_OK);
    assert_int_equal(cir__folder_replace(folder, "pipe", 0666, "own", 3, &err), CIR_OK);
    assert_text("x/link", "new");
    assert_text("mine", "of the user");
    assert_text("second", "of the user");
    assert_int_equal(cir__folder_examine(folder, "link", &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(cir__folder_replace(folder, "in", 0666, "x", 1, &err), CIR_IO);
    assert_true(cir__folder_remove(folder, "dangling"));
    assert_true(cir__folder_remove(folder, "dangling"));
    assert_true(cir__folder_remove(folder, "linked"));
    assert_int_equal(access(path_of("other"), F_OK), 0);
    assert_false(cir__folder_remove(folder, "in"));
    assert_true(cir__folder_remove_folder(folder, "in"));
    assert_int_equal(link(path_of("second"), path_of("x/again")), 0);
    assert_int_equal(cir__folder_unshare(folder, "again", &err), CIR_OK);
    assert_text("x/again", "of the user");
    assert_int_equal(stat(path_of("second"), &facts), 0);
    assert_int_equal(facts.st_nlink, 1);
    cir__folder_close(folder);
}

/* The folder that was opened is used wherever it is, and its path is told to be another's. */
static void test_a_moved_folder_stays_itself(void **state)
{
    (void)state;
    cir__folder *folder = make_scene();
    cir_error err;
    assert_int_equal(cir__folder_check(folder, &err), CIR_OK);
    assert_int_equal(rename(path_of("x"), path_of("y")), 0);
    assert_int_equal(cir__folder_check(folder, &err), CIR_GONE);
    assert_int_equal(mkdir(path_of("x"), 0777), 0);
    assert_int_equal(cir__folder_check(folder, &err), CIR_GONE);
    assert_non_null(strstr(err.message, "moved, replaced or deleted"));
    assert_int_equal(cir__folder_replace(folder, "new", 0666, "there", 5, &err), CIR_OK);
    assert_text("y/new", "there");
    assert_int_equal(access(path_of("x/new"), F_OK), -1);
    assert_int_equal(rmdir(path_of("x")), 0);
    assert_int_equal(rename(path_of("y"), path_of("x")), 0);
    assert_int_equal(cir__folder_check(folder, &err), CIR_OK);
    cir__folder_close(folder);
}

static void collect(void *context, const cir__folder *folder, const char *name, const struct stat *facts)
{
    (void)folder;
    char *text = context;
    strcat(strcat(text, name), S_ISLNK(facts->st_mode) ? "@ " : " ");
}

static void test_names_are_listed(void **state)
{
    (void)state;
    cir__folder *folder = make_scene();
    for (int i = 0; i < 2; i++) {
        char text[256] = "";
        assert_true(cir__folder_list(folder, collect, text));
        assert_string_equal(text, "dangling@ hard in link@ linked@ pipe plain ");
    }
    cir__folder_close(folder);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_leads_out),
        cmocka_unit_test(test_names_are_replaced),
        cmocka_unit_test(test_a_moved_folder_stays_itself),
        cmocka_unit_test(test_names_are_listed),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
