/* Writes the page of `cir search --html`: the template page.html with the answer's JSON in it. What the
 * document holds is page_data.c's matter, what is made of it page.html's. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/page_data.h"
#include "server/embedded.h"

extern const cir__embedded_file cir__page_files[]; /* page.html alone */

static const char marker[] = "@CIR_DATA@";

/* ---- errors ---- */

static cir_status fail(cir_error *err, cir_status status, const char *format, ...) CIR_PRINTF(3, 4);
static cir_status fail(cir_error *err, cir_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        err->status = status;
        (void)vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

static cir_status fail_to_write(cir_error *err, int errno_value, const char *path)
{
    cir_status status = CIR_IO;
    const char *next = "name another file";
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        status = CIR_FULL;
        next = "make room or name a file elsewhere";
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        status = CIR_PERMISSION;
        break;
    case ENOENT:
    case ENOTDIR:
        status = CIR_NOT_FOUND;
        next = "make its folder first";
        break;
    default:
        break;
    }
    return fail(err, status, "%s: the page cannot be written: %s; %s", path, strerror(errno_value), next);
}

/* ---- writing ---- */

/* Inside a script block "</script" and "<!--" would end or change it wherever they stand; "<" occurs in JSON
 * only within strings, where it can be written otherwise. */
static int write_escaped(const char *text, size_t size, void *context)
{
    FILE *file = context;
    while (size > 0) {
        const char *found = memchr(text, '<', size);
        size_t n = found != NULL ? (size_t)(found - text) : size;
        if (fwrite(text, 1, n, file) != n)
            return -1;
        if (found != NULL && fputs("\\u003c", file) == EOF)
            return -1;
        n += found != NULL ? 1 : 0;
        text += n;
        size -= n;
    }
    return 0;
}

static bool write_content(FILE *file, const json_t *data)
{
    const char *page = (const char *)cir__page_files[0].bytes;
    const char *place = strstr(page, marker);
    size_t n_before = (size_t)(place - page);
    return fwrite(page, 1, n_before, file) == n_before &&
           json_dump_callback(data, write_escaped, file,
                              JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7)) == 0 &&
           fputs(place + strlen(marker), file) != EOF && fflush(file) == 0;
}

/* Into what is there already and is no plain file, such as a pipe. */
static cir_status write_through(const json_t *data, const char *path, cir_error *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return fail_to_write(err, errno, path);
    cir_status status = write_content(file, data) ? CIR_OK : fail_to_write(err, errno, path);
    if (fclose(file) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, path);
    return status;
}

/* Whole or not at all: a temporary file beside it takes its name. target: where links lead. */
static cir_status replace(const json_t *data, const char *target, mode_t mode, cir_error *err)
{
    size_t length = strlen(target);
    char *temporary = malloc(length + sizeof ".XXXXXX");
    if (temporary == NULL)
        return fail(err, CIR_NO_MEMORY, "%s: no memory for the page; ask for fewer results", target);
    memcpy(temporary, target, length);
    memcpy(temporary + length, ".XXXXXX", sizeof ".XXXXXX");
    cir_status status = CIR_OK;
    FILE *file = NULL;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        status = fail_to_write(err, errno, target);
        free(temporary);
        return status;
    }
    file = fdopen(fd, "w");
    if (file == NULL || !write_content(file, data) || fchmod(fd, mode) != 0 || fsync(fd) != 0)
        status = fail_to_write(err, errno, target);
    if ((file != NULL ? fclose(file) : close(fd)) != 0 && status == CIR_OK)
        status = fail_to_write(err, errno, target);
    if (status == CIR_OK && rename(temporary, target) != 0)
        status = fail_to_write(err, errno, target);
    if (status != CIR_OK)
        unlink(temporary);
    free(temporary);
    return status;
}

cir_status cir__answer_write_page(const cir__answer *answer, cir_pool *pool, const char *path, cir_error *err)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    mode_t mode = 0666 & ~mask;
    struct stat facts;
    bool is_there = stat(path, &facts) == 0;
    if (is_there && S_ISDIR(facts.st_mode))
        return fail(err, CIR_ARGUMENT, "%s: is a folder, the page is a file; name a file", path);
    json_t *data = cir__page_data_new(answer, pool);
    if (data == NULL)
        return fail(err, CIR_NO_MEMORY, "%s: no memory for the page; ask for fewer results", path);
    cir_status status;
    if (is_there && !S_ISREG(facts.st_mode)) {
        status = write_through(data, path, err);
    } else {
        char *target = is_there ? realpath(path, NULL) : NULL;
        status = replace(data, target != NULL ? target : path, is_there ? facts.st_mode & 0777 : mode, err);
        free(target);
    }
    json_decref(data);
    return status;
}
