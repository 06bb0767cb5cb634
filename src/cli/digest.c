#include "cli/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#define CHUNK_BYTES ((size_t)1 << 18)

bool cir__digest_is(const char *text, size_t n_digits)
{
    return strspn(text, "0123456789abcdef") == n_digits;
}

static bool hash_stream(FILE *file, EVP_MD_CTX *hash, bool is_git)
{
    struct stat facts;
    if (is_git) {
        char head[32];
        if (fstat(fileno(file), &facts) != 0)
            return false;
        int size = snprintf(head, sizeof head, "blob %lld", (long long)facts.st_size);
        if (EVP_DigestUpdate(hash, head, (size_t)size + 1) != 1)
            return false;
    }
    char *chunk = malloc(CHUNK_BYTES);
    bool is_good = chunk != NULL;
    for (size_t n; is_good && (n = fread(chunk, 1, CHUNK_BYTES, file)) > 0;)
        is_good = EVP_DigestUpdate(hash, chunk, n) == 1;
    free(chunk);
    return is_good && ferror(file) == 0;
}

bool cir__digest_file(const char *path, bool is_git, char text_out[CIR__DIGEST_TEXT_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_good = hash != NULL && EVP_DigestInit_ex(hash, is_git ? EVP_sha1() : EVP_sha256(), NULL) == 1 &&
                   hash_stream(file, hash, is_git) && EVP_DigestFinal_ex(hash, bytes, &n) == 1;
    EVP_MD_CTX_free(hash);
    fclose(file);
    for (unsigned i = 0; i < n && is_good; i++)
        (void)snprintf(text_out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return is_good;
}
