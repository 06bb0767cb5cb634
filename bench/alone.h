/* A tower's products run without a model around them: what oneDNN does here at most. */
#ifndef CIR_BENCH_ALONE_H
#define CIR_BENCH_ALONE_H

#include "base/thread_pool.h"
#include "model/config.h"
#include "model/product.h"

/* One product run by all threads on blocks of rows: what oneDNN does here without a model around it. */
typedef struct alone {
    cir__product product;
    const cir__product *list;
    cir__lane **lanes; /* [n_threads] */
    float *rows;       /* [n_threads, block, n_in] */
    float *out;        /* [n_threads, block, n_out] */
    float *packed;
    float *bias;
    size_t n_threads;
} alone;

/* A tower's four products, alone. */
typedef struct alone_tower {
    alone products[4];
    double best[4]; /* seconds for some rows */
} alone_tower;

void cir__alone_tower_init(alone_tower *self, struct dnnl_engine *engine, const cir__tower_config *tower,
                           size_t n_threads);
void cir__alone_tower_done(alone_tower *self);

/* Runs each once; the best of all times counts. */
void cir__alone_tower_measure(alone_tower *self, cir_pool *pool);

/* Operations a second, the four weighted as a layer has them. */
double cir__alone_tower_rate(const alone_tower *self);

#endif
