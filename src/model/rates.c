#include "model/rates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/user_cache.h"
#include "model/layer.h"
#include "model/processor.h"

/* To be raised whenever a layer's speed changes. */
#define REVISION 1

/* A layer like those of small encoders: its weights are larger than a core's caches. */
enum { WIDTH = 512, MLP_WIDTH = 2048, N_HEADS = 8, MAX_REPEATS = 5 };

#define KIND "rates"

bool cir__precision_is_supported(cir__precision precision)
{
    return precision == CIR__IN_F32 ||
           (precision == CIR__IN_BF16 ? cir__product_has_bf16() : cir__product_has_int8());
}

/* ---- a layer of drawn weights ---- */

typedef struct drawn {
    float *items; /* [3·WIDTH · MLP_WIDTH]: all of a layer's matrices begin here */
    cir__tensor_view matrix, head, vector, last;
    cir__layer_view layer;
    cir__tower_view tower;
} drawn;

static cir__tensor_view view_of(const float *items, size_t n_rows, size_t n_columns)
{
    return (cir__tensor_view){.name = "drawn",
                              .dtype = CIR__TENSOR_F32,
                              .n_dims = n_columns > 0 ? 2 : 1,
                              .shape = {n_rows, n_columns},
                              .n_items = n_rows * (n_columns > 0 ? n_columns : 1),
                              .data = (const uint8_t *)items};
}

static bool draw(drawn *self)
{
    const size_t n_items = (size_t)WIDTH * MLP_WIDTH;
    uint32_t state = 1;
    self->items = cir__new_unset(n_items, sizeof *self->items);
    if (self->items == NULL)
        return false;
    for (size_t i = 0; i < n_items; i++) {
        state = state * 1664525U + 1013904223U;
        self->items[i] = ((float)(state >> 16) / 32768.0F - 1.0F) / 16.0F;
    }
    self->matrix = view_of(self->items, WIDTH, WIDTH);
    self->head = view_of(self->items, MLP_WIDTH, WIDTH);
    self->last = view_of(self->items, WIDTH, MLP_WIDTH);
    self->vector = view_of(self->items, WIDTH, 0);
    const cir__affine_view square = {.weight = &self->matrix};
    const cir__affine_view norm = {.weight = &self->vector, .bias = &self->vector};
    self->layer = (cir__layer_view){.norm1 = norm,
                                    .query = square,
                                    .key = square,
                                    .value = square,
                                    .out = square,
                                    .norm2 = norm,
                                    .fc1 = {.weight = &self->head},
                                    .fc2 = {.weight = &self->last}};
    self->tower = (cir__tower_view){.layers = &self->layer, .final_norm = norm, .projection = square};
    return true;
}

/* ---- its time ---- */

/* Of this thread alone: what others do on the machine does not count. */
static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The best of a few; NaN where oneDNN fails. */
static double time_layer(const cir__tower *tower, cir__bench *bench, float *x, float *qkv)
{
    double best = INFINITY;
    for (int i = 0; i < MAX_REPEATS; i++) {
        const double begun = thread_seconds();
        if (!cir__layer_begin(tower, &tower->layers[0], 0, x, qkv, bench) ||
            !cir__layer_finish(tower, &tower->layers[0], 0, qkv, tower->attends_in_bf16, x, bench))
            return NAN;
        best = fmin(best, thread_seconds() - begun);
    }
    return best;
}

static void carve(const cir__tower *tower, cir__carver *room, cir__bench *bench, float **x, float **qkv)
{
    const size_t block = cir__product_block_rows[0];
    *x = cir__carver_take(room, block, WIDTH);
    *qkv = cir__carver_take(room, block, (size_t)3 * WIDTH);
    cir__bench_carve(bench, tower, room);
}

static cir_status measure_one(const drawn *weights, cir__precision precision, double *gops_out,
                              cir_error *err)
{
    const cir__tower_config config = {.width = WIDTH,
                                      .n_layers = 1,
                                      .n_heads = N_HEADS,
                                      .mlp_width = MLP_WIDTH,
                                      .max_tokens = 1,
                                      .activation = CIR__QUICK_GELU,
                                      .layer_norm_eps = 1e-5F,
                                      .precision = precision};
    const cir__product *products[CIR__N_TOWER_PRODUCTS];
    cir__tower *tower;
    cir__bench bench = {0};
    cir__carver room = {0};
    float *x, *qkv;
    cir_status status = cir__tower_new(&config, WIDTH, &weights->tower, NULL, NULL, &tower, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < CIR__N_TOWER_PRODUCTS; i++)
        products[i] = &tower->products[i];
    carve(tower, &room, &bench, &x, &qkv);
    float *memory = cir__carver_new_memory(&room);
    const int entered = cir__product_enter();
    status = memory != NULL ? cir__lane_new(tower->engine, products, CIR__N_TOWER_PRODUCTS, &bench.lane, err)
                            : cir__fail_memory(err, "speed of the processor");
    if (status == CIR_OK) {
        room = (cir__carver){.memory = memory};
        carve(tower, &room, &bench, &x, &qkv);
        for (size_t i = 0; i < cir__product_block_rows[0] * WIDTH; i++)
            x[i] = weights->items[i];
        const double seconds = time_layer(tower, &bench, x, qkv);
        const double n_operations =
            2.0 * (double)cir__product_block_rows[0] * WIDTH * (4.0 * WIDTH + 2.0 * MLP_WIDTH);
        if (seconds > 0 && isfinite(seconds))
            *gops_out = 1e-9 * n_operations / seconds;
        else
            status = cir__fail(err, CIR_UNSUPPORTED, "speed of the processor: oneDNN fails");
    }
    cir__lane_free(bench.lane);
    cir__product_leave(entered);
    free(memory);
    cir__tower_free(tower);
    return status;
}

cir_status cir__rates_measure(cir__rates *rates_out, cir_error *err)
{
    drawn weights;
    *rates_out = (cir__rates){0};
    if (!draw(&weights))
        return cir__fail_memory(err, "speed of the processor");
    cir_status status = CIR_OK;
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS && status == CIR_OK; i++)
        if (cir__precision_is_supported(i))
            status = measure_one(&weights, i, &rates_out->gops[i], err);
    free(weights.items);
    return status;
}

static bool are_rates(const cir__rates *rates)
{
    bool are = true;
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS; i++)
        are = are && isfinite(rates->gops[i]) && (rates->gops[i] > 0) == cir__precision_is_supported(i);
    return are;
}

cir_status cir__rates_get(cir__rates *rates_out, cir_error *err)
{
    char processor[CIR__PROCESSOR_TEXT_SIZE];
    char key[CIR__PROCESSOR_TEXT_SIZE + 32];
    cir__processor_describe(processor);
    (void)snprintf(key, sizeof key, "%d, %s", REVISION, processor);
    if (cir__user_cache_read(KIND, key, rates_out, sizeof *rates_out) && are_rates(rates_out))
        return CIR_OK;
    cir_status status = cir__rates_measure(rates_out, err);
    if (status == CIR_OK)
        (void)cir__user_cache_put(KIND, key, rates_out, sizeof *rates_out, NULL);
    return status;
}
