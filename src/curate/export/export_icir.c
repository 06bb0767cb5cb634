/* A curated set in the layout of i-CIR. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "curate/export/export_entry.h"
#include "curate/export/picture_bytes.h"
#include "curate/export/release.h"
#include "curate/export/set_papers.h"
#include "index/open/opened.h"

enum { BATCH = 64 };

/* A picture on its way. */
typedef struct exported {
    cir__export_entry *entry;
    cir__picture_bytes bytes;
    cir_status status;
    cir_error why;
} exported;

typedef struct exporting {
    cir_curation *curation;
    const cir_export_options *options;
    char name[256];
    char *part; /* the folder beside the target that is written first */
    cir__curated_set set;
    cir__export_entries entries;
    cir_export_report report;
    exported batch[BATCH];
    cir_error *err;
} exporting;

/* The file in the index as it is now, by the bytes that were judged. */
static cir_status read_picture(const exporting *self, const cir__candidate *candidate,
                               cir__picture_bytes *out, cir_error *err)
{
    cir_image_record record = {0};
    uint8_t *bytes = NULL;
    uint8_t hash[CIR__HASH_SIZE];
    size_t size;
    size_t id;
    bool is_found;
    cir_status status = cir__opened_find_hash(self->options->index, candidate->hash, &id, &is_found, err);
    if (status == CIR_OK && !is_found)
        status = cir__fail(
            err, CIR_NOT_FOUND,
            "%s: is not in %s any more with the bytes that were judged; bring it back, or mine again",
            candidate->path, cir_index_get_info(self->options->index)->path);
    if (status == CIR_OK)
        status = cir_index_get_record(self->options->index, id, &record, err);
    if (status == CIR_OK)
        status = cir_index_read_photo(self->options->index, &record, &bytes, &size, err);
    if (status == CIR_OK) {
        cir__hash128(bytes, size, hash);
        status = memcmp(hash, candidate->hash, sizeof hash) == 0
                     ? cir__picture_bytes_make(bytes, size, record.path, self->options->image, out, err)
                     : cir__fail(err, CIR_MISMATCH,
                                 "%s: has other bytes now than those that were judged; update the index "
                                 "and mine again",
                                 record.path);
    }
    cir_bytes_free(bytes);
    cir_image_record_done(&record);
    return status;
}

static void read_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    exporting *self = context;
    exported *one = &self->batch[i_task];
    one->status = read_picture(self, one->entry->candidate, &one->bytes, &one->why);
}

/* Makes the folders of a path below the set. */
static cir_status make_folders(const exporting *self, char *path, size_t n_root)
{
    for (char *slash = strchr(path + n_root + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool is_made = mkdir(path, 0777) == 0 || errno == EEXIST;
        const int why = errno;
        *slash = '/';
        if (!is_made)
            return cir__fail_errno(self->err, why, "%s: its folder cannot be made", path);
    }
    return CIR_OK;
}

/* Without a sync each: the whole file system is synced once, before the set gets its name. */
static cir_status write_file(const exporting *self, const char *name, const void *bytes, size_t size)
{
    char *path = cir__path_join(self->part, name);
    if (path == NULL)
        return cir__fail_memory(self->err, self->part);
    cir_status status = make_folders(self, path, strlen(self->part));
    int fd = -1;
    if (status == CIR_OK) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            status = cir__fail_errno(self->err, errno, "%s: cannot be made", path);
    }
    if (status == CIR_OK)
        status = cir__file_write_at(fd, bytes, size, 0, path, self->err);
    if (fd >= 0 && close(fd) != 0 && status == CIR_OK)
        status = cir__fail_errno(self->err, errno, "%s: cannot be written", path);
    free(path);
    return status;
}

static cir_status write_picture(exporting *self, exported *one)
{
    char path[1024];
    if (one->status != CIR_OK)
        return cir__fail(self->err, one->status, "%s", one->why.message);
    (void)snprintf(path, sizeof path, "%s.%s", one->entry->path, one->bytes.ending);
    free(one->entry->path);
    one->entry->path = cir__copy_text(path);
    if (one->entry->path == NULL)
        return cir__fail_memory(self->err, path);
    cir__sha256(one->bytes.data, one->bytes.size, one->entry->sha256);
    self->report.n_pictures++;
    self->report.n_reencoded += one->bytes.is_reencoded;
    self->report.n_query_images += one->entry->kind == CIR__ENTRY_QUERY;
    self->report.n_positives += one->entry->kind == CIR__ENTRY_POSITIVE;
    self->report.n_negatives += one->entry->kind == CIR__ENTRY_NEGATIVE;
    return write_file(self, path, one->bytes.data, one->bytes.size);
}

