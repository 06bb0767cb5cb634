#include "cli/models/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/models/hub_checksums.h"

#define N_TRIES 5
#define PROGRESS_BYTES (16LL << 20) /* so much more gives a lost connection all tries again */
#define MAX_WAIT_S 300              /* hubs count requests over five minutes */
#define PATH_SIZE 4096
#define URL_SIZE 2048

/* The file under way. */
typedef struct transfer {
    cir__download *download;
    cir__hub_request request;
    cir__checksums *proof;
    int fd;            /* -1: only what the hub tells is wanted */
    bool was_resumed;  /* its bytes come from more than one answer */
    long long n_bytes; /* bytes there now */
    bool is_whole;     /* they are all: no more need be asked for */
    bool begins_again; /* what was there is of another file */
    bool needs_proof;  /* the hub names no checksum */
    bool has_failed;   /* error says why, and no other try helps */
} transfer;

static bool fail(cir__download *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(cir__download *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(self->error, sizeof self->error, format, arguments);
    va_end(arguments);
    return false;
}

/* Fails for good. */
#define REFUSE(self, ...) ((self)->has_failed = true, fail((self)->download, __VA_ARGS__))

/* -- while it comes -- */

static long long size_of(const transfer *self)
{
    if (self->download->n_bytes > 0)
        return (long long)self->download->n_bytes;
    return self->request.told.size;
}

/* A login or an error page in place of the file. */
static bool is_page(const transfer *self)
{
    return strncmp(self->request.headers.content_type, "text/html", 9) == 0;
}

static bool refuse_page(transfer *self)
{
    return REFUSE(self, "%s/%s: a web page came in its place; is there a login or a filter in between?",
                  self->download->folder_url, self->download->name);
}

/* The size and the checksum that the hub names, against what is known and allowed. */
static bool check_told(transfer *self, const cir__hub_told *told, bool is_last)
{
    cir__download *download = self->download;
    if (is_last && is_page(self) && told->sha256[0] == '\0')
        return refuse_page(self);
    if (download->n_bytes > 0 && told->size >= 0 && told->size != (long long)download->n_bytes)
        return REFUSE(
            self,
            "%s/%s: the hub has %lld bytes, the file that is known has %zu; it was changed there. Take "
            "it as it is there with --revision main, if you trust it",
            download->folder_url, download->name, told->size, download->n_bytes);
    if (download->wanted != NULL && told->sha256[0] != '\0' && strcmp(told->sha256, download->wanted) != 0)
        return REFUSE(self,
                      "%s/%s: the hub has a file of SHA-256 %s, the one that is known has %s; it was changed "
                      "there. Take it as it is there with --revision main, if you trust it",
                      download->folder_url, download->name, told->sha256, download->wanted);
    if (told->size > (long long)download->max_bytes)
        return REFUSE(self, "%s/%s: the hub says %lld bytes; no such file has more than %zu",
                      download->folder_url, download->name, told->size, download->max_bytes);
    return true;
}

/* Takes the hub's checksum as the proof, where none is known. */
static bool take_proof(transfer *self, const cir__hub_told *told)
{
    cir__checksums *proof = self->proof;
    /* What was begun may be of another version. */
    if (proof->sha256[0] != '\0' && told->sha256[0] != '\0' && strcmp(proof->sha256, told->sha256) != 0 &&
        self->download->wanted == NULL) {
        memcpy(proof->sha256, told->sha256, sizeof proof->sha256);
        self->begins_again = true;
    }
    if (proof->sha256[0] == '\0' && told->sha256[0] != '\0')
        memcpy(proof->sha256, told->sha256, sizeof proof->sha256);
    if (told->git_sha1[0] != '\0')
        memcpy(proof->git_sha1, told->git_sha1, sizeof proof->git_sha1);
    return cir__checksums_are_known(proof);
}

static bool empty_part(transfer *self)
{
    self->n_bytes = 0;
    self->was_resumed = false;
    self->request.begin = 0;
    return (ftruncate(self->fd, 0) == 0 && lseek(self->fd, 0, SEEK_SET) == 0) ||
           REFUSE(self, "%s: cannot be written: %s", self->download->name, strerror(errno));
}

/* The last answer against what was asked for. */
static bool check_range(transfer *self)
{
    const cir__hub_headers *headers = &self->request.headers;
    if (headers->status == 200)
        return self->n_bytes == 0 || empty_part(self); /* it sends all of it again */
    long long total = size_of(self);
    if (headers->range_begin == self->n_bytes && !headers->is_encoded && self->n_bytes > 0 &&
        (total < 0 || headers->range_total < 0 || headers->range_total == total))
        return true;
    self->begins_again = true;
    return fail(self->download, "%s/%s: the server sends another part than the one asked for",
                self->download->folder_url, self->download->name);
}

static bool has_room(transfer *self)
{
    struct statvfs facts;
    long long total = size_of(self);
    if (total < 0 || fstatvfs(self->fd, &facts) != 0)
        return true;
    unsigned long long free_bytes = (unsigned long long)facts.f_bavail * facts.f_frsize;
    unsigned long long needed = total > self->n_bytes ? (unsigned long long)(total - self->n_bytes) : 0;
    return needed <= free_bytes ||
           REFUSE(self, "%s/%s: needs %.1f MB more, the disk has %.1f MB free; make room and run it again",
                  self->download->folder, self->download->name, (double)needed / 1e6,
                  (double)free_bytes / 1e6);
}

static bool take_told(void *context, const cir__hub_told *told, bool is_last)
{
    transfer *self = context;
    if (told->commit[0] != '\0')
        memcpy(self->download->commit, told->commit, sizeof self->download->commit);
    if (!check_told(self, told, is_last))
        return false;
    bool has_proof = take_proof(self, told);
    if (self->fd < 0)
        return !has_proof && !is_last;
    if (self->begins_again && is_last && self->request.headers.status == 206)
        return fail(self->download, "%s/%s: was changed meanwhile", self->download->folder_url,
                    self->download->name);
    if (self->begins_again && !empty_part(self))
        return false;
    self->begins_again = false;
    if (!is_last) {
        self->is_whole = has_proof && self->n_bytes > 0 && self->n_bytes == size_of(self);
        return !self->is_whole;
    }
    self->needs_proof = !has_proof;
    return has_proof && has_room(self) && check_range(self);
}

static bool take_bytes(void *context, const char *bytes, size_t size)
{
    transfer *self = context;
    cir__download *download = self->download;
    long long total = size_of(self);
    if (total >= 0 && self->n_bytes + (long long)size > total)
        return REFUSE(self,
                      "%s/%s: has more bytes than the %lld that the server said; try again later, or take "
                      "another server",
                      download->folder_url, download->name, total);
    if (self->n_bytes + (long long)size > (long long)download->max_bytes)
        return REFUSE(self,
                      "%s/%s: has more bytes than the %zu that such a file may have; take another server",
                      download->folder_url, download->name, download->max_bytes);
    while (size > 0) {
        ssize_t n = write(self->fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return REFUSE(self, "%s/%s: cannot be written: %s; make room and run it again", download->folder,
                          download->name, strerror(errno));
        bytes += n;
        size -= (size_t)n;
        self->n_bytes += n;
    }
    return true;
}

static bool watch(void *context)
{
    transfer *self = context;
    cir__download *download = self->download;
    long long total = size_of(self);
    bool goes_on = download->watch == NULL ||
                   download->watch(download->context, (size_t)self->n_bytes, total > 0 ? (size_t)total : 0);
    download->is_stopped = download->is_stopped || !goes_on;
    return goes_on;
}

/* -- tries -- */

static bool fail_stopped(transfer *self)
{
    return fail(self->download, "%s/%s: stopped after %lld bytes; run it again to continue",
                self->download->folder_url, self->download->name, self->n_bytes);
}

/* Waits as long as the server asks, or a little longer each time; false: stopped, or it asks for too long. */
static bool wait_before(transfer *self, int i_try)
{
    cir__download *download = self->download;
    long ms = self->request.wait_s >= 0 ? 1000L * self->request.wait_s : 100L << i_try;
    if (self->request.wait_s > MAX_WAIT_S) {
        char why[CIR__HUB_ERROR_SIZE / 2];
        (void)snprintf(why, sizeof why, "%.500s", self->request.error);
        return REFUSE(self, "%s (it asks to wait %d s)", why, self->request.wait_s);
    }
    if (ms >= 1000 && download->note != NULL) {
        char text[128];
        (void)snprintf(text, sizeof text, "the server answers %ld and asks to wait %d s; Ctrl-C stops",
                       self->request.headers.status, self->request.wait_s);
        download->note(download->context, text);
    }
    for (; ms > 0 && watch(self); ms -= 100)
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    return !download->is_stopped || fail_stopped(self);
}

/* One try. *is_final_out: another one would not help. */
static bool try_once(transfer *self, const char *url, bool *is_final_out)
{
    cir__download *download = self->download;
    cir__hub_request *request = &self->request;
    *request = (cir__hub_request){.url = url,
                                  .begin = self->n_bytes,
                                  .context = self,
                                  .take_told = take_told,
                                  .take_bytes = take_bytes,
                                  .watch = watch};
    self->was_resumed = self->was_resumed || self->n_bytes > 0;
    bool is_taken = cir__hub_get(download->hub, request);
    long long total = size_of(self);
    download->status = request->headers.status;
    *is_final_out = true;
    if (self->has_failed)
        return false;
    if (self->is_whole || (is_taken && (total < 0 || self->n_bytes == total)))
        return true;
    if (download->is_stopped)
        return fail_stopped(self);
    *is_final_out = false;
    if (is_taken)
        return fail(download,
                    "%s/%s: has %lld bytes, the server said %lld; try again later, or take another server",
                    download->folder_url, download->name, self->n_bytes, total);
    if (self->needs_proof) {
        *is_final_out = true;
        return false;
    }
    if (self->begins_again || request->headers.status == 416) {
        self->begins_again = false;
        if (request->error[0] != '\0')
            (void)fail(download, "%s", request->error);
        *is_final_out = !empty_part(self);
        return false;
    }
    *is_final_out = request->is_final;
    return fail(download, "%s", request->error);
}

/* The whole file, over several tries; what is there is continued. */
static bool fetch(transfer *self, const char *url)
{
    bool is_final = false;
    bool is_done = false;
    long long n_last = self->n_bytes;
    for (int i = 0; i < N_TRIES && !is_done && !is_final; i++) {
        if (i > 0 && !wait_before(self, i))
            return false;
        is_done = try_once(self, url, &is_final);
        if (self->n_bytes - n_last >= PROGRESS_BYTES) {
            n_last = self->n_bytes;
            i = 0;
        }
    }
    if (is_done && fsync(self->fd) != 0)
        return REFUSE(self, "%s/%s: cannot be written: %s; make room and run it again",
                      self->download->folder, self->download->name, strerror(errno));
    return is_done;
}

static void find_sum(transfer *self)
{
    cir__download *download = self->download;
    cir__checksums_find(self->proof, download->hub, download->folder_url, download->name, watch, self);
}

static bool fail_unproved(cir__download *self)
{
    return fail(
        self,
        "%s/%s: the server publishes no checksum for it, neither in its headers nor in SHA256SUMS; take the "
        "file from a model hub or from a mirror that has them",
        self->folder_url, self->name);
}

static bool path_in(const cir__download *self, const char *suffix, char out[PATH_SIZE])
{
    return snprintf(out, PATH_SIZE, "%s/%s%s", self->folder, self->name, suffix) < PATH_SIZE;
}

/* What has its name already: kept where it is still what is wanted, else thrown away. *is_there_out: kept. */
static bool check_there(cir__download *self, const char *url, const char *path, cir__checksums *wanted,
                        bool *is_there_out)
{
    struct stat facts;
    bool is_read;
    bool is_final = false;
    *is_there_out = false;
    if (lstat(path, &facts) != 0)
        return errno == ENOENT || fail(self, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return fail(self, "%s: is not a plain file; remove it and run it again", path);
    transfer asked = {.download = self, .proof = wanted, .fd = -1};
    for (int i = 0; i < N_TRIES && !cir__checksums_are_known(wanted) && !is_final; i++) {
        if (i > 0 && !wait_before(&asked, i))
            return false;
        if (!try_once(&asked, url, &is_final) && asked.request.headers.status < 400 && !self->is_stopped &&
            asked.request.has_ended_early && !cir__checksums_are_known(wanted) && !asked.has_failed)
            break; /* it answers, and names no checksum */
    }
    if (self->is_stopped || asked.has_failed)
        return false;
    if (!cir__checksums_are_known(wanted) && self->status >= 200 && self->status < 300)
        find_sum(&asked);
    if (!cir__checksums_are_known(wanted))
        return self->status >= 200 && self->status < 300 ? fail_unproved(self) : false;
    *is_there_out = cir__checksums_match(wanted, path, self->sha256, &is_read);
    if (!is_read)
        return fail(self, "%s: cannot be read: %s", path, strerror(errno));
    return *is_there_out || unlink(path) == 0 ||
           fail(self, "%s: cannot be removed: %s", path, strerror(errno));
}

static bool open_part(transfer *self, const char *part)
{
    struct stat facts;
    self->fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (self->fd < 0 || fstat(self->fd, &facts) != 0)
        return fail(self->download, "%s: cannot be written: %s", part, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return fail(self->download, "%s: is not a plain file; remove it and run it again", part);
    if (facts.st_nlink > 1) /* what is written to it would change another's */
        return fail(self->download, "%s: has another name too (a hard link); remove it and run it again",
                    part);
    long long most =
        (long long)(self->download->n_bytes > 0 ? self->download->n_bytes : self->download->max_bytes);
    self->n_bytes = facts.st_size;
    if (facts.st_size > most)
        return empty_part(self);
    self->was_resumed = facts.st_size > 0;
    self->is_whole = self->download->n_bytes > 0 && facts.st_size == most;
    return lseek(self->fd, 0, SEEK_END) >= 0 || fail(self->download, "%s: %s", part, strerror(errno));
}

/* Fetches into part and proves it. *is_stale_out: it was wrong, but bytes of an earlier answer were in it. */
static bool fetch_part(cir__download *self, const char *url, const char *part, cir__checksums *wanted,
                       bool *is_stale_out)
{
    transfer under_way = {.download = self, .proof = wanted, .fd = -1};
    bool is_read = true;
    *is_stale_out = false;
    bool is_fetched = open_part(&under_way, part) && (under_way.is_whole || fetch(&under_way, url));
    if (!is_fetched && under_way.needs_proof) { /* only SHA256SUMS can prove it */
        find_sum(&under_way);
        under_way.needs_proof = false;
        is_fetched = cir__checksums_are_known(wanted) ? fetch(&under_way, url) : fail_unproved(self);
    }
    if (under_way.fd >= 0)
        close(under_way.fd);
    if (!is_fetched && self->status == 404 && under_way.n_bytes == 0)
        (void)unlink(part);
    if (!is_fetched || cir__checksums_match(wanted, part, self->sha256, &is_read))
        return is_fetched;
    if (!is_read)
        return fail(self, "%s: cannot be read: %s", part, strerror(errno));
    /* The ETag of a server that is no hub may be anything; a list beside the file is not. */
    if (self->wanted == NULL && self->commit[0] == '\0') {
        find_sum(&under_way);
        if (cir__checksums_match(wanted, part, self->sha256, &is_read))
            return true;
    }
    (void)unlink(part);
    *is_stale_out = under_way.was_resumed;
    return fail(
        self,
        "%s/%s: %sits checksum is %s, %s %s: it was damaged or changed in transit, and is discarded; run it "
        "again",
        self->folder_url, self->name,
        is_page(&under_way) ? "came as a web page (is there a login in between?); " : "", self->sha256,
        self->wanted != NULL ? "the known one is" : "the server says",
        wanted->sha256[0] != '\0' ? wanted->sha256 : wanted->git_sha1);
}

bool cir__download_run(cir__download *self)
{
    char url[URL_SIZE];
    char path[PATH_SIZE];
    char part[PATH_SIZE];
    cir__checksums wanted = {0};
    bool is_there;
    bool is_stale;
    self->error[0] = self->commit[0] = self->sha256[0] = '\0';
    self->is_stopped = false;
    self->status = 0;
    if (self->wanted != NULL)
        (void)snprintf(wanted.sha256, sizeof wanted.sha256, "%s", self->wanted);
    if (!path_in(self, "", path) || !path_in(self, ".part", part) ||
        snprintf(url, sizeof url, "%s/%s", self->folder_url, self->name) >= (int)sizeof url)
        return fail(self, "%s/%s: path or address is too long", self->folder_url, self->name);
    if (!check_there(self, url, path, &wanted, &is_there))
        return false;
    if (is_there)
        return true;
    bool is_fetched = fetch_part(self, url, part, &wanted, &is_stale);
    if (!is_fetched && is_stale && !self->is_stopped) /* the pieces were not of one file */
        is_fetched = fetch_part(self, url, part, &wanted, &is_stale);
    if (!is_fetched)
        return false;
    return rename(part, path) == 0 || fail(self, "%s: cannot be named: %s", path, strerror(errno));
}
