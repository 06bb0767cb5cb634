/* Files that are cut short while they are mapped: read as zeros, and told of. */
#include "base/mapped.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define SIZE ((size_t)4 << 20)

static char path[] = "/tmp/cir-mapped-XXXXXX";

static volatile sig_atomic_t n_faults;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    n_faults++;
    if (!cir_mapping_handle_fault(info->si_addr))
        signal(number, SIG_DFL);
}

static void catch_bus_errors(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
    n_faults = 0;
}

static void write_file(size_t size)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 7, size);
    assert_int_equal(cir__file_replace(path, bytes, size, NULL), CIR_OK);
    free(bytes);
}

static size_t count_sevens(const cir__mapping *mapping)
{
    size_t n = 0;
    for (size_t i = 0; i < mapping->size; i++)
        n += mapping->data[i] == 7;
    return n;
}

/* Every page that is lost reads as zeros, at the cost of one signal, and only that file is told of. */
static void test_a_handler_goes_on(void **state)
{
    (void)state;
    cir__mapping cut;
    cir__mapping kept;
    cir_error err;
    catch_bus_errors();
    write_file(SIZE);
    assert_int_equal(cir__mapping_open(path, &kept, &err), CIR_OK);
    write_file(SIZE); /* another file of the same name */
    assert_int_equal(cir__mapping_open(path, &cut, &err), CIR_OK);
    assert_int_equal(count_sevens(&cut), SIZE);
    assert_int_equal(cir__mapped_check(cut.data + 5, &err), CIR_OK);
    assert_int_equal(truncate(path, SIZE / 4), 0);
    assert_int_equal(count_sevens(&cut), SIZE / 4);
    assert_int_equal(n_faults, 1);
    assert_int_equal(cir__mapped_check(cut.data + 5, &err), CIR_DAMAGED);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(count_sevens(&kept), SIZE);
    assert_int_equal(cir__mapped_check(kept.data, &err), CIR_OK);
    cir__mapping_close(&cut);
    cir__mapping_close(&kept);
    /* What was told of a file is not told of the next one at its address. */
    write_file(SIZE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cir__mapping_open(path, &cut, &err), CIR_OK);
        assert_int_equal(cir__mapped_check(cut.data, &err), CIR_OK);
        cir__mapping_close(&cut);
    }
}

static void test_others_addresses_are_refused(void **state)
{
    (void)state;
    cir__mapping mapping;
    write_file(SIZE);
    assert_int_equal(cir__mapping_open(path, &mapping, NULL), CIR_OK);
    void *own = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_false(cir_mapping_handle_fault(NULL));
    assert_false(cir_mapping_handle_fault(own));
    assert_false(cir_mapping_handle_fault((void *)(uintptr_t)(mapping.data + SIZE)));
    const uint8_t *data = mapping.data;
    cir__mapping_close(&mapping);
    assert_false(cir_mapping_handle_fault((void *)(uintptr_t)data));
    assert_null(cir__mapped_find(data));
    munmap(own, 4096);
}

/* Without a handler, a look at the length comes before the lost page is touched. */
static void test_lengths_are_looked_at(void **state)
{
    (void)state;
    cir__mapping watched;
    cir__mapping unwatched;
    cir_error err;
    write_file(SIZE);
    assert_int_equal(cir__mapping_open_watched(path, &watched, &err), CIR_OK);
    assert_int_equal(cir__mapping_open(path, &unwatched, &err), CIR_OK);
    const cir__mapped *mapped = cir__mapped_find(watched.data);
    assert_true(cir__mapped_may_read(mapped, 0, SIZE));
    assert_int_equal(truncate(path, SIZE - 1), 0);
    assert_true(cir__mapped_may_read(mapped, 4096, 4096)); /* no look there */
    assert_false(cir__mapped_may_read(mapped, CIR__MAPPED_LOOK_BYTES - 4096, 8192));
    assert_false(cir__mapped_may_read(mapped, 4096, 4096)); /* once known, known */
    assert_int_equal(cir__mapped_check(watched.data, &err), CIR_DAMAGED);
    assert_int_equal(cir__mapped_check(unwatched.data, &err), CIR_OK);
    cir__mapping_close(&watched);
    cir__mapping_close(&unwatched);
}

static void test_small_files_are_copied(void **state)
{
    (void)state;
    cir__mapping mapping;
    cir_error err;
    write_file(CIR__COPY_BYTES);
    assert_int_equal(cir__mapping_open(path, &mapping, &err), CIR_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(count_sevens(&mapping), CIR__COPY_BYTES);
    assert_int_equal(cir__mapped_check(mapping.data, &err), CIR_OK);
    cir__mapping_close(&mapping);
}

/* Many at once, from several threads, one of which meets lost pages all the while. */
static void *open_and_close(void *context)
{
    (void)context;
    for (int i = 0; i < 20; i++) {
        cir__mapping mappings[40];
        for (size_t m = 0; m < 40; m++)
            assert_int_equal(cir__mapping_open(path, &mappings[m], NULL), CIR_OK);
        for (size_t m = 0; m < 40; m++) {
            assert_int_equal(cir__mapped_check(mappings[m].data, NULL), CIR_OK);
            assert_non_null(cir__mapped_find(mappings[m].data + SIZE - 1));
            cir__mapping_close(&mappings[m]);
        }
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    char other[] = "/tmp/cir-mapped-XXXXXX";
    pthread_t threads[3];
    int fd = mkstemp(other);
    assert_true(fd >= 0);
    catch_bus_errors();
    write_file(SIZE);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < 50; i++) {
        cir__mapping mapping;
        assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
        assert_int_equal(cir__mapping_of_fd(fd, SIZE, true, other, &mapping, NULL), CIR_OK);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(count_sevens(&mapping), 0);
        assert_int_equal(cir__mapped_check(mapping.data, NULL), CIR_DAMAGED);
        cir__mapping_close(&mapping);
    }
    assert_int_equal(n_faults, 50);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    close(fd);
    unlink(other);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_goes_on),     cmocka_unit_test(test_others_addresses_are_refused),
        cmocka_unit_test(test_lengths_are_looked_at), cmocka_unit_test(test_small_files_are_copied),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
