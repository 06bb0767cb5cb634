#include "cli/download.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#define N_TRIES 5
#define MAX_FILE_BYTES ((curl_off_t)64 << 30)
#define MAX_SUMS_BYTES ((size_t)1 << 20)
#define PATH_SIZE 4096
#define URL_SIZE 2048

/* One transfer and what its headers told. */
typedef struct transfer {
    cir__download *download;
    FILE *file;
    curl_off_t begin;      /* bytes that were there before */
    curl_off_t n_bytes;    /* bytes in the file now */
    curl_off_t total;      /* what the server says the file has; 0: it does not */
    long status;           /* of the last response */
    bool has_write_failed; /* errno says why */
    bool is_too_long;
    char sha256[CIR__DIGEST_TEXT_SIZE]; /* "": not told */
    char git_sha1[CIR__DIGEST_TEXT_SIZE];
} transfer;

static bool fail(cir__download *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(self->error, sizeof self->error, format, arguments);
    va_end(arguments);
    return false;
}

/* A header's value without quotes and weakness mark, as far as it is hexadecimal digits. */
static void copy_digest(const char *value, size_t n_digits, char out[CIR__DIGEST_TEXT_SIZE])
{
    value += strspn(value, " \t");
    if (strncmp(value, "W/", 2) == 0)
        value += 2;
    value += *value == '"';
    if (cir__digest_is(value, n_digits))
        (void)snprintf(out, CIR__DIGEST_TEXT_SIZE, "%.*s", (int)n_digits, value);
}

/* The value of a header line of that name, or NULL. */
static const char *find_value(const char *line, const char *name)
{
    size_t size = strlen(name);
    return strncasecmp(line, name, size) == 0 && line[size] == ':' ? line + size + 1 : NULL;
}

/* Also sees the headers of redirections: it is there that the hub names the file. */
static size_t take_header(char *bytes, size_t one, size_t n, void *context)
{
    (void)one;
    transfer *self = context;
    char line[512];
    (void)snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), bytes);
    const char *value;
    if (strncasecmp(line, "HTTP/", 5) == 0) {
        const char *space = strchr(line, ' ');
        self->status = space != NULL ? strtol(space, NULL, 10) : 0;
    } else if ((value = find_value(line, "X-Linked-ETag")) != NULL) {
        copy_digest(value, 64, self->sha256);
    } else if ((value = find_value(line, "X-Linked-Size")) != NULL) {
        self->total = strtoll(value, NULL, 10);
    } else if ((value = find_value(line, "ETag")) != NULL && self->status < 400) {
        copy_digest(value, 40, self->git_sha1);
    }
    return n;
}

static size_t take_bytes(char *bytes, size_t one, size_t n, void *context)
{
    (void)one;
    transfer *self = context;
    if (self->status == 200 && self->begin > 0) { /* it sends all of it again */
        self->begin = self->n_bytes = 0;
        rewind(self->file);
        if (ftruncate(fileno(self->file), 0) != 0) {
            self->has_write_failed = true;
            return 0;
        }
    }
    self->n_bytes += (curl_off_t)n;
    self->is_too_long = self->n_bytes > MAX_FILE_BYTES || (self->total > 0 && self->n_bytes > self->total);
    if (self->is_too_long)
        return 0;
    self->has_write_failed = fwrite(bytes, 1, n, self->file) != n;
    return self->has_write_failed ? 0 : n;
}

static int take_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                         curl_off_t up_now)
{
    (void)now;
    (void)up_total;
    (void)up_now;
    transfer *self = context;
    cir__download *download = self->download;
    size_t all = self->total > 0 ? (size_t)self->total : total > 0 ? (size_t)(total + self->begin) : 0;
    download->is_stopped =
        download->watch != NULL && !download->watch(download->context, (size_t)self->n_bytes, all);
    return download->is_stopped;
}

static void set_options(CURL *curl, transfer *self, const char *url, char error[CURL_ERROR_SIZE])
{
    char range[32]; /* copied */
    (void)snprintf(range, sizeof range, "%lld-", (long long)self->begin);
    bool is_secure = strncasecmp(url, "https://", 8) == 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cir");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    if (self->begin > 0) /* not as a resumption, which libcurl gives up where the server sends all of it */
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

/* One try. *is_final_out: another one would not help. */
static bool try_once(transfer *self, const char *url, bool *is_final_out)
{
    char error[CURL_ERROR_SIZE] = "";
    cir__download *download = self->download;
    *is_final_out = true;
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return fail(download, "%s: libcurl cannot be started", url);
    set_options(curl, self, url, error);
    CURLcode code = curl_easy_perform(curl);
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK && fflush(self->file) == 0) {
        if (self->total == 0 || self->n_bytes == self->total)
            return true;
        *is_final_out = false;
        return fail(download, "%s: has %lld bytes, the server said %lld; try again later, or another server",
                    url, (long long)self->n_bytes, (long long)self->total);
    }
    if (download->is_stopped)
        return fail(download, "%s: stopped after %lld bytes; run it again to continue", url,
                    (long long)self->n_bytes);
    if (self->is_too_long)
        return fail(download,
                    "%s: has more bytes than the server said (%lld); try again later, or another server", url,
                    (long long)self->total);
    if (self->has_write_failed || code == CURLE_OK)
        return fail(download, "%s: cannot be written: %s; make room and run it again", download->name,
                    strerror(errno));
    if (self->status == 416) { /* what was there is longer than the file */
        self->begin = 0;
        *is_final_out = false;
    } else {
        *is_final_out = self->status >= 400 && self->status < 500;
    }
    return fail(download, "%s: %s; check the name and the connection, then run it again", url,
                error[0] != '\0' ? error : curl_easy_strerror(code));
}

