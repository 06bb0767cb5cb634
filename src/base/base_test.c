#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"

static void test_messages_are_cut_and_made_printable(void **state)
{
    (void)state;
    cir_error err;
    assert_int_equal(cir__fail(&err, CIR_FORMAT, "a\nb\x1b[31m %d", 7), CIR_FORMAT);
    assert_string_equal(err.message, "a?b?[31m 7");
    char *big = malloc(5000);
    memset(big, 'x', 4999);
    big[4999] = '\0';
    assert_int_equal(cir__fail(&err, CIR_IO, "%s", big), CIR_IO);
    assert_int_equal(strlen(err.message), CIR_ERROR_MESSAGE_SIZE - 1);
    free(big);
    assert_int_equal(cir__fail(NULL, CIR_IO, "nobody listens"), CIR_IO);
}

static void test_every_status_has_its_texts(void **state)
{
    (void)state;
    for (int i = 0; i < CIR_N_STATUSES; i++) {
        assert_true(strlen(cir_status_name((cir_status)i)) > 0);
        assert_true(strlen(cir_status_meaning((cir_status)i)) > 0);
    }
    assert_string_equal(cir_status_name((cir_status)999), "unknown");
}

static void test_sizes_are_checked(void **state)
{
    (void)state;
    size_t out;
    assert_true(cir__size_mul(3, 5, &out));
    assert_int_equal(out, 15);
    assert_false(cir__size_mul(SIZE_MAX / 2, 3, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_false(cir__size_add(SIZE_MAX, 1, &out));
    assert_null(cir__new(SIZE_MAX / 4, 8));
    void *memory = cir__new(0, 8);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % CIR__ALIGNMENT, 0);
    free(memory);
}

typedef struct counting {
    atomic_int seen[1000];
    size_t n_threads;
    cir_pool *pool;
    atomic_int n_nested;
} counting;

static void count_nested(void *context, size_t i_task, size_t i_thread)
{
    (void)i_task;
    (void)i_thread;
    atomic_fetch_add(&((counting *)context)->n_nested, 1);
}

static void count_task(void *context, size_t i_task, size_t i_thread)
{
    counting *counts = context;
    atomic_fetch_add(&counts->seen[i_task], i_thread < counts->n_threads ? 1 : 1000);
    if (i_task % 100 == 0)
        cir__pool_run(counts->pool, 3, count_nested, counts);
}

/* Whether the kernel says that the memory may have huge pages ("hg"). */
static bool is_advised_huge(const void *memory)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[1024];
    unsigned long long begin, end;
    bool is_inside = false, is_advised = false;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
            is_inside = (uintptr_t)memory >= begin && (uintptr_t)memory < end;
        else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
            is_advised = strstr(line, " hg") != NULL;
    }
    if (file != NULL)
        (void)fclose(file);
    return is_advised;
}

static void test_large_blocks_ask_for_huge_pages(void **state)
{
    (void)state;
    const size_t large = ((size_t)64 << 20) + 1;
    uint8_t *memory = cir__new(large, 1);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % CIR__ALIGNMENT, 0);
    assert_int_equal(memory[0] | memory[large - 1], 0);
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0) {
        assert_true(is_advised_huge(memory));
        uint8_t *small = cir__new((size_t)4 << 20, 1);
        assert_false(is_advised_huge(small));
        free(small);
    }
    free(memory);
}

static void test_pool_runs_each_task_once(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 5; n_threads += 2) {
        cir_pool *pool;
        cir_error err;
        assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
        assert_int_equal(cir_pool_get_n_threads(pool), n_threads);
        counting *counts = cir__new(1, sizeof *counts);
        counts->n_threads = n_threads;
        counts->pool = pool;
        for (int round = 1; round <= 20; round++) {
            cir__pool_run(pool, 1000, count_task, counts);
            for (size_t i = 0; i < 1000; i++)
                assert_int_equal(atomic_load(&counts->seen[i]), round);
        }
        assert_int_equal(atomic_load(&counts->n_nested), 20 * 10 * 3);
        free(counts);
        cir_pool_free(pool);
    }
    cir_pool *pool;
    assert_int_equal(cir_pool_new(100000, &pool, NULL), CIR_ARGUMENT);
    assert_null(pool);
}

