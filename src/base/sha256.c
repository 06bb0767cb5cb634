#include "base/sha256.h"

#include <nettle/sha2.h>

_Static_assert(CIR__SHA256_SIZE == SHA256_DIGEST_SIZE, "a digest has one size");

void cir__sha256(const void *bytes, size_t size, uint8_t digest_out[CIR__SHA256_SIZE])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, SHA256_DIGEST_SIZE, digest_out);
}
