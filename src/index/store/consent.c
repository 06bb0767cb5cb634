#include "index/store/consent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/store/catalogue.h"

enum { IDENTITY_SIZE = 32, MAX_FILE_BYTES = 64 << 20 };

/* ---- owners ---- */

static bool is_own(uid_t owner)
{
    return owner == geteuid() || owner == 0;
}

cir_status cir__consent_check_owner(const cir__folder *index, cir_error *err)
{
    struct stat facts;
    if (fstat(cir__folder_fd(index), &facts) != 0)
        return cir__fail_errno(err, errno, "%s: cannot be examined", cir__folder_name(index));
    uid_t owner = facts.st_uid;
    if (is_own(owner) && cir__folder_examine(index, CIR__CATALOGUE_NAME, &facts) == 0)
        owner = facts.st_uid;
    if (is_own(owner))
        return CIR_OK;
    return cir__fail(
        err, CIR_PERMISSION,
        "%s: belongs to another user (uid %lu), who could have made it to read or show your files; if you "
        "trust that user, give --trust",
        cir__folder_name(index), (unsigned long)owner);
}

/* ---- the file ---- */

/* The folder "cir" in the user's configuration; NULL where there is no such place or out of memory. */
static char *find_folder(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/')
        return cir__path_join(xdg, "cir");
    char *config = home != NULL && home[0] == '/' ? cir__path_join(home, ".config") : NULL;
    char *folder = config != NULL ? cir__path_join(config, "cir") : NULL;
    free(config);
    return folder;
}

static char *find_file(void)
{
    char *folder = find_folder();
    char *file = folder != NULL ? cir__path_join(folder, "roots") : NULL;
    free(folder);
    return file;
}

static cir_status read_identity(cir__store *store, char identity_out[IDENTITY_SIZE + 1], cir_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    identity_out[0] = '\0';
    cir_status status = CIR_OK;
    if (sqlite3_prepare_v2(store->db, "SELECT value FROM setting WHERE key = 'identity'", -1, &statement,
                           NULL) != SQLITE_OK)
        return cir__store_fail_damaged(store, sqlite3_errmsg(store->db), err);
    status = cir__store_step(store, statement, &has_row, err);
    const char *text = has_row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (text != NULL && strlen(text) == IDENTITY_SIZE && strspn(text, "0123456789abcdef") == IDENTITY_SIZE)
        memcpy(identity_out, text, IDENTITY_SIZE + 1);
    (void)sqlite3_finalize(statement);
    return status;
}

static bool is_plain(unsigned char c)
{
    return c > 32 && c != 127 && c != '%';
}

/* "IDENTITY PATH\n"; NULL when out of memory. */
static char *format_line(const char *identity, const char *path)
{
    char *line = malloc(IDENTITY_SIZE + 3 * strlen(path) + 3);
    if (line == NULL)
        return NULL;
    int n = sprintf(line, "%s ", identity);
    for (const char *c = path; *c != '\0'; c++)
        n += sprintf(line + n, is_plain((unsigned char)*c) ? "%c" : "%%%02X", (unsigned char)*c);
    (void)sprintf(line + n, "\n");
    return line;
}

/* In place. */
static void parse_path(char *text)
{
    char *to = text;
    for (const char *c = text; *c != '\0'; c++) {
        unsigned value;
        if (*c == '%' && sscanf(c + 1, "%2X", &value) == 1 && value != 0 && c[1] != '\0' && c[2] != '\0') {
            *to++ = (char)value;
            c += 2;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
}

/* The whole file as text, or NULL: it is not there, or is not this user's alone. */
static char *read_file(void)
{
    char *file = find_file();
    int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
    free(file);
    struct stat facts;
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && is_own(facts.st_uid) &&
        (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0 && facts.st_size <= MAX_FILE_BYTES) {
        const size_t size = (size_t)facts.st_size;
        text = calloc(size + 1, 1);
        if (text != NULL && size > 0 && pread(fd, text, size, 0) != (ssize_t)size)
            text[0] = '\0';
    }
    if (fd >= 0)
        close(fd);
    return text;
}

cir_status cir__consent_read(cir__store *store, cir__consent *consent_out, cir_error *err)
{
    char identity[IDENTITY_SIZE + 1];
    size_t capacity = 0;
    *consent_out = (cir__consent){0};
    cir_status status = read_identity(store, identity, err);
    if (status != CIR_OK || identity[0] == '\0')
        return status;
    char *text = read_file();
    char *rest = NULL;
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; status == CIR_OK && line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, identity, IDENTITY_SIZE) != 0 || strncmp(line + IDENTITY_SIZE, " /", 2) != 0)
            continue;
        parse_path(line + IDENTITY_SIZE + 1);
        char *path = cir__copy_text(line + IDENTITY_SIZE + 1);
        if (path == NULL || !cir__grow((void **)&consent_out->roots, &capacity, consent_out->n_roots + 1,
                                       sizeof *consent_out->roots)) {
            free(path);
            status = cir__fail_memory(err, store->name);
            break;
        }
        consent_out->roots[consent_out->n_roots++] = path;
    }
    free(text);
    if (status != CIR_OK)
        cir__consent_done(consent_out);
    return status;
}

