#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct cir__hash {
    XXH3_state_t *state;
};

uint64_t cir__hash64(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

void cir__hash128(const void *bytes, size_t size, uint8_t hash_out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
    memcpy(hash_out, canonical.digest, sizeof canonical.digest);
}

cir__hash *cir__hash_new(void)
{
    cir__hash *hash = malloc(sizeof *hash);
    if (hash == NULL)
        return NULL;
    hash->state = XXH3_createState();
    if (hash->state == NULL) {
        free(hash);
        return NULL;
    }
    (void)XXH3_128bits_reset(hash->state);
    return hash;
}

void cir__hash_push(cir__hash *hash, const void *bytes, size_t size)
{
    (void)XXH3_128bits_update(hash->state, bytes, size);
}

void cir__hash_format(const cir__hash *hash, char text_out[CIR__HASH_TEXT_SIZE])
{
    XXH128_hash_t value = XXH3_128bits_digest(hash->state);
    (void)snprintf(text_out, CIR__HASH_TEXT_SIZE, "%016llx%016llx", (unsigned long long)value.high64,
                   (unsigned long long)value.low64);
}

void cir__hash_free(cir__hash *hash)
{
    if (hash != NULL)
        (void)XXH3_freeState(hash->state);
    free(hash);
}
