/* What a composer keeps beside an index' vectors, so that the next one need not make it again. Every file can
 * be rebuilt: what cannot be read, or has another shape than expected, counts as not there, and what cannot
 * be written (read-only media, a full disk) is left out in silence.
 *
 *   corpus-KEY.npy       float32 [n_terms, dim]: unit features of a corpus; KEY names its terms
 *   projection-KEY.npy, text-projection-KEY.npy
 *                        float32 [n_directions, dim]; KEY names both corpora and the settings that it depends
 * on image-mean.json      the mean of the index' images, of which state and seed it is minima-KEY.json the
 * two minima and the rows they were estimated from; KEY names what else they depend on
 */
#ifndef CIR_METHOD_KEEP_H
#define CIR_METHOD_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/folder.h"
#include "method/normalise.h"

/* Reads KIND-KEY.npy with rows of dim numbers, all finite: *rows_out [*n_out, dim], free() it. n_wanted 0:
 * any number of rows. */
bool cir__keep_read_rows(const cir__folder *folder, const char *kind, const char *key, size_t n_wanted,
                         size_t dim, float **rows_out, size_t *n_out);
void cir__keep_write_rows(const cir__folder *folder, const char *kind, const char *key, const float *rows,
                          size_t n, size_t dim);

/* The image mean [dim] of an index in a state, drawn by a seed. */
bool cir__keep_read_mean(const cir__folder *folder, uint64_t state, uint64_t seed, size_t dim,
                         float *mean_out);
void cir__keep_write_mean(const cir__folder *folder, uint64_t state, uint64_t seed, const float *mean,
                          size_t dim, size_t n_images);

/* The minima and the rows, ascending, that they come from: ids [*n_ids_out], room for max_ids. */
bool cir__keep_read_minima(const cir__folder *folder, const char *key, cir__minima *minima_out,
                           size_t *ids_out, size_t max_ids, size_t *n_ids_out);
void cir__keep_write_minima(const cir__folder *folder, const char *key, const cir__minima *minima,
                            const size_t *ids, size_t n_ids);

#endif
