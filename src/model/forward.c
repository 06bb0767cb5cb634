#include "model/forward.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "model/attention.h"
#include "model/carver.h"
#include "model/layer.h"
#include "model/onednn.h"

/* Queries of a head that are looked at together: bounds the memory of their scores. */
#define QUERY_ROWS 128

/* Fewest rows of a batch for which blocks of each size are best: large ones read the weights less often,
 * small ones let several threads share one picture. */
static const size_t fewest_rows[CIR__N_PRODUCT_BLOCKS] = {512, 256, 40, 0};

/* What one thread writes while it works. */
typedef struct bench {
    cir__bench own;
    float *scores;      /* [QUERY_ROWS, max_tokens]; where the tower does not attend in bf16 */
    const float **keys; /* [max_tokens] */
} bench;

/* A run of rows with kernels of its own size. */
typedef struct block {
    size_t first_row;
    size_t i_block; /* index into cir__product_block_rows */
} block;

struct cir__forward {
    const cir__tower *tower;
    const cir__product *products[CIR__N_TOWER_PRODUCTS];
    size_t n_threads;
    size_t max_rows;
    size_t max_tokens;
    bench *benches;            /* [n_threads] */
    cir__attention *attention; /* where the tower attends in bf16; else NULL */
    float *x;                  /* [max_rows, width] */
    float *qkv;                /* [max_rows, 3·width]; both hold bfloat16 where the tower attends in it */
    float *mixed;              /* [max_rows, width]: what attention gives */
    float *memory;             /* holds all arrays of floats */
    block *blocks;
    size_t n_blocks;
    const cir__batch *batch;
    float *features;
    size_t i_layer; /* the step being run */
    bool is_short;  /* it is the last layer's, and only the rows that are read matter */
    atomic_bool has_failed;
};

static void carve(cir__forward *self, cir__carver *room)
{
    size_t width = self->tower->config.width;
    self->x = cir__carver_take(room, self->max_rows, width);
    self->qkv = cir__carver_take(room, self->max_rows, 3 * width);
    self->mixed = cir__carver_take(room, self->max_rows, width);
    for (size_t i = 0; i < self->n_threads; i++) {
        cir__bench_carve(&self->benches[i].own, self->tower, room);
        self->benches[i].scores = cir__carver_take(room, QUERY_ROWS, self->max_tokens);
    }
}

static bool take_memory(cir__forward *self)
{
    self->benches = cir__new(self->n_threads, sizeof *self->benches);
    self->blocks = cir__new(self->max_rows / CIR__PRODUCT_ROWS_MULTIPLE, sizeof *self->blocks);
    if (self->benches == NULL || self->blocks == NULL)
        return false;
    cir__carver room = {0};
    carve(self, &room);
    /* Zeroed: rows that fill up the last block are read. */
    self->memory = cir__carver_new_memory(&room);
    room = (cir__carver){.memory = self->memory};
    carve(self, &room);
    bool is_good = self->memory != NULL;
    for (size_t i = 0; i < self->n_threads && is_good; i++) {
        self->benches[i].keys = cir__new(self->max_tokens, sizeof *self->benches[i].keys);
        is_good = self->benches[i].keys != NULL;
    }
    return is_good;
}

cir_status cir__forward_new(const cir__tower *tower, cir_pool *pool, size_t max_rows, size_t max_tokens,
                            cir__forward **forward_out, cir_error *err)
{
    *forward_out = NULL;
    cir__forward *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "encoder");
    self->tower = tower;
    self->n_threads = cir_pool_get_n_threads(pool);
    self->max_rows =
        (max_rows + CIR__PRODUCT_ROWS_MULTIPLE - 1) / CIR__PRODUCT_ROWS_MULTIPLE * CIR__PRODUCT_ROWS_MULTIPLE;
    self->max_tokens = max_tokens;
    for (size_t i = 0; i < CIR__N_TOWER_PRODUCTS; i++)
        self->products[i] = &tower->products[i];
    cir_status status = take_memory(self) ? CIR_OK : cir__fail_memory(err, "encoder");
    for (size_t i = 0; i < self->n_threads && status == CIR_OK; i++)
        status = cir__lane_new(tower->engine, self->products, CIR__N_TOWER_PRODUCTS,
                               &self->benches[i].own.lane, err);
    if (status == CIR_OK && tower->attends_in_bf16)
        status = cir__attention_new(tower->engine, self->n_threads, max_tokens, tower->config.width,
                                    tower->config.width / tower->config.n_heads, &self->attention, err);
    if (status != CIR_OK) {
        cir__forward_free(self);
        return status;
    }
    *forward_out = self;
    return CIR_OK;
}