static cir_status write_pictures(exporting *self)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < self->entries.n && status == CIR_OK; i += BATCH) {
        const size_t n = self->entries.n - i < BATCH ? self->entries.n - i : BATCH;
        for (size_t b = 0; b < n; b++)
            self->batch[b] = (exported){.entry = &self->entries.items[i + b]};
        cir__pool_run(self->options->pool, n, read_task, self);
        for (size_t b = 0; b < n; b++) {
            if (status == CIR_OK)
                status = write_picture(self, &self->batch[b]);
            free(self->batch[b].bytes.data);
        }
        if (status == CIR_OK && self->options->watch != NULL &&
            !self->options->watch(self->options->context, i + n, self->entries.n))
            status = cir__fail(self->err, CIR_INTERRUPTED, "the export was stopped; nothing of it is left");
    }
    return status;
}

static void count(exporting *self)
{
    for (size_t i = 0; i < self->set.n; i++) {
        const cir__set_instance *instance = &self->set.instances[i];
        bool has_query = false;
        for (size_t c = 0; c < instance->candidates.n_changes; c++)
            if (cir__set_has_query(instance, c)) {
                has_query = true;
                self->report.n_queries += instance->n_queries;
            }
        self->report.n_instances += has_query;
        self->report.n_unseen += has_query ? instance->n_unseen : 0;
        self->report.n_two_texts += has_query ? instance->n_two_texts : 0;
    }
}

/* One line of checksums.sha256. */
static void put_sum(FILE *file, const char *name, const void *bytes, size_t size, const uint8_t *given)
{
    uint8_t digest[CIR__SHA256_SIZE];
    if (given == NULL)
        cir__sha256(bytes, size, digest);
    else
        memcpy(digest, given, sizeof digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)fprintf(file, "%02x", digest[i]);
    (void)fprintf(file, "  %s\n", name);
}

static cir_status write_papers(exporting *self)
{
    static const struct {
        const char *name;
        char *(*make)(const cir__papers *papers);
    } files[] = {
        {"database_files.csv", cir__papers_make_database}, {"query_files.csv", cir__papers_make_queries},
        {"pictures.csv", cir__papers_make_pictures},       {"visual.csv", cir__papers_make_visual},
        {"textual.csv", cir__papers_make_textual},         {"DATASHEET.md", cir__papers_make_datasheet},
        {"croissant.json", cir__papers_make_croissant}};
    const cir__papers papers = {self->name, self->options, &self->report, &self->entries};
    char *sums = NULL;
    size_t sums_size;
    char version[64];
    char licence[512];
    FILE *file = open_memstream(&sums, &sums_size);
    if (file == NULL)
        return cir__fail_memory(self->err, self->part);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && status == CIR_OK; i++) {
        char *text = files[i].make(&papers);
        status = text != NULL ? write_file(self, files[i].name, text, strlen(text))
                              : cir__fail_memory(self->err, files[i].name);
        if (status == CIR_OK)
            put_sum(file, files[i].name, text, strlen(text), NULL);
        free(text);
    }
    (void)snprintf(version, sizeof version, "%s\n", self->options->version);
    (void)snprintf(licence, sizeof licence, "%s\n", self->options->licence);
    if (status == CIR_OK)
        status = write_file(self, "VERSION.txt", version, strlen(version));
    if (status == CIR_OK)
        status = write_file(self, "LICENSE", licence, strlen(licence));
    put_sum(file, "VERSION.txt", version, strlen(version), NULL);
    put_sum(file, "LICENSE", licence, strlen(licence), NULL);
    for (size_t i = 0; i < self->entries.n; i++)
        put_sum(file, self->entries.items[i].path, NULL, 0, self->entries.items[i].sha256);
    if (fclose(file) != 0 && status == CIR_OK)
        status = cir__fail_memory(self->err, self->part);
    if (status == CIR_OK)
        status = write_file(self, "checksums.sha256", sums, sums_size);
    free(sums);
    return status;
}

