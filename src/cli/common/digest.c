#include "cli/common/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <nettle/nettle-meta.h>

#define CHUNK_BYTES ((size_t)1 << 18)

bool cir__digest_is(const char *text, size_t n_digits)
{
    return strspn(text, "0123456789abcdef") == n_digits;
}

/* Git puts the content's kind and size in front of it. */
static bool push_head(FILE *file, const struct nettle_hash *kind, void *hash)
{
    struct stat facts;
    char head[32];
    if (fstat(fileno(file), &facts) != 0)
        return false;
    const int size = snprintf(head, sizeof head, "blob %lld", (long long)facts.st_size);
    kind->update(hash, (size_t)size + 1, (const uint8_t *)head);
    return true;
}

static bool push_content(FILE *file, const struct nettle_hash *kind, void *hash)
{
    uint8_t *chunk = malloc(CHUNK_BYTES);
    if (chunk == NULL)
        return false;
    for (size_t n; (n = fread(chunk, 1, CHUNK_BYTES, file)) > 0;)
        kind->update(hash, n, chunk);
    free(chunk);
    return ferror(file) == 0;
}

bool cir__digest_file(const char *path, bool is_git, char text_out[CIR__DIGEST_TEXT_SIZE])
{
    const struct nettle_hash *const kind = is_git ? &nettle_sha1 : &nettle_sha256;
    uint8_t bytes[(CIR__DIGEST_TEXT_SIZE - 1) / 2];
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    void *hash = malloc(kind->context_size);
    if (hash != NULL)
        kind->init(hash);
    const bool is_good =
        hash != NULL && (!is_git || push_head(file, kind, hash)) && push_content(file, kind, hash);
    if (is_good)
        kind->digest(hash, kind->digest_size, bytes);
    free(hash);
    fclose(file);
    for (unsigned i = 0; is_good && i < kind->digest_size; i++)
        (void)snprintf(text_out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return is_good;
}