void cir__forward_free(cir__forward *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; self->benches != NULL && i < self->n_threads; i++) {
        cir__lane_free(self->benches[i].own.lane);
        free(self->benches[i].keys);
    }
    cir__attention_free(self->attention);
    free(self->benches);
    free(self->blocks);
    free(self->memory);
    free(self);
}

/* Cuts n_rows into blocks of the size that suits them, and smaller ones for the rest. */
static void cut(cir__forward *self, size_t n_rows)
{
    size_t i_block = 0;
    while (n_rows < fewest_rows[i_block])
        i_block++;
    self->n_blocks = 0;
    for (size_t row = 0; row < n_rows; row += cir__product_block_rows[i_block]) {
        while (i_block + 1 < CIR__N_PRODUCT_BLOCKS && cir__product_block_rows[i_block] > n_rows - row)
            i_block++;
        self->blocks[self->n_blocks++] = (block){row, i_block};
    }
}

static bool embed_rows(cir__forward *self, const block *rows, cir__bench *own)
{
    const cir__batch *batch = self->batch;
    size_t n_rows = batch->n_rows - rows->first_row;
    size_t block_rows = cir__product_block_rows[rows->i_block];
    return batch->embed(batch->embed_context, own->lane, rows->i_block, rows->first_row,
                        n_rows < block_rows ? n_rows : block_rows, own->wide,
                        self->x + rows->first_row * self->tower->config.width);
}

/* Row r of what attention gives. */
static void *find_mixed(const cir__forward *self, size_t r)
{
    size_t width = self->tower->config.width;
    return self->attention != NULL ? (void *)((uint16_t *)self->mixed + r * width)
                                   : (void *)(self->mixed + r * width);
}

/* Row r of queries, keys and values. */
static void *find_qkv(const cir__forward *self, size_t r)
{
    size_t width = self->tower->config.width;
    return self->attention != NULL ? (void *)((uint16_t *)self->qkv + r * 3 * width)
                                   : (void *)(self->qkv + r * 3 * width);
}

/* The second half of a layer: joins what attention gave to all_x, then the perceptron. */
static bool finish_layer(cir__forward *self, const cir__layer *layer, const block *rows, float *all_x,
                         cir__bench *own)
{
    return cir__layer_finish(self->tower, layer, rows->i_block, find_mixed(self, rows->first_row),
                             self->attention != NULL, all_x + rows->first_row * self->tower->config.width,
                             own);
}

/* Step i_layer: ends layer i_layer − 1, or embeds, and begins layer i_layer, if there is one. */
static void rows_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    const block *rows = &self->blocks[i_task];
    cir__bench *own = &self->benches[i_thread].own;
    size_t i = self->i_layer;
    int entered = cir__product_enter();
    bool is_done = i == 0 ? embed_rows(self, rows, own)
                          : finish_layer(self, &self->tower->layers[i - 1], rows, self->x, own);
    if (is_done && i < self->tower->config.n_layers)
        is_done = cir__layer_begin(self->tower, &self->tower->layers[i], rows->i_block,
                                   self->x + rows->first_row * self->tower->config.width,
                                   find_qkv(self, rows->first_row), own);
    cir__product_leave(entered);
    if (!is_done)
        atomic_store(&self->has_failed, true);
}

/* One head's attention of the queries [first, end) to n_tokens tokens, in groups, to the rows of mixed.
 * Tokens are 3·width apart in qkv. */
