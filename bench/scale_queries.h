/* Composed queries for a synthetic index, in the shape of BASIC's (doc/method.md). */
#ifndef CIR_BENCH_SCALE_QUERIES_H
#define CIR_BENCH_SCALE_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/search.h"

/* Everything but the projection, without which a query is longer and codes tell less: photos are more rows of
 * the same kind as the index', texts are the direction of some cluster, both centred with the mean of 20,000
 * other such rows and min-normalised by the smallest similarity to 4,096 of these; Harris fusion, λ = 0.1. */
typedef struct bench__queries {
    size_t n, dim;
    float *image_mean;   /* [dim] */
    double *photos;      /* [n, dim], centred */
    float *texts;        /* [n, dim]: the queries' b */
    float *text_offsets; /* [n]: the queries' b0 */
    double min_image;    /* m, < 0 */
} bench__queries;

/* false, after a message on standard error, when out of memory. End with bench__queries_done. */
bool bench__queries_make(size_t n, size_t n_rows, size_t dim, uint64_t seed, bench__queries *queries_out);
void bench__queries_done(bench__queries *queries);

/* Query i with the photo's side from photo [dim] (queries->photos + i · dim, or that expanded), written to a
 * [dim], which the query lends. */
cir_query bench__query(const bench__queries *queries, size_t i, const double *photo, float *a);

#endif
