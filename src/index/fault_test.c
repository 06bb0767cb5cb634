/* A disk that fails at any write, and a power cut at any write. The system's calls for writing are replaced
 * here, for the library and for SQLite alike: the linker finds these first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/codes_update.h"
#include "index/testing.h"
#include "index/update.h"

#define MAX_PENDING 4096
#define MAX_CALLS 2000
#define N_PHOTOS 12

typedef enum pending_kind { WRITTEN, RESIZED, UNLINKED } pending_kind;

/* Something written and not yet synced: what undoes it. */
typedef struct pending {
    pending_kind kind;
    ino_t inode;
    char *path;
    off_t offset;
    off_t old_size;
    size_t n_bytes;
    char *bytes; /* what was there */
} pending;

static struct {
    bool is_armed;
    size_t n_calls;
    size_t fails_at;    /* this call fails */
    bool fails_onwards; /* and all behind it */
    bool cuts_power;    /* the process ends instead, and what was not synced is undone */
    unsigned seed;      /* 0: all of it, 1: none of it, else a part */
    pending pending[MAX_PENDING];
    size_t n_pending;
} disk;

static off_t size_of(int fd)
{
    struct stat facts;
    return fstat(fd, &facts) == 0 ? facts.st_size : 0;
}

static char *path_of(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return strdup(path);
}

static pending *note(pending_kind kind, int fd)
{
    struct stat facts;
    if (disk.n_pending == MAX_PENDING || fstat(fd, &facts) != 0)
        _exit(99);
    pending *item = &disk.pending[disk.n_pending++];
    memset(item, 0, sizeof *item);
    item->kind = kind;
    item->inode = facts.st_ino;
    item->old_size = facts.st_size;
    item->path = path_of(fd);
    return item;
}

static void keep_bytes(pending *item, int fd, off_t offset, size_t size)
{
    item->offset = offset;
    item->bytes = malloc(size + 1);
    ssize_t n = (ssize_t)syscall(SYS_pread64, fd, item->bytes, size, offset);
    item->n_bytes = n > 0 ? (size_t)n : 0;
}

static void forget(ino_t inode, bool is_folder)
{
    size_t n = 0;
    for (size_t i = 0; i < disk.n_pending; i++) {
        bool is_safe = is_folder ? disk.pending[i].kind == UNLINKED
                                 : disk.pending[i].kind != UNLINKED && disk.pending[i].inode == inode;
        if (is_safe) {
            free(disk.pending[i].path);
            free(disk.pending[i].bytes);
        } else {
            disk.pending[n++] = disk.pending[i];
        }
    }
    disk.n_pending = n;
}

static void write_whole(int fd, const char *bytes, size_t size, off_t offset)
{
    if (size > 0 && syscall(SYS_pwrite64, fd, bytes, size, offset) != (long)size)
        _exit(98);
}

static void undo(const pending *item)
{
    int fd = open(item->path, O_RDWR | (item->kind == UNLINKED ? O_CREAT : 0), 0666);
    if (fd < 0)
        return; /* unlinked since */
    write_whole(fd, item->bytes, item->n_bytes, item->offset);
    if (syscall(SYS_ftruncate, fd, item->old_size) != 0)
        _exit(98);
    close(fd);
}

static void cut_power(void)
{
    disk.is_armed = false;
    unsigned random = disk.seed;
    for (size_t i = disk.n_pending; i-- > 0;) {
        random = random * 1664525u + 1013904223u;
        if (disk.seed == 0 || (disk.seed > 1 && (random >> 16) % 2 == 0))
            undo(&disk.pending[i]);
    }
    _exit(77);
}

