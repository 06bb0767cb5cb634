/* Results go where a person says: through pipes, behind links, with the modes that files have. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/destination.h"

static char folder[] = "/tmp/cir-destination-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static size_t n;
    char *path = paths[n++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int clean_up(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static cir_status put(const char *path, const char *text)
{
    cir_error err;
    cir_status status = cir__destination_check(path, "the text", &err);
    return status != CIR_OK ? status
                            : cir__destination_write_bytes(path, "the text", text, strlen(text), &err);
}

static void assert_holds(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    (void)!fread(found, 1, sizeof found - 1, file);
    fclose(file);
    assert_string_equal(found, text);
}

static mode_t mode_of(const char *path)
{
    struct stat facts;
    assert_int_equal(lstat(path, &facts), 0);
    return facts.st_mode;
}

static void test_modes_are_kept(void **state)
{
    (void)state;
    static const mode_t masks[] = {0022, 0077, 0};
    for (size_t i = 0; i < 3; i++) {
        mode_t before = umask(masks[i]);
        assert_int_equal(put(path_of("new"), "one"), CIR_OK);
        (void)umask(before);
        assert_int_equal(mode_of(path_of("new")) & 0777, 0666 & ~masks[i]);
        assert_int_equal(chmod(path_of("new"), 0640), 0);
        assert_int_equal(put(path_of("new"), "another"), CIR_OK);
        assert_int_equal(mode_of(path_of("new")) & 0777, 0640);
        assert_holds(path_of("new"), "another");
        assert_int_equal(unlink(path_of("new")), 0);
    }
}

static void test_links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("elsewhere"), 0777), 0);
    assert_int_equal(put(path_of("elsewhere/target"), "old"), CIR_OK);
    assert_int_equal(symlink("elsewhere/target", path_of("link")), 0);
    assert_int_equal(put(path_of("link"), "by link"), CIR_OK);
    assert_true(S_ISLNK(mode_of(path_of("link"))));
    assert_holds(path_of("elsewhere/target"), "by link");
    /* To what is not there yet, too. */
    assert_int_equal(symlink("elsewhere/none", path_of("early")), 0);
    assert_int_equal(put(path_of("early"), "first"), CIR_OK);
    assert_true(S_ISLNK(mode_of(path_of("early"))));
    assert_holds(path_of("elsewhere/none"), "first");
}

static void *read_pipe(void *path)
{
    assert_holds(path, "through it");
    return NULL;
}

static void test_pipes_are_written_through(void **state)
{
    (void)state;
    char pipe_path[128];
    (void)snprintf(pipe_path, sizeof pipe_path, "%s", path_of("pipe"));
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_pipe, pipe_path), 0);
    assert_int_equal(put(pipe_path, "through it"), CIR_OK);
    pthread_join(reader, NULL);
    assert_true(S_ISFIFO(mode_of(pipe_path)));
}

static void test_what_cannot_be_written_leaves_the_old(void **state)
{
    (void)state;
    char text[8193];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(put(path_of("kept"), "kept"), CIR_OK);
    struct rlimit before, little = {4096, 0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    cir_status status = put(path_of("kept"), text);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, CIR_IO);
    assert_holds(path_of("kept"), "kept");
    assert_int_equal(put(folder, "x"), CIR_ARGUMENT);
    assert_int_equal(put(path_of("nowhere/x"), "x"), CIR_NOT_FOUND);
    cir_error err;
    assert_int_equal(cir__destination_write_bytes(path_of("no\x1b[2J/x"), "it", "x", 1, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no?[2J/x: it cannot be written"));
    /* Nothing temporary is left. */
    char command[128];
    (void)snprintf(command, sizeof command, "test $(ls %s | wc -l) = 5", folder);
    assert_int_equal(system(command), 0);
}

/* What the shell opened is written on: a file that it appends to keeps what it holds. */
static void test_open_descriptors_are_written_on(void **state)
{
    (void)state;
    char path[32];
    const int fd = open(path_of("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "first, ", 7), 7);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fd);
    assert_int_equal(put(path, "second, "), CIR_OK);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_int_equal(put(path, "third"), CIR_OK);
    assert_holds(path_of("log"), "first, second, third");
    /* Without a name, too: none is made. */
    assert_int_equal(unlink(path_of("log")), 0);
    assert_int_equal(put(path, "fourth"), CIR_OK);
    assert_int_not_equal(access(path_of("log (deleted)"), F_OK), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(put(path, "closed"), CIR_IO);
}

static void test_protected_files_are_kept(void **state)
{
    (void)state;
    if (geteuid() == 0) /* who may write everything */
        assert_int_equal(seteuid(65534), 0);
    char own[] = "/tmp/cir-destination-XXXXXX";
    char file[64];
    assert_non_null(mkdtemp(own));
    (void)snprintf(file, sizeof file, "%s/file", own);
    assert_int_equal(put(file, "kept"), CIR_OK);
    assert_int_equal(chmod(file, 0444), 0);
    assert_int_equal(put(file, "not this"), CIR_PERMISSION);
    assert_holds(file, "kept");
    /* A file that may be written in a folder that may not. */
    assert_int_equal(chmod(file, 0640), 0);
    assert_int_equal(chmod(own, 0555), 0);
    assert_int_equal(put(file, "in its place"), CIR_OK);
    assert_holds(file, "in its place");
    assert_int_equal(chmod(own, 0755), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(own), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void test_long_names(void **state)
{
    (void)state;
    char name[256];
    char path[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(put(path, "long"), CIR_OK);
    assert_holds(path, "long");
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_are_kept),
        cmocka_unit_test(test_links_are_followed),
        cmocka_unit_test(test_pipes_are_written_through),
        cmocka_unit_test(test_what_cannot_be_written_leaves_the_old),
        cmocka_unit_test(test_open_descriptors_are_written_on),
        cmocka_unit_test(test_protected_files_are_kept),
        cmocka_unit_test(test_long_names),
    };
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