/* Synced, released, and given its name, in this order: a release without a folder is exported again. */
static cir_status finish(exporting *self, const char *folder)
{
    const cir__papers papers = {self->name, self->options, &self->report, &self->entries};
    char *manifest = cir__papers_make_manifest(&papers);
    if (manifest == NULL)
        return cir__fail_memory(self->err, folder);
    const size_t size = strlen(manifest);
    cir_status status = cir__release_check(self->curation, self->options->version, manifest, size,
                                           &self->report.is_again, self->err);
    if (status == CIR_OK) {
        const int fd = open(self->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || syncfs(fd) != 0)
            status = cir__fail_errno(self->err, errno, "%s: cannot be written", self->part);
        if (fd >= 0)
            close(fd);
    }
    if (status == CIR_OK && !self->report.is_again)
        status = cir__release_put(self->curation, self->options->version, manifest, size, self->err);
    if (status == CIR_OK && rename(self->part, folder) != 0)
        status = cir__fail_errno(self->err, errno, "%s: cannot be made", folder);
    if (status == CIR_OK)
        status = cir__folder_sync(folder, self->err);
    free(manifest);
    return status;
}

static int remove_one(const char *path, const struct stat *facts, int flag, struct FTW *ftw)
{
    (void)facts;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* The target has to be free, and so has the folder beside it, which an export that was killed may have
 * left. */
static cir_status begin(exporting *self, const char *folder)
{
    struct stat facts;
    const size_t size = strlen(folder);
    if (size == 0 || folder[size - 1] == '/')
        return cir__fail(self->err, CIR_ARGUMENT, "\"%s\": name a folder, without a slash at its end",
                         folder);
    if (lstat(folder, &facts) == 0 && (!S_ISDIR(facts.st_mode) || (rmdir(folder) != 0)))
        return cir__fail(self->err, CIR_ARGUMENT,
                         "%s: is there and holds something; name a folder that is not there", folder);
    self->part = malloc(size + 8);
    if (self->part == NULL)
        return cir__fail_memory(self->err, folder);
    (void)snprintf(self->part, size + 8, "%s.part", folder);
    (void)nftw(self->part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (mkdir(self->part, 0777) != 0)
        return cir__fail_errno(self->err, errno, "%s: cannot be made", self->part);
    return CIR_OK;
}

/* The project's name: its folder's, without ".curate". */
static void name_set(exporting *self)
{
    const char *path = self->curation->path;
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (end - begin > 7 && strncmp(path + end - 7, ".curate", 7) == 0)
        end -= 7;
    size_t n = 0;
    for (size_t i = begin; i < end && n + 1 < sizeof self->name; i++)
        self->name[n++] = strchr(",\"\n/\\", path[i]) != NULL ? '_' : path[i];
    if (n == 0 || strcmp(self->name, ".") == 0)
        (void)snprintf(self->name, sizeof self->name, "set");
}

cir_status cir_curation_export(cir_curation *curation, const char *folder, const cir_export_options *options,
                               cir_export_report *report_out, cir_error *err)
{
    cir__error_clear(err);
    if (report_out != NULL)
        *report_out = (cir_export_report){0};
    if (curation->lock_fd < 0)
        return cir__fail(err, CIR_PERMISSION, "%s: is open for reading", curation->path);
    exporting *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, folder);
    int64_t until;
    self->curation = curation;
    self->options = options;
    self->err = err;
    name_set(self);
    cir_status status = cir__release_get_clock(curation, options->version, &until, err);
    if (status == CIR_OK)
        status = cir__curated_set_load(curation, options->two_texts, until, &self->set, err);
    if (status == CIR_OK) {
        count(self);
        if (options->two_texts == CIR_TWO_TEXTS_REFUSE && self->report.n_two_texts > 0)
            status = cir__fail(
                err, CIR_ARGUMENT,
                "%s: %zu pictures are positive for two texts of their instance, which the layout cannot say; "
                "leave them out (--two-texts drop), or take the first (--two-texts first)",
                curation->path, self->report.n_two_texts);
    }
    if (status == CIR_OK)
        status = cir__export_entries_make(&self->set, &self->entries, err);
    if (status == CIR_OK)
        status = begin(self, folder);
    if (status == CIR_OK)
        status = write_pictures(self);
    if (status == CIR_OK)
        status = write_papers(self);
    if (status == CIR_OK)
        status = finish(self, folder);
    if (status != CIR_OK && self->part != NULL)
        (void)nftw(self->part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (status == CIR_OK && report_out != NULL)
        *report_out = self->report;
    cir__export_entries_done(&self->entries);
    cir__curated_set_done(&self->set);
    free(self->part);
    free(self);
    return status;
}