/* Whether this call fails. */
static bool fails(int errno_value)
{
    if (!disk.is_armed)
        return false;
    disk.n_calls++;
    if (disk.n_calls < disk.fails_at || (disk.n_calls > disk.fails_at && !disk.fails_onwards))
        return false;
    if (disk.cuts_power)
        cut_power();
    errno = errno_value;
    return true;
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t fault_pwrite64(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite64");
int fault_ftruncate(int fd, off_t size) __asm__("ftruncate");
int fault_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int fault_fsync(int fd) __asm__("fsync");
int fault_fdatasync(int fd) __asm__("fdatasync");
int fault_unlinkat(int folder, const char *name, int flags) __asm__("unlinkat");

ssize_t fault_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    if (fails(ENOSPC))
        return -1;
    if (disk.is_armed && disk.cuts_power)
        keep_bytes(note(WRITTEN, fd), fd, offset, size);
    return (ssize_t)syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return fault_pwrite64(fd, bytes, size, offset);
}

int fault_ftruncate64(int fd, off_t size)
{
    if (fails(ENOSPC))
        return -1;
    off_t old_size = size_of(fd);
    if (disk.is_armed && disk.cuts_power)
        keep_bytes(note(RESIZED, fd), fd, size, old_size > size ? (size_t)(old_size - size) : 0);
    return (int)syscall(SYS_ftruncate, fd, size);
}

int fault_ftruncate(int fd, off_t size)
{
    return fault_ftruncate64(fd, size);
}

static int sync_it(int fd)
{
    if (fails(EIO))
        return -1;
    struct stat facts;
    if (disk.is_armed && disk.cuts_power && fstat(fd, &facts) == 0)
        forget(facts.st_ino, S_ISDIR(facts.st_mode));
    return 0; /* nothing here outlives the machine: a real sync would only take time */
}

int fault_fsync(int fd)
{
    return sync_it(fd);
}

int fault_fdatasync(int fd)
{
    return sync_it(fd);
}

int fault_unlinkat(int folder, const char *name, int flags)
{
    if (disk.is_armed && fails(EIO))
        return -1;
    int fd = disk.is_armed && disk.cuts_power ? openat(folder, name, O_RDONLY | O_NOFOLLOW) : -1;
    if (fd >= 0) {
        pending *item = note(UNLINKED, fd);
        keep_bytes(item, fd, 0, (size_t)item->old_size);
        close(fd);
    }
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}

/* What photo i holds before and after; the times of its two writes tell a row's content. */
typedef struct scene {
    testing t;
    char before[128]; /* the index as it was */
    size_t min_coded;
    long times[N_PHOTOS][2];
    char texts[N_PHOTOS][2][32];
} scene;

static void write_photo(scene *s, int i, int version, const char *kind)
{
    char name[64];
    snprintf(name, sizeof name, "photos/p%02d.jpg", i);
    snprintf(s->texts[i][version], sizeof s->texts[i][version], "%s %d.%d", kind, i, version);
    s->times[i][version] = testing_write(&s->t, name, s->texts[i][version]);
}

/* Copies an index, or the lack of it, over another. */
static void copy_index(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf %s; [ ! -e %s ] || cp -a %s %s", to, from, from, to);
    assert_int_equal(system(command), 0);
}

/* An index of the first photos, kept aside; then photos change, fail, move, vanish and come. */
static void make_scene(scene *s, bool has_index)
{
    memset(s, 0, sizeof *s);
    testing_init(&s->t, 1);
    /* Codes are begun where there is an index without: that is one place that can fail for both. */
    s->min_coded = has_index ? 1 : SIZE_MAX;
    for (int i = 0; i < 8; i++)
        write_photo(s, i, 0, i == 3 ? "broken" : "PIC");
    const cir_update_options uncoded = {.min_coded = SIZE_MAX};
    if (has_index)
        testing_update_with(&s->t, s->t.photos, &uncoded, CIR_OK);
    snprintf(s->before, sizeof s->before, "%s/before.cir", s->t.folder);
    copy_index(s->t.index, s->before);
    write_photo(s, 0, 1, "PIC");
    write_photo(s, 1, 1, "broken");
    write_photo(s, 3, 1, "PIC");
    for (int i = 8; i < N_PHOTOS; i++)
        write_photo(s, i, 1, i == 9 ? "broken" : "PIC");
    testing_rename(&s->t, "photos/p05.jpg", "photos/q05.jpg");
    testing_remove(&s->t, "photos/p06.jpg");
}

static void ignore_left_overs(void *context, const char *finding, bool was_repaired)
{
    (void)context;
    (void)was_repaired;
    if (strstr(finding, "longer than the catalogue tells") == NULL &&
        strstr(finding, "belongs to no model") == NULL &&
        /* Of two new files of codes there is but the first. */
        strstr(finding, "codes.bin: cannot be opened: No such file") == NULL &&
        strstr(finding, "codes.sums: belongs to other codes") == NULL)
        fail_msg("%s", finding);
}

/* Opens, checks clean, holds what was committed; every ready row has the feature of the content it tells of.
 */
static void assert_sound(const scene *s, bool had_index, size_t n_calls)
{
    cir_index *index;
    cir_error err;
    cir_status status = cir_index_open(s->t.index, NULL, &index, &err);
    if (!had_index && (status == CIR_NOT_FOUND || status == CIR_FORMAT))
        return;
    if (status != CIR_OK)
        fail_msg("call %zu: %s", n_calls, err.message);
    const cir_index_info *info = cir_index_get_info(index);
    assert_true(!had_index || info->n_rows >= 8);
    for (size_t id = 0; id < info->n_rows; id++) {
        cir_image_record record;
        assert_int_equal(cir_index_get_image(index, id, &record, NULL), CIR_OK);
        const char *text = NULL;
        for (int i = 0; i < N_PHOTOS; i++)
            for (int version = 0; version < 2; version++)
                if (s->times[i][version] == record.modified_ns / 1000000000)
                    text = s->texts[i][version];
        assert_non_null(text);
        if (record.state == CIR_IMAGE_READY)
            testing_assert_feature(index, id, text, strlen(text));
        /* What nobody touched is never lost. */
        if (had_index && (id == 2 || id == 4 || id == 5 || id == 7))
            assert_int_equal(record.state, CIR_IMAGE_READY);
        cir_image_record_done(&record);
    }
    testing_assert_codes(index, false);
    cir_index_close(index);
    if (cir_index_check(s->t.index, false, NULL, ignore_left_overs, NULL, NULL, &err) != CIR_OK)
        fail_msg("call %zu: %s", n_calls, err.message);
}

/* The next run ends as if nothing had been. */
static void assert_finishes(scene *s, bool had_index)
{
    const cir_update_options options = {.min_coded = s->min_coded};
    testing_update_with(&s->t, s->t.photos, &options, CIR_OK);
    cir_index *index = testing_open(&s->t);
    const cir_index_info *info = cir_index_get_info(index);
    assert_int_equal(info->n_rows, had_index ? 12 : 11);
    assert_int_equal(info->n_ready, 9);
    assert_int_equal(info->n_failed, 2);
    assert_int_equal(info->n_pending, 0);
    testing_assert_ready(&s->t, index, "photos/p00.jpg");
    testing_assert_ready(&s->t, index, "photos/p03.jpg");
    testing_assert_ready(&s->t, index, "photos/p11.jpg");
    size_t id = testing_assert_ready(&s->t, index, "photos/q05.jpg");
    assert_true(!had_index || id == 5);
    testing_assert_codes(index, had_index);
    cir_index_close(index);
    testing_assert_clean(&s->t);
}

static cir_status update(const scene *s, cir_error *err)
{
    const char *paths[] = {s->t.photos};
    cir_update_options options = {.batch = 2, .min_coded = s->min_coded};
    return cir__index_update(s->t.index, paths, 1, &s->t.encoders, NULL, &options, 4, NULL, err);
}

static void fail_every_write(bool has_index, bool fails_onwards)
{
    scene s;
    make_scene(&s, has_index);
    size_t n = 0;
    cir_status status = CIR_FULL;
    while (status != CIR_OK) {
        assert_true(++n < MAX_CALLS);
        copy_index(s.before, s.t.index);
        disk.n_calls = 0;
        disk.fails_at = n;
        disk.fails_onwards = fails_onwards;
        disk.cuts_power = false;
        disk.is_armed = true;
        cir_error err;
        status = update(&s, &err);
        disk.is_armed = false;
        if (status != CIR_OK && status != CIR_FULL && status != CIR_IO)
            fail_msg("call %zu: %s: %s", n, cir_status_name(status), err.message);
        assert_sound(&s, has_index, n);
        assert_finishes(&s, has_index);
        /* A failing deletion of an old journal and the like harms nothing. */
        if (status == CIR_OK && disk.n_calls >= n)
            status = CIR_IO;
    }
    print_message("%zu calls failed in turn\n", n - 1);
    assert_in_range(n, 30, MAX_CALLS);
    testing_done(&s.t);
}

static void cut_power_at_every_write(bool has_index, unsigned seed)
{
    scene s;
    make_scene(&s, has_index);
    size_t n = 0;
    int how = 1;
    while (how != 0) {
        assert_true(++n < MAX_CALLS);
        copy_index(s.before, s.t.index);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            disk.fails_at = n;
            disk.n_calls = 0;
            disk.cuts_power = true;
            disk.seed = seed > 1 ? seed + (unsigned)n : seed;
            disk.is_armed = true;
            _exit(update(&s, NULL) == CIR_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == 77));
        assert_sound(&s, has_index, n);
        assert_finishes(&s, has_index);
    }
    print_message("power was cut at %zu calls in turn\n", n - 1);
    assert_in_range(n, 30, MAX_CALLS);
    testing_done(&s.t);
}