void cir__consent_done(cir__consent *consent)
{
    for (size_t i = 0; i < consent->n_roots; i++)
        free(consent->roots[i]);
    free(consent->roots);
    *consent = (cir__consent){0};
}

/* Makes a folder and those above it, for this user alone. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool is_there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there && errno != EROFS && errno != EACCES && errno != EPERM)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* One write at the end of the file, so that of two processes neither's line is lost. */
static cir_status append(const char *file, const char *line, cir_error *err)
{
    const size_t size = strlen(line);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0600);
    if (fd < 0)
        return cir__fail_errno(err, errno, "%s: cannot be written", file);
    ssize_t n = write(fd, line, size);
    cir_status status = CIR_OK;
    if (n != (ssize_t)size)
        status = cir__fail_errno(err, n < 0 ? errno : ENOSPC, "%s: cannot be written", file);
    close(fd);
    return status;
}

cir_status cir__consent_add(cir__store *store, const char *path, cir_error *err)
{
    char identity[IDENTITY_SIZE + 1];
    cir__consent before;
    cir_status status = read_identity(store, identity, err);
    if (status == CIR_OK)
        status = cir__consent_read(store, &before, err);
    if (status != CIR_OK)
        return status;
    bool is_noted = false;
    for (size_t i = 0; i < before.n_roots; i++)
        is_noted = is_noted || strcmp(before.roots[i], path) == 0;
    cir__consent_done(&before);
    if (is_noted)
        return CIR_OK;
    char *folder = find_folder();
    char *file = find_file();
    char *line = format_line(identity, path);
    if (line == NULL)
        status = cir__fail_memory(err, store->name);
    else if (folder == NULL || file == NULL)
        status = cir__fail(err, CIR_NOT_FOUND,
                           "%s: there is no home directory to record that you may show its folders; set HOME "
                           "or XDG_CONFIG_HOME",
                           store->name);
    else if (!make_folders(folder))
        status = cir__fail_errno(err, errno, "%s: cannot be created", folder);
    else
        status = append(file, line, err);
    free(line);
    free(file);
    free(folder);
    return status;
}

/* ---- paths ---- */

/* Neither empty nor "." nor "..", in any component. */
static bool is_well_formed(const char *stored, size_t size)
{
    const char *end = stored + size;
    if (size == 0 || memchr(stored, '\0', size) != NULL)
        return false;
    for (const char *at = stored + (stored[0] == '/');; at++) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const size_t n = (size_t)((slash != NULL ? slash : end) - at);
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        if (slash == NULL)
            return true;
        at = slash;
    }
}

static bool is_below_root(const cir__consent *consent, const char *path)
{
    for (size_t i = 0; i < consent->n_roots; i++)
        if (cir__place_is_below(path, consent->roots[i]))
            return true;
    return false;
}

bool cir__consent_covers(const cir__consent *consent, bool is_trusted, const char *stored, size_t size)
{
    if (!is_well_formed(stored, size))
        return false;
    if (stored[0] != '/' || is_trusted)
        return true;
    char *path = malloc(size + 1);
    if (path == NULL)
        return false;
    memcpy(path, stored, size);
    path[size] = '\0';
    const bool is_below = is_below_root(consent, path);
    free(path);
    return is_below;
}

bool cir__consent_covers_real(const cir__consent *consent, const cir__place *place, const char *path)
{
    return cir__place_is_below(path, place->base) || is_below_root(consent, path);
}
