#include "alone.h"

#include <math.h>
#include <stdlib.h>

#include "bench_measure.h"
#include "model/synthetic_model.h"
#include "shared/clock.h"

#define ALONE_ROWS 2048

static void alone_init(alone *self, struct dnnl_engine *engine, size_t n_in, size_t n_out,
                       cir__product_kind kind, size_t n_threads)
{
    cir_error err = {0};
    size_t block = cir__product_block_rows[0];
    cir__must(cir__product_init(&self->product, engine, n_in, n_out, CIR__PRODUCT_PLAIN, kind, &err), &err);
    self->list = &self->product;
    self->n_threads = n_threads;
    self->lanes = cir__take(n_threads, sizeof(cir__lane *));
    for (size_t i = 0; i < n_threads; i++)
        cir__must(cir__lane_new(engine, &self->list, 1, &self->lanes[i], &err), &err);
    self->rows = cir__take(n_threads * block * n_in, sizeof(float));
    self->out = cir__take(n_threads * block * n_out, sizeof(float));
    self->packed = cir__take(cir__product_packed_items(&self->product), sizeof(float));
    self->bias = cir__take(n_out, sizeof(float));
    cir__synthetic_draw("rows", n_threads * block * n_in, 2, self->rows);
    float *plain = cir__take(n_in * n_out, sizeof(float));
    cir__synthetic_draw("matrix", n_in * n_out, 0.0625F, plain);
    float *scales = cir__take(n_out, sizeof *scales);
    int32_t *sums = cir__take(n_out, sizeof *sums);
    cir__must(cir__product_pack(&self->product, engine, plain, self->packed, scales, sums, &err), &err);
    free(scales);
    free(sums);
    free(plain);
}

static void alone_done(alone *self)
{
    for (size_t i = 0; i < self->n_threads; i++)
        cir__lane_free(self->lanes[i]);
    free(self->lanes);
    free(self->rows);
    free(self->out);
    free(self->packed);
    free(self->bias);
    cir__product_done(&self->product);
}

static void alone_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_task;
    alone *self = context;
    size_t block = cir__product_block_rows[0];
    int entered = cir__product_enter();
    if (!cir__lane_run(self->lanes[i_thread], 0, 0, self->rows + i_thread * block * self->product.n_in,
                       self->packed, self->product.kind == CIR__PRODUCT_INT8 ? NULL : self->bias,
                       self->out + i_thread * block * self->product.n_out))
        cir__stop("oneDNN fails");
    cir__product_leave(entered);
}

static double alone_seconds(alone *self, cir_pool *pool)
{
    double start = cir__clock_seconds();
    cir__pool_run(pool, ALONE_ROWS / cir__product_block_rows[0], alone_task, self);
    return cir__clock_seconds() - start;
}

void cir__alone_tower_init(alone_tower *self, struct dnnl_engine *engine, const cir__tower_config *tower,
                           size_t n_threads)
{
    const size_t sides[4][2] = {{tower->width, 3 * tower->width},
                                {tower->width, tower->width},
                                {tower->width, tower->mlp_width},
                                {tower->mlp_width, tower->width}};
    static const cir__product_kind kinds[] = {CIR__PRODUCT_F32, CIR__PRODUCT_BF16, CIR__PRODUCT_INT8};
    for (size_t i = 0; i < 4; i++) {
        alone_init(&self->products[i], engine, sides[i][0], sides[i][1], kinds[tower->precision], n_threads);
        self->best[i] = 1e9;
    }
}

void cir__alone_tower_done(alone_tower *self)
{
    for (size_t i = 0; i < 4; i++)
        alone_done(&self->products[i]);
}

void cir__alone_tower_measure(alone_tower *self, cir_pool *pool)
{
    for (size_t i = 0; i < 4; i++)
        self->best[i] = fmin(self->best[i], alone_seconds(&self->products[i], pool));
}

double cir__alone_tower_rate(const alone_tower *self)
{
    double seconds = 0;
    double n_operations = 0;
    for (size_t i = 0; i < 4; i++) {
        seconds += self->best[i];
        n_operations += 2.0 * ALONE_ROWS * (double)self->products[i].product.n_in *
                        (double)self->products[i].product.n_out;
    }
    return n_operations / seconds;
}
