/* SHA-256, for files whose publisher gives one: a thin seam over nettle. */
#ifndef CIR_BASE_SHA256_H
#define CIR_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define CIR__SHA256_SIZE 32

void cir__sha256(const void *bytes, size_t size, uint8_t digest_out[CIR__SHA256_SIZE]);

#endif
