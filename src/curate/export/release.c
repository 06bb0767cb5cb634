#include "curate/export/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sha256.h"
#include "curate/store/sql.h"

typedef struct version {
    unsigned parts[3];
} version;

#define MAX_MANIFEST ((size_t)4 << 30)

static bool parse(const char *text, version *out)
{
    char rest;
    if (strlen(text) > 32 || text[strspn(text, "0123456789.")] != '\0')
        return false;
    return sscanf(text, "%6u.%6u.%6u%c", &out->parts[0], &out->parts[1], &out->parts[2], &rest) == 3;
}

static int compare(const version *a, const version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->parts[i] != b->parts[i])
            return a->parts[i] < b->parts[i] ? -1 : 1;
    return 0;
}

static cir_status check_version(const char *text, version *out, cir_error *err)
{
    return parse(text, out) ? CIR_OK
                            : cir__fail(err, CIR_ARGUMENT,
                                        "\"%s\" is no version; give three numbers: --version 1.0.0", text);
}

cir_status cir__release_get_clock(cir_curation *curation, const char *text, int64_t *clock_out,
                                  cir_error *err)
{
    version asked;
    *clock_out = INT64_MAX;
    cir_status status = check_version(text, &asked, err);
    if (status == CIR_OK)
        status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__sql_get(curation->store, INT64_MAX, clock_out, err,
                          "SELECT clock FROM release WHERE version = ?1", "t", text);
    return cir__curation_end(curation, status, err);
}

/* The highest version that was released; *has_one_out is false where there is none. */
static cir_status find_latest(cir_curation *curation, version *latest_out, char text_out[33],
                              bool *has_one_out, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    *has_one_out = false;
    cir_status status = cir__curation_begin(curation, false, err);
    if (status != CIR_OK)
        return status;
    status = cir__sql_prepare(curation->store, &statement, err, "SELECT version FROM release", "");
    while (status == CIR_OK &&
           (status = cir__store_step(curation->store, statement, &has_row, err)) == CIR_OK && has_row) {
        version one;
        if (!parse(cir__sql_text(statement, 0), &one)) {
            status = cir__store_fail_damaged(curation->store, "a release's version is none", err);
        } else if (!*has_one_out || compare(&one, latest_out) > 0) {
            *latest_out = one;
            *has_one_out = true;
            (void)snprintf(text_out, 33, "%s", cir__sql_text(statement, 0));
        }
    }
    (void)sqlite3_finalize(statement);
    return cir__curation_end(curation, status, err);
}

static cir_status read_manifest(cir_curation *curation, const char *text, uint8_t **bytes_out,
                                size_t *size_out, cir_error *err)
{
    cir__folder *folder;
    char name[64];
    (void)snprintf(name, sizeof name, "%.40s.jsonl", text);
    cir_status status = cir__folder_open_in(curation->folder, CIR__CURATION_RELEASES, false, &folder, err);
    if (status != CIR_OK)
        return status;
    status = cir__folder_read(folder, name, MAX_MANIFEST, bytes_out, size_out, err);
    cir__folder_close(folder);
    return status;
}

/* The lines of one instance, which stand together: from *at, which moves behind them. */
static size_t take_instance(const char *text, size_t size, size_t *at)
{
    const size_t begin = *at;
    const char *comma = memchr(text + begin, ',', size - begin);
    const size_t n_key = comma != NULL ? (size_t)(comma - text) - begin + 1 : size - begin;
    while (*at < size && size - *at >= n_key && memcmp(text + *at, text + begin, n_key) == 0) {
        const char *end = memchr(text + *at, '\n', size - *at);
        *at = end != NULL ? (size_t)(end - text) + 1 : size;
    }
    return *at - begin;
}

/* 0: an instance that was there has gone, or has other lines; 1: there are new ones; 2: all are the same. */
static int find_step(const char *before, size_t before_size, const char *now, size_t now_size)
{
    size_t n_before = 0;
    size_t n_now = 0;
    for (size_t at = 0; at < now_size; n_now++)
        (void)take_instance(now, now_size, &at);
    for (size_t at = 0; at < before_size; n_before++) {
        const size_t begin = at;
        const size_t n = take_instance(before, before_size, &at);
        bool is_same = false;
        for (size_t other = 0; other < now_size && !is_same;) {
            const size_t other_begin = other;
            const size_t m = take_instance(now, now_size, &other);
            is_same = n == m && memcmp(before + begin, now + other_begin, n) == 0;
        }
        if (!is_same)
            return 0;
    }
    return n_now > n_before ? 1 : 2;
}

cir_status cir__release_check(cir_curation *curation, const char *text, const char *manifest, size_t size,
                              bool *is_again_out, cir_error *err)
{
    static const char *const reasons[] = {"an instance of it has changed or gone: that is a new first number",
                                          "there are new instances: that is a new second number",
                                          "its lists are the same: that is a new third number"};
    version asked;
    version latest = {{0}};
    char latest_text[33];
    bool has_latest;
    int64_t clock = INT64_MAX;
    uint8_t *before = NULL;
    size_t before_size;
    *is_again_out = false;
    cir_status status = check_version(text, &asked, err);
    if (status == CIR_OK)
        status = cir__release_get_clock(curation, text, &clock, err);
    if (status == CIR_OK)
        status = find_latest(curation, &latest, latest_text, &has_latest, err);
    if (status != CIR_OK || !has_latest)
        return status;
    *is_again_out = clock != INT64_MAX;
    status = read_manifest(curation, *is_again_out ? text : latest_text, &before, &before_size, err);
    if (status != CIR_OK)
        return status;
    if (*is_again_out) {
        if (before_size != size || memcmp(before, manifest, size) != 0)
            status = cir__fail(
                err, CIR_MISMATCH,
                "%s: version %s was released with other content, as the plan or what was mined has changed "
                "since; give it a new version",
                curation->path, text);
    } else {
        const int step = find_step((const char *)before, before_size, manifest, size);
        bool is_enough = compare(&asked, &latest) > 0;
        for (int i = 0; i <= step && is_enough; i++)
            if (asked.parts[i] > latest.parts[i])
                break;
            else if (i == step)
                is_enough = false;
        if (!is_enough)
            status = cir__fail(err, CIR_ARGUMENT, "%s: after version %s, %s is too small a step: %s",
                               curation->path, latest_text, text, reasons[step]);
    }
    free(before);
    return status;
}

cir_status cir__release_put(cir_curation *curation, const char *text, const char *manifest, size_t size,
                            cir_error *err)
{
    cir__folder *folder;
    char name[64];
    uint8_t digest[CIR__SHA256_SIZE];
    (void)snprintf(name, sizeof name, "%.40s.jsonl", text);
    cir__sha256(manifest, size, digest);
    cir_status status = cir__folder_open_in(curation->folder, CIR__CURATION_RELEASES, false, &folder, err);
    if (status != CIR_OK)
        return status;
    status = cir__folder_replace(folder, name, 0666, manifest, size, err);
    cir__folder_close(folder);
    if (status == CIR_OK)
        status = cir__curation_begin(curation, true, err);
    if (status != CIR_OK)
        return status;
    status = cir__sql_run(
        curation->store, err,
        "INSERT OR IGNORE INTO release(version, clock, sha256) SELECT ?1, value, ?2 FROM setting WHERE "
        "key = 'clock'",
        "tb", text, (const void *)digest, sizeof digest);
    return cir__curation_end(curation, status, err);
}
