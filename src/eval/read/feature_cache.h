/* Features of pictures kept between runs: an SQLite file for each model in a folder of the user's.
 *
 * A picture is known by where it lies and what the file system says of it (inode, size, times of change), and
 * behind that by its bytes: a file that was touched, copied or moved is read again but not encoded again, and
 * one whose bytes changed is never taken for what it was. A file changed so lately that a further change
 * could bear the same time is known by its bytes alone. Each feature bears a checksum; one that does not fit
 * is encoded again.
 *
 * The file's name holds the model's fingerprint, which covers weights and preprocessing, whether pictures
 * are left as they are stored, a number for how cir decodes and preprocesses, and its version. Writers commit
 * as they go, so that an interrupted run is continued; several may write at once. What cannot be written is
 * not an error of the evaluation: the cache notes it and writes no more. Not thread-safe. */
#ifndef CIR_EVAL_FEATURE_CACHE_H
#define CIR_EVAL_FEATURE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "cir/eval.h"
#include "cir/model.h"

/* All files of the folder together; the least recently used of other models go first. */
#define CIR__CACHE_MAX_BYTES ((uint64_t)16 << 30)

typedef struct cir__feature_cache cir__feature_cache;

/* Where a picture lies: a whole file, or a part of an archive. */
typedef struct cir__picture_place {
    const char *path; /* absolute */
    uint64_t offset;  /* 0: a whole file */
    uint64_t inode, size;
    int64_t changed_ns, modified_ns;
    bool is_settled; /* not changed within the last seconds */
} cir__picture_place;

/* Asks the file system about an absolute path. false: it cannot be told. */
bool cir__picture_place_find(const char *path, uint64_t offset, cir__picture_place *place_out);

/* Opens or makes the model's file in the folder, which is made where it is missing (its parent is not), and
 * drops files of others where there are too many bytes. A damaged file is made anew. Errors: CIR_PERMISSION,
 * CIR_FULL, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__feature_cache_open(const char *folder, const cir_model_info *model,
                                                  bool ignore_exif_rotation, uint64_t max_bytes,
                                                  cir__feature_cache **cache_out, cir_error *err);

/* Commits, says what became of it in report, which may be NULL, and closes; NULL is allowed. */
void cir__feature_cache_close(cir__feature_cache *cache, cir_cache_report *report);

/* A feature [dim] by its place, or by its content: the 128 bits of its bytes. The latter notes the new
 * place. */
bool cir__feature_cache_find(cir__feature_cache *cache, const cir__picture_place *place, float *feature_out);
bool cir__feature_cache_find_content(cir__feature_cache *cache, const uint8_t hash[16],
                                     const cir__picture_place *place, float *feature_out);

/* Keeps a feature [dim]. place: NULL, or not settled: by its content alone. */
void cir__feature_cache_put(cir__feature_cache *cache, const uint8_t hash[16],
                            const cir__picture_place *place, const float *feature);
void cir__feature_cache_commit(cir__feature_cache *cache);

#endif