/* Comes before the C library's: to ask for the umask is to change it, for all threads. */
static int n_umask;
mode_t umask(mode_t mask)
{
    n_umask++;
    return (mode_t)syscall(SYS_umask, mask);
}

static void test_new_files_have_the_mode_that_files_get(void **state)
{
    (void)state;
    char folder[] = "/tmp/cir-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = cir__path_join(folder, "file");
    struct stat facts;
    const mode_t before = umask(027);
    n_umask = 0;
    assert_int_equal(cir__file_replace(path, "text", 4, NULL), CIR_OK);
    assert_int_equal(n_umask, 0);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0640);
    (void)umask(before);
    unlink(path);
    rmdir(folder);
    assert_int_not_equal(access(folder, F_OK), 0);
    free(path);
}

static void test_files_are_replaced_and_mapped(void **state)
{
    (void)state;
    char folder[] = "/tmp/cir-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = cir__path_join(folder, "file");
    cir_error err;
    assert_int_equal(cir__file_replace(path, "first", 5, &err), CIR_OK);
    assert_int_equal(cir__file_replace(path, "second", 6, &err), CIR_OK);
    cir__mapping mapping;
    assert_int_equal(cir__mapping_open(path, &mapping, &err), CIR_OK);
    assert_int_equal(mapping.size, 6);
    assert_memory_equal(mapping.data, "second", 6);
    cir__mapping_close(&mapping);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path, 5, &bytes, &size, &err), CIR_LIMIT);
    assert_int_equal(cir__file_read(path, 6, &bytes, &size, &err), CIR_OK);
    assert_string_equal((char *)bytes, "second");
    free(bytes);
    assert_int_equal(cir__mapping_open(folder, &mapping, &err), CIR_FORMAT);
    assert_int_not_equal(cir__file_replace(folder, "x", 1, &err), CIR_OK);
    assert_non_null(strstr(err.message, "is a folder where a file is expected; delete it"));
    assert_int_equal(cir__mapping_open("/nowhere/at/all", &mapping, &err), CIR_NOT_FOUND);
    char *fifo = cir__path_join(folder, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(cir__mapping_open(fifo, &mapping, &err), CIR_FORMAT);
    unlink(fifo);
    unlink(path);
    rmdir(folder); /* fails, and the next assertion with it, if a temporary file was left */
    assert_int_not_equal(access(folder, F_OK), 0);
    free(fifo);
    free(path);
}

static void test_hash_does_not_depend_on_the_cuts(void **state)
{
    (void)state;
    char one[CIR__HASH_TEXT_SIZE];
    char two[CIR__HASH_TEXT_SIZE];
    cir__hash *hash = cir__hash_new();
    cir__hash_push(hash, "composed", 8);
    cir__hash_format(hash, one);
    cir__hash_free(hash);
    hash = cir__hash_new();
    cir__hash_push(hash, "com", 3);
    cir__hash_push(hash, "posed", 5);
    cir__hash_format(hash, two);
    cir__hash_free(hash);
    assert_string_equal(one, two);
    assert_int_equal(strlen(one), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_cut_and_made_printable),
        cmocka_unit_test(test_every_status_has_its_texts),
        cmocka_unit_test(test_sizes_are_checked),
        cmocka_unit_test(test_large_blocks_ask_for_huge_pages),
        cmocka_unit_test(test_pool_runs_each_task_once),
        cmocka_unit_test(test_files_are_replaced_and_mapped),
        cmocka_unit_test(test_new_files_have_the_mode_that_files_get),
        cmocka_unit_test(test_hash_does_not_depend_on_the_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
