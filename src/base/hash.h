/* Fingerprints of bytes: XXH3, 128 bits. Not for security: nothing here guards against an adversary. */
#ifndef CIR_BASE_HASH_H
#define CIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define CIR__HASH_TEXT_SIZE 33 /* 32 hexadecimal digits and the final zero */

/* 64 bits of a run of bytes, for checksums of stored rows. */
uint64_t cir__hash64(const void *bytes, size_t size);

/* 128 bits of a run of bytes, most significant first, for recognising a file's content. */
void cir__hash128(const void *bytes, size_t size, uint8_t hash_out[16]);

/* A hash over several runs of bytes, one after another. */
typedef struct cir__hash cir__hash;
cir__hash *cir__hash_new(void); /* NULL when out of memory */
void cir__hash_push(cir__hash *hash, const void *bytes, size_t size);
void cir__hash_format(const cir__hash *hash, char text_out[CIR__HASH_TEXT_SIZE]);
void cir__hash_free(cir__hash *hash);

#endif
