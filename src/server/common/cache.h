/* Bytes kept by key, bounded: what was asked for longest ago goes first. */
#ifndef CIR_SERVER_CACHE_H
#define CIR_SERVER_CACHE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes with several owners; they do not change once shared. */
typedef struct cir__blob {
    atomic_size_t n_owners;
    size_t size;
    _Alignas(16) uint8_t data[];
} cir__blob;

/* bytes: [size], or NULL for a blob that the caller fills. NULL when out of memory. */
cir__blob *cir__blob_new(const void *bytes, size_t size);
cir__blob *cir__blob_share(cir__blob *blob); /* one owner more; returns it */
void cir__blob_drop(cir__blob *blob);        /* NULL is allowed */

/* Used by any number of threads. */
typedef struct cir__cache cir__cache;

cir__cache *cir__cache_new(size_t max_bytes);
void cir__cache_free(cir__cache *cache); /* NULL is allowed */

/* Shared with the caller, who drops it; NULL where it is not there. */
cir__blob *cir__cache_find(cir__cache *cache, const char *key);

/* Keeps it, and takes the place of what had the key before. One that is larger than a quarter of the cache is
 * not kept. */
void cir__cache_put(cir__cache *cache, const char *key, cir__blob *blob);

typedef struct cir__cache_facts {
    size_t n_items, n_bytes;
    uint64_t n_hits, n_misses;
} cir__cache_facts;
cir__cache_facts cir__cache_get_facts(cir__cache *cache);

#endif
