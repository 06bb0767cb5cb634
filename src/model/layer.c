#include "model/layer.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void cir__bench_carve(cir__bench *bench, const cir__tower *tower, cir__carver *room)
{
    const cir__tower_config *config = &tower->config;
    size_t block = cir__product_block_rows[0];
    size_t widest = larger(config->mlp_width, larger(tower->dim, tower->n_patch));
    size_t widest_out = larger(3 * config->width, config->mlp_width);
    bench->norm = cir__carver_take(room, block, config->width);
    bench->wide = cir__carver_take(room, block, widest);
    bench->row = cir__carver_take(room, 1, larger(widest, widest_out));
    if (config->precision != CIR__IN_INT8)
        return;
    bench->sums = (int32_t *)cir__carver_take(room, block, widest_out);
    bench->steps = (cir__step *)cir__carver_take(room, block, sizeof *bench->steps / sizeof(float));
}

/* Makes row r of a block what products take. */
static void narrow(const cir__tower *tower, const float *row, size_t r, size_t n, void *out,
                   cir__bench *bench)
{
    if (tower->config.precision == CIR__IN_BF16)
        tower->rowwise->round(row, n, (uint16_t *)out + r * n);
    else
        bench->steps[r] = tower->rowwise->quantise(row, n, (uint8_t *)out + r * n);
}

static void norm_rows(const cir__tower *tower, const cir__norm *norm, size_t n_rows, const float *x,
                      cir__bench *bench)
{
    size_t n = tower->config.width;
    bool is_narrow = tower->config.precision != CIR__IN_F32;
    for (size_t r = 0; r < n_rows; r++) {
        float *out = is_narrow ? bench->row : bench->norm + r * n;
        tower->rowwise->norm(x + r * n, n, norm->weight, norm->bias, tower->config.layer_norm_eps, out);
        if (is_narrow)
            narrow(tower, out, r, n, bench->norm, bench);
    }
}

/* What attention gave as products take it: itself, or a copy in norm's place. */
static const void *take_mixed(const cir__tower *tower, const void *mixed, bool is_bf16, size_t n_rows,
                              cir__bench *bench)
{
    size_t n = tower->config.width;
    cir__precision precision = tower->config.precision;
    if (precision == (is_bf16 ? CIR__IN_BF16 : CIR__IN_F32))
        return mixed;
    for (size_t r = 0; r < n_rows; r++) {
        const float *row = (const float *)mixed + r * n;
        if (is_bf16) {
            tower->rowwise->widen((const uint16_t *)mixed + r * n, n, bench->row);
            row = bench->row;
        }
        narrow(tower, row, r, n, bench->norm, bench);
    }
    return bench->norm;
}

/* In int8: one product of rows that were narrowed last, as bare sums. */
static bool sum_up(size_t i_product, size_t i_block, const void *rows, const cir__packed *packed,
                   cir__bench *bench)
{
    return cir__lane_run(bench->lane, i_product, i_block, rows, packed->weight, NULL, bench->sums);
}

/* In int8: row r of those sums as numbers. */
static void restore(const cir__tower *tower, const cir__packed *packed, size_t r, size_t n, float *out,
                    const cir__bench *bench)
{
    tower->rowwise->restore(bench->sums + r * n, n, bench->steps[r], packed->scales, packed->sums,
                            packed->bias, out);
}

static void restore_add(const cir__tower *tower, const cir__packed *packed, size_t n_rows, float *x,
                        const cir__bench *bench)
{
    size_t n = tower->config.width;
    for (size_t r = 0; r < n_rows; r++)
        tower->rowwise->restore_add(bench->sums + r * n, n, bench->steps[r], packed->scales, packed->sums,
                                    packed->bias, x + r * n);
}

bool cir__layer_begin(const cir__tower *tower, const cir__layer *layer, size_t i_block, const float *x,
                      void *qkv_out, cir__bench *bench)
{
    size_t n_rows = cir__product_block_rows[i_block];
    size_t n = 3 * tower->config.width;
    norm_rows(tower, &layer->norm1, n_rows, x, bench);
    if (tower->config.precision != CIR__IN_INT8)
        return cir__lane_run(bench->lane, CIR__TOWER_QKV, i_block, bench->norm, layer->qkv.weight,
                             layer->qkv.bias, qkv_out);
    if (!sum_up(CIR__TOWER_QKV, i_block, bench->norm, &layer->qkv, bench))
        return false;
    for (size_t r = 0; r < n_rows; r++) {
        float *out = tower->attends_in_bf16 ? bench->row : (float *)qkv_out + r * n;
        restore(tower, &layer->qkv, r, n, out, bench);
        if (tower->attends_in_bf16)
            tower->rowwise->round(out, n, (uint16_t *)qkv_out + r * n);
    }
    return true;
}

static bool finish_int8(const cir__tower *tower, const cir__layer *layer, size_t i_block, const void *mixed,
                        float *x, cir__bench *bench)
{
    static const cir__curve curves[] = {[CIR__QUICK_GELU] = CIR__CURVE_QUICK_GELU,
                                        [CIR__GELU] = CIR__CURVE_GELU,
                                        [CIR__GELU_TANH] = CIR__CURVE_GELU_TANH};
    size_t n_rows = cir__product_block_rows[i_block];
    size_t mlp_width = tower->config.mlp_width;
    if (!sum_up(CIR__TOWER_OUT, i_block, mixed, &layer->out, bench))
        return false;
    restore_add(tower, &layer->out, n_rows, x, bench);
    norm_rows(tower, &layer->norm2, n_rows, x, bench);
    if (!sum_up(CIR__TOWER_FC1, i_block, bench->norm, &layer->fc1, bench))
        return false;
    for (size_t r = 0; r < n_rows; r++) {
        restore(tower, &layer->fc1, r, mlp_width, bench->row, bench);
        tower->rowwise->bend(bench->row, mlp_width, curves[tower->config.activation]);
        narrow(tower, bench->row, r, mlp_width, bench->wide, bench);
    }
    if (!sum_up(CIR__TOWER_FC2, i_block, bench->wide, &layer->fc2, bench))
        return false;
    restore_add(tower, &layer->fc2, n_rows, x, bench);
    return true;
}

bool cir__layer_finish(const cir__tower *tower, const cir__layer *layer, size_t i_block, const void *mixed,
                       bool is_mixed_bf16, float *x, cir__bench *bench)
{
    size_t n_rows = cir__product_block_rows[i_block];
    mixed = take_mixed(tower, mixed, is_mixed_bf16, n_rows, bench);
    if (tower->config.precision == CIR__IN_INT8)
        return finish_int8(tower, layer, i_block, mixed, x, bench);
    if (!cir__lane_run(bench->lane, CIR__TOWER_OUT, i_block, mixed, layer->out.weight, layer->out.bias, x))
        return false;
    norm_rows(tower, &layer->norm2, n_rows, x, bench);
    return cir__lane_run(bench->lane, CIR__TOWER_FC1, i_block, bench->norm, layer->fc1.weight,
                         layer->fc1.bias, bench->wide) &&
           cir__lane_run(bench->lane, CIR__TOWER_FC2, i_block, bench->wide, layer->fc2.weight,
                         layer->fc2.bias, x);
}