static void test_full_disk(void **state)
{
    (void)state;
    fail_every_write(true, true);
}

static void test_full_disk_from_the_start(void **state)
{
    (void)state;
    fail_every_write(false, true);
}

static void test_one_failing_write(void **state)
{
    (void)state;
    fail_every_write(true, false);
}

static void test_power_cut(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 0);
}

static void test_power_cut_after_all_reached_the_disk(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 1);
}

static void test_power_cut_after_some_reached_the_disk(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 1000);
}

static void test_power_cut_from_the_start(void **state)
{
    (void)state;
    cut_power_at_every_write(false, 1000);
}

static bool stop_before_coding(void *context, const cir_update_progress *now)
{
    (void)context;
    return now->n_to_code == 0;
}

static void assert_codes(const testing *t, bool is_whole)
{
    cir_index *index = testing_open(t);
    testing_assert_codes(index, is_whole);
    cir_index_close(index);
}

/* Gives the index the photos' rows and features of another, and leaves it its codes. */
static void take_features(const testing *t, const char *from)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cp %s/catalogue.sqlite %s && cp %s/features/fake-model-01234567/vectors.npy "
             "%s/features/fake-model-01234567",
             from, t->index, from, t->index);
    assert_int_equal(system(command), 0);
}

/* Two photos of an index with codes become others, which are not coded yet. Copies of before and after. */
static void make_coding_scene(testing *t, char old_out[128], char new_out[128])
{
    testing_init(t, 1);
    for (int i = 0; i < 70; i++) {
        char name[64];
        char text[32];
        snprintf(name, sizeof name, "photos/p%02d.jpg", i);
        snprintf(text, sizeof text, "PIC %d", i);
        testing_write(t, name, text);
    }
    testing_update(t, CIR_OK);
    snprintf(old_out, 128, "%s/old.cir", t->folder);
    copy_index(t->index, old_out);
    testing_write(t, "photos/p03.jpg", "PIC other");
    testing_write(t, "photos/p66.jpg", "PIC another");
    const cir_update_options stopped = {.min_coded = 1, .watch = stop_before_coding};
    testing_update_with(t, t->photos, &stopped, CIR_INTERRUPTED);
    snprintf(new_out, 128, "%s/new.cir", t->folder);
    copy_index(t->index, new_out);
}

