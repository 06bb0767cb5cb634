/* Thumbnails kept on disk between runs: one SQLite file, beside the index where that can be written, else in
 * the user's cache. It holds nothing that cannot be made again, and at most so many bytes: what was made
 * longest ago goes first. */
#ifndef CIR_SERVER_PICTURES_H
#define CIR_SERVER_PICTURES_H

#include "server/cache.h"

typedef struct cir__pictures cir__pictures;

/* NULL where there is no place to keep them. A file that is damaged or of another version is made anew. */
cir__pictures *cir__pictures_open(const char *index_path);
void cir__pictures_close(cir__pictures *pictures); /* NULL is allowed */

/* NULL where it is not there. Any thread. pictures: NULL is allowed in both. */
cir__blob *cir__pictures_find(cir__pictures *pictures, const char *key);
void cir__pictures_put(cir__pictures *pictures, const char *key, const cir__blob *blob);

#endif