static bool path_in(const cir__download *self, const char *suffix, char out[PATH_SIZE])
{
    return snprintf(out, PATH_SIZE, "%s/%s%s", self->folder, self->name, suffix) < PATH_SIZE;
}

/* The whole file into path, over several tries; what is there is continued. */
static bool fetch(cir__download *self, const char *url, const char *path, transfer *told)
{
    bool is_final = false;
    bool is_done = false;
    for (int i = 0; i < N_TRIES && !is_done && !is_final; i++) {
        bool begins_again = i > 0 && told->begin == 0 && told->status == 416;
        *told = (transfer){.download = self};
        told->file = fopen(path, begins_again ? "wb" : "ab");
        if (told->file == NULL)
            return fail(self, "%s: cannot be written: %s", path, strerror(errno));
        (void)fseeko(told->file, 0, SEEK_END);
        told->begin = told->n_bytes = ftello(told->file);
        if (i > 0)
            (void)usleep(100000U << i);
        is_done = try_once(told, url, &is_final);
        is_done = is_done && fsync(fileno(told->file)) == 0;
        fclose(told->file);
    }
    return is_done;
}

/* The file's line in SHA256SUMS beside it, where the headers named no checksum. */
static bool find_sum(cir__download *self, char out[CIR__DIGEST_TEXT_SIZE])
{
    char url[URL_SIZE];
    char line[1024];
    cir__download inner = {.folder_url = self->folder_url, .name = "SHA256SUMS", .folder = self->folder};
    (void)snprintf(url, sizeof url, "%s/SHA256SUMS", self->folder_url);
    FILE *file = tmpfile();
    transfer told = {.download = &inner, .file = file};
    bool is_final;
    bool is_found = false;
    if (file != NULL && try_once(&told, url, &is_final) && (size_t)told.n_bytes <= MAX_SUMS_BYTES) {
        rewind(file);
        while (!is_found && fgets(line, sizeof line, file) != NULL) {
            line[strcspn(line, "\r\n")] = '\0';
            is_found = cir__digest_is(line, 64) && line[64] == ' ' && strcmp(line + 66, self->name) == 0;
        }
    }
    if (file != NULL)
        fclose(file);
    (void)snprintf(out, CIR__DIGEST_TEXT_SIZE, "%.64s", is_found ? line : "");
    return is_found;
}

/* Compares the file with what the server told of it. */
static bool prove(cir__download *self, const char *path, const transfer *told)
{
    char found[CIR__DIGEST_TEXT_SIZE];
    char wanted[CIR__DIGEST_TEXT_SIZE];
    bool is_git = false;
    (void)snprintf(wanted, sizeof wanted, "%s", told->sha256);
    if (wanted[0] == '\0' && told->git_sha1[0] != '\0') {
        (void)snprintf(wanted, sizeof wanted, "%s", told->git_sha1);
        is_git = true;
    }
    if (wanted[0] == '\0' && !find_sum(self, wanted))
        return fail(self,
                    "%s/%s: the server names no checksum for it, neither in its headers nor in SHA256SUMS; "
                    "take the file "
                    "from a model hub or from a mirror that has them",
                    self->folder_url, self->name);
    if (!cir__digest_file(path, is_git, found) || !cir__digest_file(path, false, self->sha256))
        return fail(self, "%s: cannot be read: %s", path, strerror(errno));
    if (strcmp(found, wanted) != 0)
        return fail(self,
                    "%s/%s: its checksum is %s, the server says %s: it was damaged or changed on the way, "
                    "and is thrown "
                    "away; run it again",
                    self->folder_url, self->name, found, wanted);
    return true;
}

bool cir__download_run(cir__download *self)
{
    char url[URL_SIZE];
    char path[PATH_SIZE];
    char part[PATH_SIZE];
    self->error[0] = '\0';
    self->is_stopped = false;
    if (!path_in(self, "", path) || !path_in(self, ".part", part) ||
        snprintf(url, sizeof url, "%s/%s", self->folder_url, self->name) >= (int)sizeof url)
        return fail(self, "%s/%s: path or address is too long", self->folder_url, self->name);
    if (access(path, F_OK) == 0)
        return cir__digest_file(path, false, self->sha256) ||
               fail(self, "%s: cannot be read: %s", path, strerror(errno));
    transfer told = {0};
    if (!fetch(self, url, part, &told))
        return false;
    if (!prove(self, part, &told)) {
        (void)unlink(part);
        return false;
    }
    return rename(part, path) == 0 || fail(self, "%s: cannot be named: %s", path, strerror(errno));
}
