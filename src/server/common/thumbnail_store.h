/* Thumbnails, and the cameras of photos, kept on disk between runs: one SQLite file, beside the index where
 * that can be written and no other server has it, else in the user's cache. It holds nothing that cannot be
 * made again, and at most so many bytes: what was made longest ago goes first. A file that came with somebody
 * else's index is not trusted: nothing in it is run, no link is followed, and what takes seconds is given
 * up. */
#ifndef CIR_SERVER_THUMBNAIL_STORE_H
#define CIR_SERVER_THUMBNAIL_STORE_H

#include <stdbool.h>

#include "server/common/cache.h"

typedef struct cir__thumbnail_store cir__thumbnail_store;

/* NULL where there is no place to keep them. A file that is damaged, of another version or not as we make it
 * is made anew. */
cir__thumbnail_store *cir__thumbnail_store_open(const char *index_path);
void cir__thumbnail_store_close(cir__thumbnail_store *pictures); /* NULL is allowed */

/* Removes what is kept for an index. A server that has it open goes on with it until it ends. */
void cir__thumbnail_store_remove(const char *index_path);

/* NULL where it is not there. Any thread. pictures: NULL is allowed in both. */
cir__blob *cir__thumbnail_store_find(cir__thumbnail_store *pictures, const char *key);
void cir__thumbnail_store_put(cir__thumbnail_store *pictures, const char *key, const cir__blob *blob);

/* The camera of a photo as its file was at a time; "": it tells of none. false: that is not kept. */
enum { CIR__CAMERA_SIZE = 96 };
bool cir__thumbnail_store_find_camera(cir__thumbnail_store *pictures, size_t id, int64_t modified_ns,
                                      char name_out[CIR__CAMERA_SIZE]);
/* Many of these go into one transaction, which cir__thumbnail_store_commit ends. */
void cir__thumbnail_store_put_camera(cir__thumbnail_store *pictures, size_t id, int64_t modified_ns,
                                     const char *name);
void cir__thumbnail_store_commit(cir__thumbnail_store *pictures);

#endif