/* What an interrupted coding left is right; so it is should the photos be what they were again, before any
 * update; and the next run ends as if nothing had been. */
static void assert_coding_sound(const testing *t, const char *old, const char *new)
{
    assert_codes(t, false);
    take_features(t, old);
    assert_codes(t, false);
    take_features(t, new);
    assert_int_equal(cir__index_update_codes(t->index, NULL, NULL, 1, NULL), CIR_OK);
    assert_codes(t, true);
}

static void cut_power_while_coding(unsigned seed)
{
    testing t;
    char old[128];
    char new[128];
    make_coding_scene(&t, old, new);
    size_t n = 0;
    int how = 1;
    while (how != 0) {
        assert_true(++n < MAX_CALLS);
        copy_index(new, t.index);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            disk.fails_at = n;
            disk.n_calls = 0;
            disk.cuts_power = true;
            disk.seed = seed > 1 ? seed + (unsigned)n : seed;
            disk.is_armed = true;
            _exit(cir__index_update_codes(t.index, NULL, NULL, 1, NULL) == CIR_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == 77));
        assert_coding_sound(&t, old, new);
    }
    print_message("power was cut at %zu calls in turn\n", n - 1);
    assert_in_range(n, 15, MAX_CALLS);
    testing_done(&t);
}

static void fail_every_write_while_coding(bool fails_onwards)
{
    testing t;
    char old[128];
    char new[128];
    make_coding_scene(&t, old, new);
    size_t n = 0;
    cir_status status = CIR_FULL;
    while (status != CIR_OK) {
        assert_true(++n < MAX_CALLS);
        copy_index(new, t.index);
        disk.n_calls = 0;
        disk.fails_at = n;
        disk.fails_onwards = fails_onwards;
        disk.cuts_power = false;
        disk.is_armed = true;
        cir_error err;
        status = cir__index_update_codes(t.index, NULL, NULL, 1, &err);
        disk.is_armed = false;
        assert_true(status == CIR_OK ? disk.n_calls < n : status == CIR_FULL || status == CIR_IO);
        assert_true(status == CIR_OK || strstr(err.message, "codes.") != NULL);
        assert_coding_sound(&t, old, new);
    }
    print_message("%zu calls failed in turn\n", n - 1);
    assert_in_range(n, 15, MAX_CALLS);
    testing_done(&t);
}

static void test_failing_write_while_coding(void **state)
{
    (void)state;
    fail_every_write_while_coding(false);
    fail_every_write_while_coding(true);
}

static void test_power_cut_while_coding(void **state)
{
    (void)state;
    cut_power_while_coding(0);
    cut_power_while_coding(1);
    cut_power_while_coding(1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_disk_from_the_start),
        cmocka_unit_test(test_one_failing_write),
        cmocka_unit_test(test_power_cut),
        cmocka_unit_test(test_power_cut_after_all_reached_the_disk),
        cmocka_unit_test(test_power_cut_after_some_reached_the_disk),
        cmocka_unit_test(test_power_cut_from_the_start),
        cmocka_unit_test(test_failing_write_while_coding),
        cmocka_unit_test(test_power_cut_while_coding),
    };
    return cmocka_run_group_tests_name("index faults", tests, NULL, NULL);
}
