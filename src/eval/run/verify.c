/* checksums.sha256 of a data set, in sha256sum's format: a digest, two blanks or a blank and a star, a path.
 * Where a line begins with a backslash, \n, \r and \\ stand in the path for a line's end and a backslash. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "cir/eval.h"
#include "format/text_file.h"

#define DIGITS (2 * CIR__SHA256_SIZE)
#define GROUP 64 /* files between two looks at the watch */

/* One line, and what became of its file. */
typedef struct entry {
    char *path; /* as the line has it */
    uint8_t digest[CIR__SHA256_SIZE];
    cir_checksum_state state;
} entry;

typedef struct verifying {
    const char *folder;
    entry *entries;
    size_t n, capacity;
    size_t first; /* of the group */
} verifying;

static int digit_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool digest_parse(const char *text, uint8_t *digest_out)
{
    for (size_t i = 0; i < CIR__SHA256_SIZE; i++) {
        const int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest_out[i] = (uint8_t)(16 * high + low);
    }
    return true;
}

/* Takes escapes out of a path, in place; false: one that is none. */
static bool unescape(char *path)
{
    char *out = path;

    for (const char *in = path; *in != '\0'; in++) {
        char c = *in;
        if (c == '\\') {
            in++;
            if (*in != 'n' && *in != 'r' && *in != '\\')
                return false;
            c = *in == 'n' ? '\n' : *in == 'r' ? '\r' : '\\';
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}

/* line: [size] without its end. */
static cir_status line_parse(verifying *all, const char *file, size_t number, const char *line, size_t size,
                             cir_error *err)
{
    entry next = {0};
    const bool is_escaped = size > 0 && line[0] == '\\';
    const char *const text = line + is_escaped;
    const size_t length = size - is_escaped;

    if (size == 0)
        return CIR_OK;
    if (length < DIGITS + 3 || text[DIGITS] != ' ' || (text[DIGITS + 1] != ' ' && text[DIGITS + 1] != '*') ||
        memchr(line, '\0', size) != NULL || !digest_parse(text, next.digest))
        return cir__fail(err, CIR_FORMAT,
                         "%s: line %zu is not a \"SHA256  path\"; take the file as it is published", file,
                         number);
    void *entries = all->entries;
    const bool has_room = cir__grow(&entries, &all->capacity, all->n + 1, sizeof *all->entries);
    all->entries = entries;
    if (!has_room || (next.path = cir__new(length - DIGITS - 1, 1)) == NULL)
        return cir__fail_memory(err, file);
    memcpy(next.path, text + DIGITS + 2, length - DIGITS - 2);
    all->entries[all->n++] = next;
    if (is_escaped && !unescape(next.path))
        return cir__fail(err, CIR_FORMAT,
                         "%s: line %zu has a malformed path; take the file as it is published", file, number);
    return CIR_OK;
}

static cir_status list_read(verifying *all, const char *path, cir_error *err)
{
    cir__mapping mapping;
    cir_status status = cir__mapping_open(path, &mapping, err);
    cir__bytes_view rest = {mapping.data, mapping.size, path}, line;

    if (status == CIR_OK)
        status = cir__text_file_begin(&rest, err);
    for (size_t number = 1; status == CIR_OK && cir__text_file_take_line(&rest, &line); number++)
        status = line_parse(all, path, number, (const char *)line.data, line.size, err);
    cir__mapping_close(&mapping);
    if (status == CIR_OK && all->n == 0)
        status = cir__fail(err, CIR_FORMAT, "%s: lists no files; take the file as it is published", path);
    return status;
}

/* The file of a listed path: below the folder, or, as in lists of pictures, below its parent by whatever name
 * the folder had. NULL when out of memory. */
static char *file_of(const char *folder, const char *listed)
{
    char *const path = cir__path_join(folder, listed);
    const char *const rest = strncmp(listed, "./", 2) == 0 ? listed + 2 : listed;
    const char *const slash = strchr(rest, '/');

    if (path == NULL || access(path, F_OK) == 0 || slash == NULL)
        return path;
    char *const other = cir__path_join(folder, slash + 1);
    if (other == NULL || access(other, F_OK) == 0) {
        free(path);
        return other;
    }
    free(other);
    return path;
}

static void check_task(void *context, size_t i_task, size_t i_thread)
{
    verifying *const all = context;
    entry *const checked = &all->entries[all->first + i_task];
    uint8_t digest[CIR__SHA256_SIZE];
    cir__mapping mapping;
    cir_error err;

    (void)i_thread;
    char *const path = file_of(all->folder, checked->path);
    const cir_status status =
        path != NULL ? cir__mapping_open(path, &mapping, &err) : cir__fail_memory(&err, checked->path);
    free(path);
    if (status != CIR_OK) {
        checked->state = status == CIR_NOT_FOUND ? CIR_CHECKSUM_MISSING : CIR_CHECKSUM_UNREADABLE;
        return;
    }
    cir__sha256(mapping.data, mapping.size, digest);
    cir__mapping_close(&mapping);
    checked->state =
        memcmp(digest, checked->digest, sizeof digest) == 0 ? CIR_CHECKSUM_RIGHT : CIR_CHECKSUM_WRONG;
}

const char *cir_checksum_state_name(cir_checksum_state state)
{
    static const char *const names[] = {"right", "wrong", "missing", "unreadable"};
    return names[state];
}

cir_status cir_dataset_verify(const char *folder, cir_pool *pool, cir_checksum_tell_fn *tell,
                              void *tell_context, cir_encode_watch_fn *watch, void *watch_context,
                              size_t *n_files_out, size_t *n_bad_out, cir_error *err)
{
    verifying all = {.folder = folder};
    char *const path = cir__path_join(folder, "checksums.sha256");

    cir__error_clear(err);
    *n_files_out = *n_bad_out = 0;
    cir_status status = path != NULL ? list_read(&all, path, err) : cir__fail_memory(err, "checksums.sha256");
    for (; all.first < all.n && status == CIR_OK; all.first += GROUP) {
        const size_t n_left = all.n - all.first, n_group = n_left < GROUP ? n_left : GROUP;
        cir__pool_run(pool, n_group, check_task, &all);
        for (size_t i = all.first; i < all.first + n_group; i++) {
            ++*n_files_out;
            *n_bad_out += all.entries[i].state != CIR_CHECKSUM_RIGHT;
            if (all.entries[i].state != CIR_CHECKSUM_RIGHT && tell != NULL)
                tell(tell_context, all.entries[i].path, all.entries[i].state);
        }
        if (watch != NULL && !watch(watch_context, all.first + n_group, all.n))
            status = cir__fail(err, CIR_INTERRUPTED, "verifying: stopped after %zu of %zu files",
                               all.first + n_group, all.n);
    }
    for (size_t i = 0; i < all.n; i++)
        free(all.entries[i].path);
    free(all.entries);
    free(path);
    return status;
}