static bool attend(const float *qkv, size_t first, size_t end, size_t n_tokens, size_t width,
                   size_t head_width, const cir__rowwise *rowwise, float *scores, float *mixed)
{
    const float *keys = qkv + width;
    const float *values = keys + width;
    float scale = 1.0F / sqrtf((float)head_width);
    for (; first < end; first += QUERY_ROWS) {
        size_t n = end - first < QUERY_ROWS ? end - first : QUERY_ROWS;
        if (!cir__multiply(true, n, n_tokens, head_width, scale, qkv + first * 3 * width, 3 * width, keys,
                           3 * width, scores, n_tokens))
            return false;
        for (size_t i = 0; i < n; i++)
            rowwise->softmax(scores + i * n_tokens, n_tokens, 1.0F);
        if (!cir__multiply(false, n, head_width, n_tokens, 1.0F, scores, n_tokens, values, 3 * width, mixed,
                           width))
            return false;
        mixed += n * width;
    }
    return true;
}

/* One head of one sequence; of the last layer only the query that is read. */
static void attention_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    const cir__tower_config *config = &self->tower->config;
    size_t i_sequence = i_task / config->n_heads;
    size_t i_head = i_task % config->n_heads;
    size_t head_width = config->width / config->n_heads;
    size_t start = self->batch->starts[i_sequence];
    size_t n_tokens = self->batch->starts[i_sequence + 1] - start;
    size_t first = 0;
    size_t end = n_tokens;
    size_t row = start; /* of mixed */
    if (self->is_short) {
        first = self->batch->pooled[i_sequence] - start;
        end = first + 1;
        row = i_sequence;
    }
    size_t column = i_head * head_width;
    const cir__rowwise *rowwise = self->tower->rowwise;
    int entered = cir__product_enter();
    bool is_done =
        self->attention != NULL
            ? cir__attention_run(self->attention, rowwise, i_thread, self->is_short,
                                 (uint16_t *)find_qkv(self, start) + column,
                                 (uint16_t *)find_mixed(self, row) + column)
            : attend((float *)find_qkv(self, start) + column, first, end, n_tokens, config->width, head_width,
                     rowwise, self->benches[i_thread].scores, (float *)find_mixed(self, row) + column);
    if (!is_done)
        atomic_store(&self->has_failed, true);
    cir__product_leave(entered);
}

/* The keys of a row that a path names; its values stand width behind. */
static const float *find_keys(const cir__forward *self, uint32_t seen)
{
    size_t width = self->tower->config.width;
    if (seen < CIR__PATHS_CACHED)
        return self->qkv + (size_t)seen * 3 * width + width;
    size_t row = seen - CIR__PATHS_CACHED;
    return self->batch->paths->prefix_cache +
           (row * self->tower->config.n_layers + self->i_layer) * 2 * width;
}

/* One row's attention, all heads: what it sees is short, and its numbers must not depend on who sees it with
 * it. */
static void follow_path(const cir__forward *self, size_t row, bench *own, float *mixed)
{
    const cir__tower_config *config = &self->tower->config;
    const cir__paths *paths = self->batch->paths;
    const uint32_t *seen = paths->seen + paths->first[row];
    size_t n_seen = paths->first[row + 1] - paths->first[row];
    size_t head_width = config->width / config->n_heads;
    for (size_t j = 0; j < n_seen; j++)
        own->keys[j] = find_keys(self, seen[j]);
    self->tower->rowwise->attend(self->qkv + row * 3 * config->width, own->keys, n_seen, config->width,
                                 config->n_heads, head_width, 1.0F / sqrtf((float)head_width), own->scores,
                                 mixed);
}

#define PATH_ROWS 16

/* Some rows; of the last layer only those that are read. */
static void paths_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    const cir__batch *batch = self->batch;
    size_t width = self->tower->config.width;
    size_t n = self->is_short ? batch->n_sequences : batch->n_rows;
    for (size_t i = i_task * PATH_ROWS; i < n && i < (i_task + 1) * PATH_ROWS; i++)
        follow_path(self, self->is_short ? batch->pooled[i] : i, &self->benches[i_thread],
                    self->mixed + i * width);
}

