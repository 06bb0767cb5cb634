#include "cli/models/hub_checksums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIST_BYTES ((size_t)1 << 20)
#define URL_SIZE 2048

bool cir__checksums_are_known(const cir__checksums *self)
{
    return self->sha256[0] != '\0' || self->git_sha1[0] != '\0';
}

/* A list in memory, a zero behind it. */
typedef struct list {
    char bytes[MAX_LIST_BYTES + 1];
    size_t size;
    bool (*watch)(void *context);
    void *context;
} list;

static bool take_told(void *context, const cir__hub_told *told, bool is_last)
{
    (void)context;
    (void)told;
    (void)is_last;
    return true;
}

static bool take_bytes(void *context, const char *bytes, size_t size)
{
    list *self = context;
    if (size > MAX_LIST_BYTES - self->size)
        return false;
    memcpy(self->bytes + self->size, bytes, size);
    self->size += size;
    return true;
}

static bool watch_list(void *context)
{
    list *self = context;
    return self->watch(self->context);
}

void cir__checksums_find(cir__checksums *self, cir__hub *hub, const char *folder_url, const char *name,
                         bool (*watch)(void *context), void *context)
{
    char url[URL_SIZE];
    list *sums = calloc(1, sizeof *sums);
    if (sums == NULL)
        return;
    sums->watch = watch;
    sums->context = context;
    (void)snprintf(url, sizeof url, "%s/SHA256SUMS", folder_url);
    cir__hub_request request = {
        .url = url, .context = sums, .take_told = take_told, .take_bytes = take_bytes, .watch = watch_list};
    bool is_read = cir__hub_get(hub, &request);
    char *rest = sums->bytes;
    for (char *line; is_read && (line = strsep(&rest, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = '\0';
        if (cir__digest_is(line, 64) && line[64] == ' ' && line[65] != '\0' && strcmp(line + 66, name) == 0)
            (void)snprintf(self->sha256, sizeof self->sha256, "%.64s", line);
    }
    free(sums);
}

bool cir__checksums_match(const cir__checksums *self, const char *path,
                          char sha256_out[CIR__DIGEST_TEXT_SIZE], bool *is_read_out)
{
    char git[CIR__DIGEST_TEXT_SIZE] = "";
    bool is_git = self->sha256[0] == '\0';
    *is_read_out =
        cir__digest_file(path, false, sha256_out) && (!is_git || cir__digest_file(path, true, git));
    return *is_read_out && strcmp(is_git ? git : sha256_out, is_git ? self->git_sha1 : self->sha256) == 0;
}
