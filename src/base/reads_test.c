/* Many reads at once, from files that are as they should be and from those that are not. The system's call is
 * replaced here, so that a disk can be made to fail: the linker finds this one first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/reads.h"

enum { FILE_BYTES = 1 << 20, MAX_PIECES = 3000, MAX_PIECE = 4096 };

static struct {
    atomic_size_t n_calls;
    bool is_interrupted; /* every other call */
    size_t most_bytes;   /* a call gives; 0: all */
    bool has_bad_byte;   /* reads that would touch it fail */
    uint64_t bad_byte;
} disk;

ssize_t fault_pread(int fd, void *bytes, size_t size, off_t offset) __asm__("pread");
ssize_t fault_pread64(int fd, void *bytes, size_t size, off_t offset) __asm__("pread64");

ssize_t fault_pread64(int fd, void *bytes, size_t size, off_t offset)
{
    const size_t i_call = atomic_fetch_add(&disk.n_calls, 1);
    if (disk.is_interrupted && i_call % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    if (disk.most_bytes != 0 && size > 1 + i_call % disk.most_bytes)
        size = 1 + i_call % disk.most_bytes;
    if (disk.has_bad_byte && (uint64_t)offset <= disk.bad_byte && disk.bad_byte < (uint64_t)offset + size) {
        errno = EIO;
        return -1;
    }
    return (ssize_t)syscall(SYS_pread64, fd, bytes, size, offset);
}

ssize_t fault_pread(int fd, void *bytes, size_t size, off_t offset)
{
    return fault_pread64(fd, bytes, size, offset);
}

/* A file, its bytes, and room for pieces with a guard behind them. */
typedef struct material {
    int fd;
    uint8_t *bytes;
    uint64_t *offsets;
    uint8_t *out;
    uint64_t state;
} material;

static uint64_t draw(material *m)
{
    m->state ^= m->state << 13;
    m->state ^= m->state >> 7;
    m->state ^= m->state << 17;
    return m->state;
}

static int set_up(void **state)
{
    material *m = cir__new(1, sizeof *m);
    char path[] = "/tmp/cir-reads-XXXXXX";
    m->state = 88172645463325252u;
    m->bytes = cir__new(FILE_BYTES, 1);
    m->offsets = cir__new(MAX_PIECES, sizeof *m->offsets);
    m->out = cir__new((size_t)MAX_PIECES * MAX_PIECE + 1, 1);
    for (size_t i = 0; i < FILE_BYTES; i++)
        m->bytes[i] = (uint8_t)draw(m);
    m->fd = mkstemp(path);
    unlink(path);
    memset(&disk, 0, sizeof disk);
    *state = m;
    return m->fd >= 0 && write(m->fd, m->bytes, FILE_BYTES) == FILE_BYTES ? 0 : -1;
}

static int tear_down(void **state)
{
    material *m = *state;
    memset(&disk, 0, sizeof disk);
    close(m->fd);
    free(m->bytes);
    free(m->offsets);
    free(m->out);
    free(m);
    return 0;
}

/* Pieces anywhere in the file, the first and the last included, each checked, and nothing behind them. */
static void read_and_compare(material *m, size_t n, size_t piece_bytes)
{
    cir_error err;
    for (size_t i = 0; i < n; i++)
        m->offsets[i] = draw(m) % (FILE_BYTES - piece_bytes + 1);
    if (n > 1)
        m->offsets[n - 1] = FILE_BYTES - piece_bytes;
    memset(m->out, 0xa5, n * piece_bytes + 1);
    assert_int_equal(cir__reads_run(m->fd, m->offsets, n, piece_bytes, m->out, "a file", &err), CIR_OK);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(m->out + i * piece_bytes, m->bytes + m->offsets[i], piece_bytes);
    assert_int_equal(m->out[n * piece_bytes], 0xa5);
}

static void test_pieces_come_to_their_places(void **state)
{
    static const size_t sizes[] = {1, 2, 7, 511, 1536, 4096};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t n = 0; n <= MAX_PIECES; n = n * 3 + 1)
            read_and_compare(*state, n, sizes[s]);
}

static void test_short_and_interrupted_reads_go_on(void **state)
{
    disk.is_interrupted = true;
    read_and_compare(*state, 500, 1536);
    disk.most_bytes = 700;
    read_and_compare(*state, 500, 1536);
    disk.is_interrupted = false;
    read_and_compare(*state, 500, 97);
}

static void test_a_bad_place_of_the_disk_is_named(void **state)
{
    material *m = *state;
    cir_error err;
    for (size_t n = 1; n <= MAX_PIECES; n = n * 7 + 1) {
        for (size_t i = 0; i < n; i++)
            m->offsets[i] = i * 256;
        disk.has_bad_byte = true;
        disk.bad_byte = m->offsets[n / 2] + 255;
        char expected[64];
        snprintf(expected, sizeof expected, "a file: 256 bytes from %zu on cannot be read: ", n / 2 * 256);
        assert_int_equal(cir__reads_run(m->fd, m->offsets, n, 256, m->out, "a file", &err), CIR_IO);
        assert_ptr_equal(strstr(err.message, expected), err.message);
        assert_non_null(strstr(err.message, strerror(EIO)));
        assert_int_equal(cir__reads_run(m->fd, m->offsets, n, 256, m->out, "a file", NULL), CIR_IO);
        disk.has_bad_byte = false;
        assert_int_equal(cir__reads_run(m->fd, m->offsets, n, 256, m->out, "a file", &err), CIR_OK);
    }
}

static void test_a_file_that_ends_early_is_damaged(void **state)
{
    material *m = *state;
    cir_error err;
    assert_int_equal(ftruncate(m->fd, 100000), 0);
    for (size_t i = 0; i < 400; i++)
        m->offsets[i] = i * 250;
    assert_int_equal(cir__reads_run(m->fd, m->offsets, 400, 250, m->out, "a file", &err), CIR_OK);
    m->offsets[123] = 99751;
    assert_int_equal(cir__reads_run(m->fd, m->offsets, 400, 250, m->out, "a file", &err), CIR_DAMAGED);
    assert_string_equal(err.message,
                        "a file: ends before byte 100001; 250 bytes from 99751 on were expected");
    m->offsets[123] = 5000000;
    assert_int_equal(cir__reads_run(m->fd, m->offsets, 400, 250, m->out, "a file", &err), CIR_DAMAGED);
}

static void test_what_is_no_file_cannot_be_read(void **state)
{
    material *m = *state;
    cir_error err;
    int ends[2];
    for (size_t i = 0; i < 200; i++)
        m->offsets[i] = i;
    const int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
    assert_int_equal(cir__reads_run(folder, m->offsets, 200, 10, m->out, "a folder", &err), CIR_IO);
    assert_non_null(strstr(err.message, strerror(EISDIR)));
    close(folder);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(cir__reads_run(ends[0], m->offsets, 200, 10, m->out, "a pipe", &err), CIR_IO);
    assert_non_null(strstr(err.message, strerror(ESPIPE)));
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(cir__reads_run(ends[0], m->offsets, 200, 10, m->out, "a closed one", &err), CIR_IO);
    assert_non_null(strstr(err.message, strerror(EBADF)));
    m->offsets[7] = UINT64_MAX - 2;
    assert_int_equal(cir__reads_run(m->fd, m->offsets, 200, 10, m->out, "a file", &err), CIR_IO);
    assert_non_null(strstr(err.message, strerror(EINVAL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_come_to_their_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_and_interrupted_reads_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bad_place_of_the_disk_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_ends_early_is_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_cannot_be_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