/* Takes this layer's keys and values out for other batches. */
static void keep_layer(const cir__forward *self)
{
    size_t width = self->tower->config.width;
    size_t n_layers = self->tower->config.n_layers;
    float *out = self->batch->paths->cache_out;
    for (size_t row = 0; row < self->batch->n_rows; row++)
        memcpy(out + (row * n_layers + self->i_layer) * 2 * width, self->qkv + row * 3 * width + width,
               2 * width * sizeof *out);
}

static void run_attention(cir__forward *self, cir_pool *pool)
{
    const cir__batch *batch = self->batch;
    if (batch->paths == NULL) {
        cir__pool_run(pool, batch->n_sequences * self->tower->config.n_heads, attention_task, self);
        return;
    }
    if (batch->paths->cache_out != NULL)
        keep_layer(self);
    size_t n = self->is_short ? batch->n_sequences : batch->n_rows;
    cir__pool_run(pool, (n + PATH_ROWS - 1) / PATH_ROWS, paths_task, self);
}

/* The end of the last layer for the rows that are read alone: they stand in mixed already, and come to stand
 * in x. */
static void finish_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    const block *rows = &self->blocks[i_task];
    int entered = cir__product_enter();
    if (!finish_layer(self, &self->tower->layers[self->tower->config.n_layers - 1], rows, self->qkv,
                      &self->benches[i_thread].own))
        atomic_store(&self->has_failed, true);
    cir__product_leave(entered);
}

/* What attention needed qkv for is over: the rows that are read take its place. */
static void finish_short(cir__forward *self, cir_pool *pool)
{
    const cir__batch *batch = self->batch;
    size_t width = self->tower->config.width;
    for (size_t i = 0; i < batch->n_sequences; i++)
        memcpy(self->qkv + i * width, self->x + batch->pooled[i] * width, width * sizeof *self->x);
    cut(self, batch->n_sequences);
    cir__pool_run(pool, self->n_blocks, finish_task, self);
}

/* Pooled rows → features, in blocks of the smallest size: a small part of the work. */
static void pool_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    const cir__tower *tower = self->tower;
    const cir__batch *batch = self->batch;
    size_t width = tower->config.width;
    size_t i_block = CIR__N_PRODUCT_BLOCKS - 1;
    size_t block_rows = cir__product_block_rows[i_block];
    cir__bench *own = &self->benches[i_thread].own;
    size_t first = i_task * block_rows;
    size_t n = batch->n_sequences - first < block_rows ? batch->n_sequences - first : block_rows;
    for (size_t i = 0; i < n; i++) {
        const float *x =
            self->is_short ? self->qkv + (first + i) * width : self->x + batch->pooled[first + i] * width;
        tower->rowwise->norm(x, width, tower->final_norm.weight, tower->final_norm.bias,
                             tower->config.layer_norm_eps, own->norm + i * width);
    }
    int entered = cir__product_enter();
    if (!cir__lane_run(own->lane, CIR__TOWER_PROJECT, i_block, own->norm, tower->projection.weight,
                       tower->projection.bias, own->wide))
        atomic_store(&self->has_failed, true);
    cir__product_leave(entered);
    memcpy(self->features + first * tower->dim, own->wide, n * tower->dim * sizeof *own->wide);
}

