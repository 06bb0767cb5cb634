/* What is kept is found again as it was; what somebody else made, or anything spoilt, is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/skip.h"
#include "base/user_cache.h"

enum { PATH_SIZE = 512, N_BYTES = 10 << 20 };

static char top[PATH_SIZE];    /* a folder in /tmp */
static char folder[PATH_SIZE]; /* where things are kept: two folders below, which are not there at first */
static uint8_t *payload;

static int set_up(void **state)
{
    (void)state;
    strcpy(top, "/tmp/cir-user-cache-XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(folder, sizeof folder, "%.300s/a/b", top);
    payload = malloc(N_BYTES);
    for (size_t i = 0; payload != NULL && i < N_BYTES; i++)
        payload[i] = (uint8_t)(i * 31 + i / 251);
    return payload != NULL ? setenv("CIR_CACHE", folder, 1) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[PATH_SIZE + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", top);
    free(payload);
    return system(command);
}

/* The only file there, whose name begins so. */
static void find_file(const char *begin, char path_out[PATH_SIZE])
{
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    path_out[0] = '\0';
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0) {
            assert_int_equal(path_out[0], '\0');
            (void)snprintf(path_out, PATH_SIZE, "%.250s/%.200s", folder, entry->d_name);
        }
    closedir(entries);
}

static bool is_found(const char *key, size_t size)
{
    cir__user_cached found;
    cir_pool *pool = NULL;
    assert_int_equal(cir_pool_new(2, &pool, NULL), CIR_OK);
    bool is_there = cir__user_cache_find("kind", key, pool, &found);
    if (is_there) {
        assert_int_equal(found.size, size);
        assert_int_equal((uintptr_t)found.data % CIR__ALIGNMENT, 0);
        assert_memory_equal(found.data, payload, size);
    } else {
        assert_null(found.data);
    }
    cir__user_cached_done(&found);
    cir_pool_free(pool);
    return is_there;
}

static void test_what_was_put_is_found(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, CIR__USER_CACHE_CHUNK, CIR__USER_CACHE_CHUNK + 1, N_BYTES};
    uint8_t bytes[100];
    assert_true(cir__user_cache_is_usable());
    assert_false(is_found("a", 0));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(cir__user_cache_put("kind", "a", payload, sizes[i], NULL));
        assert_true(is_found("a", sizes[i]));
        assert_false(is_found("b", 0));
        assert_int_equal(cir__user_cache_read("kind", "a", bytes, sizeof bytes), sizes[i] == sizeof bytes);
    }
    assert_false(cir__user_cache_read("other", "a", bytes, sizeof bytes));
    struct stat facts;
    char path[PATH_SIZE];
    find_file("kind-", path);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(stat(folder, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
}

/* Any byte that changes, and any that is missing, makes it nothing; the file goes, and the next put is found. */
static void test_damage_is_a_miss(void **state)
{
    (void)state;
    static const long places[] = {0, 17, 33, 41, 64, 64 + 5000, -1, -9, 64 + N_BYTES - 1};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof places / sizeof *places + 2; i++) {
        assert_true(cir__user_cache_put("kind", "a", payload, N_BYTES, NULL));
        assert_true(is_found("a", N_BYTES));
        find_file("kind-", path);
        struct stat facts;
        assert_int_equal(stat(path, &facts), 0);
        if (i >= sizeof places / sizeof *places) {
            assert_int_equal(truncate(path, i % 2 == 0 ? facts.st_size - 1 : 20), 0);
        } else {
            FILE *file = fopen(path, "r+b");
            assert_non_null(file);
            assert_int_equal(fseek(file, places[i], places[i] < 0 ? SEEK_END : SEEK_SET), 0);
            int byte = fgetc(file);
            assert_int_equal(fseek(file, places[i], places[i] < 0 ? SEEK_END : SEEK_SET), 0);
            assert_true(fputc(byte ^ 1, file) != EOF);
            assert_int_equal(fclose(file), 0);
        }
        assert_false(is_found("a", 0));
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_what_others_may_have_made_is_a_miss(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    char other[PATH_SIZE];
    assert_true(cir__user_cache_put("kind", "a", payload, 100, NULL));
    find_file("kind-", path);
    (void)snprintf(other, sizeof other, "%.300s/elsewhere", top);
    assert_int_equal(chmod(path, 0622), 0); /* others may write it */
    assert_false(is_found("a", 0));
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(is_found("a", 100));
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0); /* a link */
    assert_false(is_found("a", 0));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* nothing waits for a writer */
    assert_false(is_found("a", 0));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(chmod(folder, 0777), 0); /* a folder that others may write into */
    assert_false(is_found("a", 0));
    assert_false(cir__user_cache_is_usable());
    assert_false(cir__user_cache_put("kind", "b", payload, 100, NULL));
    assert_int_equal(chmod(folder, 0700), 0);
    assert_true(is_found("a", 100));
}

static void test_another_users_files_are_a_miss(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    if (geteuid() != 0)
        SKIP("only root can give files away");
    assert_true(cir__user_cache_put("kind", "a", payload, 100, NULL));
    find_file("kind-", path);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_false(is_found("a", 0));
    assert_int_equal(chown(path, 0, 0), 0);
    assert_true(is_found("a", 100));
    assert_int_equal(chown(folder, 12345, 12345), 0);
    assert_false(is_found("a", 0));
    assert_false(cir__user_cache_is_usable());
}

static void test_nothing_is_kept_where_it_is_switched_off(void **state)
{
    (void)state;
    assert_true(cir__user_cache_put("kind", "a", payload, 100, NULL));
    assert_int_equal(setenv("CIR_CACHE", "", 1), 0);
    assert_false(cir__user_cache_is_usable());
    assert_false(cir__user_cache_put("kind", "a", payload, 100, NULL));
    assert_false(is_found("a", 0));
    assert_int_equal(setenv("CIR_CACHE", "/proc/none", 1), 0);
    assert_false(cir__user_cache_is_usable());
    assert_false(cir__user_cache_put("kind", "a", payload, 100, NULL));
    assert_int_equal(unsetenv("CIR_CACHE"), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", top, 1), 0);
    assert_true(cir__user_cache_put("kind", "a", payload, 100, NULL));
    (void)snprintf(folder, sizeof folder, "%.300s/cir/computed", top);
    char path[PATH_SIZE];
    find_file("kind-", path);
    assert_true(path[0] != '\0');
}

/* A file, made long by a hole, that was used some seconds ago. */
static void make_long(const char *name, uint64_t size, time_t seconds)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%.300s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    const struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static bool is_there(const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%.300s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void test_the_whole_is_bounded(void **state)
{
    (void)state;
    assert_true(cir__user_cache_put("kind", "a", payload, 100, NULL));
    make_long("x-1.cache", CIR__USER_CACHE_BYTES / 2, 50);
    make_long("x-2.cache", CIR__USER_CACHE_BYTES / 2, 100);
    make_long("not-ours", CIR__USER_CACHE_BYTES, 500);
    make_long("new-1-1", 5, 50);
    make_long("new-1-2", 5, 50000); /* a killed process left it */
    assert_true(cir__user_cache_put("kind", "b", payload, N_BYTES, NULL));
    assert_true(is_found("a", 100) && is_found("b", N_BYTES));
    assert_true(is_there("x-1.cache") && !is_there("x-2.cache") && is_there("not-ours"));
    assert_true(is_there("new-1-1") && !is_there("new-1-2"));
    assert_false(cir__user_cache_put("kind", "c", payload, (size_t)CIR__USER_CACHE_BYTES / 2 + 1, NULL));
    assert_true(is_there("x-1.cache"));
}

/* Where files may not be so large, nothing is written: the signal would end the process. */
static void test_limits_of_files_are_kept(void **state)
{
    (void)state;
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_true(cir__user_cache_put("kind", "a", payload, 900, NULL));
    assert_false(cir__user_cache_put("kind", "b", payload, 1000, NULL));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(is_found("a", 900));
    assert_false(is_found("b", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_put_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_a_miss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_others_may_have_made_is_a_miss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_users_files_are_a_miss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_kept_where_it_is_switched_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_whole_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_of_files_are_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
