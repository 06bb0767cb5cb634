/* What can be made again, kept between processes in a folder of the user's: $CIR_CACHE, else
 * $XDG_CACHE_HOME/cir/computed, else $HOME/.cache/cir/computed; CIR_CACHE set and empty: nothing is kept.
 *
 * Never needed: every failure is a miss, and whatever is not as it was written is one, too: a file of another user,
 * a link, one that others may write, of another key, shorter, with other bytes. Nothing of it is trusted beyond what
 * its user may change anyway. The whole is bounded: what was not used for longest goes first.
 *
 * A file: head (64 bytes), payload, a checksum for each CIR__USER_CACHE_CHUNK of it. */
#ifndef CIR_BASE_USER_CACHE_H
#define CIR_BASE_USER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/pool.h"

#define CIR__USER_CACHE_BYTES ((uint64_t)6 << 30) /* of all files together; one takes half of it at most */
#define CIR__USER_CACHE_CHUNK ((size_t)4 << 20)

/* A payload that was found; lends it. Zeroed means none. */
typedef struct cir__user_cached {
    const uint8_t *data; /* aligned to 64 bytes */
    size_t size;
    cir__mapping mapping;
} cir__user_cached;

/* Whether there is a folder to keep things in, which is made where it is missing. */
bool cir__user_cache_is_usable(void);

/* What was put under kind (a short name of letters) and key (all that it depends on). Its checksums are compared
 * on the pool's threads, which may be NULL. False: nothing. End with cir__user_cached_done. */
bool cir__user_cache_find(const char *kind, const char *key, cir_pool *pool, cir__user_cached *found_out);
void cir__user_cached_done(cir__user_cached *found); /* a zeroed struct is allowed */

/* The same of exactly size bytes, copied. */
bool cir__user_cache_read(const char *kind, const char *key, void *payload_out, size_t size);

/* Keeps a payload in the place of what was there. False: it is not kept. */
bool cir__user_cache_put(const char *kind, const char *key, const void *payload, size_t size, cir_pool *pool);

#endif