/* The head's attention over one sequence, whose normed rows replace x, to a row of mixed. */
static bool seek(cir__forward *self, size_t i_sequence, bench *own)
{
    const cir__tower *tower = self->tower;
    const cir__head *head = &tower->head;
    size_t width = tower->config.width;
    size_t head_width = width / tower->config.n_heads;
    size_t first = self->batch->starts[i_sequence];
    size_t n_tokens = self->batch->starts[i_sequence + 1] - first;
    float *x = self->x + first * width;
    float *mixed = self->mixed + i_sequence * width;
    for (size_t i = 0; i < n_tokens; i++)
        tower->rowwise->norm(x + i * width, width, tower->final_norm.weight, tower->final_norm.bias,
                             tower->config.layer_norm_eps, x + i * width);
    for (size_t h = 0; h < tower->config.n_heads; h++) {
        float *sum = own->own.norm; /* [width] */
        if (!cir__multiply(true, 1, n_tokens, width, 1.0F, head->seekers + h * width, width, x, width,
                           own->scores, n_tokens))
            return false;
        tower->rowwise->softmax(own->scores, n_tokens, 1.0F);
        if (!cir__multiply(false, 1, width, n_tokens, 1.0F, own->scores, n_tokens, x, width, sum, width) ||
            !cir__multiply(true, 1, head_width, width, 1.0F, sum, width, head->value + h * head_width * width,
                           width, mixed + h * head_width, head_width))
            return false;
    }
    for (size_t i = 0; i < width; i++)
        mixed[i] += head->value_bias[i];
    return true;
}

static void seek_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    int entered = cir__product_enter();
    if (!seek(self, i_task, &self->benches[i_thread]))
        atomic_store(&self->has_failed, true);
    cir__product_leave(entered);
}

/* The head's half layer, on one row a sequence. What attention needed qkv for is over: its rows are taken. */
static void head_task(void *context, size_t i_task, size_t i_thread)
{
    cir__forward *self = context;
    size_t width = self->tower->config.width;
    size_t i_block = CIR__N_PRODUCT_BLOCKS - 1;
    size_t block_rows = cir__product_block_rows[i_block];
    size_t n = self->batch->n_sequences - i_task * block_rows;
    size_t first_row = i_task * block_rows;
    float *x = self->qkv + first_row * width;
    memset(x, 0, block_rows * width * sizeof *x);
    int entered = cir__product_enter();
    /* What the head mixed is f32. */
    if (!cir__layer_finish(self->tower, &self->tower->head.half, i_block, self->mixed + first_row * width,
                           false, x, &self->benches[i_thread].own))
        atomic_store(&self->has_failed, true);
    cir__product_leave(entered);
    memcpy(self->features + first_row * width, x, (n < block_rows ? n : block_rows) * width * sizeof *x);
}

cir_status cir__forward_run(cir__forward *self, cir_pool *pool, const cir__batch *batch, float *features_out,
                            size_t *i_bad_out, cir_error *err)
{
    *i_bad_out = 0;
    const cir__tower_config *config = &self->tower->config;
    bool has_head = self->tower->head.seekers != NULL;
    /* A head reads all rows, and so does a hook. */
    bool may_be_short = !has_head && batch->hook == NULL;
    self->batch = batch;
    self->features = features_out;
    self->is_short = false;
    if (!cir__onednn_has_room(self->n_threads))
        return cir__fail_memory(err, "encoder");
    cut(self, batch->n_rows);
    for (size_t i = 0; i <= config->n_layers && !self->is_short; i++) {
        self->i_layer = i;
        cir__pool_run(pool, self->n_blocks, rows_task, self);
        if (batch->hook != NULL)
            batch->hook(batch->hook_context, i, self->x, batch->n_rows);
        self->is_short = may_be_short && i + 1 == config->n_layers;
        if (i < config->n_layers)
            run_attention(self, pool);
    }
    if (self->is_short)
        finish_short(self, pool);
    size_t last = cir__product_block_rows[CIR__N_PRODUCT_BLOCKS - 1];
    size_t n_pooled = (batch->n_sequences + last - 1) / last;
    if (has_head)
        cir__pool_run(pool, batch->n_sequences, seek_task, self);
    cir__pool_run(pool, n_pooled, has_head ? head_task : pool_task, self);
    if (atomic_load(&self->has_failed))
        return cir__fail(err, CIR_UNSUPPORTED, "encoder: oneDNN fails on a product that it has accepted");
    const cir_status status = cir__tower_check_read(self->tower, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; i < batch->n_sequences; i++)
        if (!cir__unit_row(features_out + i * self->tower->dim, self->tower->dim)) {
            *i_bad_out = i;
            return CIR_FORMAT;
        }
    return CIR_OK;
}
