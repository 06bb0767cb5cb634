/* oneDNN's inner product with weights in the layout that it prefers, which does
 * not depend on the number of rows: the largest block chooses it, the others are made for it.
 *
 * Memory objects carry a pointer as state, so each thread has its own set, a lane, made once a call. */
#include "model/product.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/onednn.h"
#include "model/rowwise.h"

/* libgomp's; its header is the compiler's own and clang has none. */
extern void omp_set_num_threads(int n_threads);
extern int omp_get_max_threads(void);

const size_t cir__product_block_rows[CIR__N_PRODUCT_BLOCKS] = {128, 64, 32, 8};

/* Arguments of one primitive. */
enum { ROWS, WEIGHTS, BIAS, OUT, SCRATCH, N_ARGUMENTS };
static const int argument_names[N_ARGUMENTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                                                DNNL_ARG_SCRATCHPAD};

struct cir__lane {
    dnnl_stream_t stream;
    size_t n_products;
    const cir__product *const *products;
    dnnl_memory_t (*memories)[CIR__N_PRODUCT_BLOCKS][N_ARGUMENTS]; /* [n_products] */
    void *scratch;
};

static cir_status fail_dnnl(cir_error *err, dnnl_status_t failure, const char *what)
{
    if (failure == dnnl_out_of_memory)
        return cir__fail_memory(err, what);
    return cir__fail(err, CIR_UNSUPPORTED, "%s: oneDNN answers with status %d; its version is %d.%d.%d", what,
                     (int)failure, dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch);
}

int cir__product_enter(void)
{
    int n_threads = omp_get_max_threads();
    omp_set_num_threads(1);
    return n_threads;
}

void cir__product_leave(int entered)
{
    omp_set_num_threads(entered);
}

bool cir__product_has_int8(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") != 0;
#else
    return false;
#endif
}

bool cir__product_has_bf16(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
}

cir_status cir__engine_new(struct dnnl_engine **engine_out, cir_error *err)
{
    *engine_out = NULL;
    if (!cir__onednn_has_room(1))
        return cir__fail_memory(err, "model");
    dnnl_status_t failure = dnnl_engine_create(engine_out, dnnl_cpu, 0);
    return failure == dnnl_success ? CIR_OK : fail_dnnl(err, failure, "model");
}

void cir__engine_free(struct dnnl_engine *engine)
{
    if (engine != NULL)
        (void)dnnl_engine_destroy(engine);
}

static dnnl_status_t make_attributes(cir__product_end end, dnnl_primitive_attr_t *attributes_out)
{
    dnnl_status_t failure = dnnl_primitive_attr_create(attributes_out);
    if (failure != dnnl_success)
        return failure;
    failure = dnnl_primitive_attr_set_scratchpad_mode(*attributes_out, dnnl_scratchpad_mode_user);
    dnnl_post_ops_t after = NULL;
    if (failure == dnnl_success)
        failure = dnnl_post_ops_create(&after);
    if (failure == dnnl_success && end == CIR__PRODUCT_QUICK_GELU)
        failure = cir__onednn_append_activation(after, dnnl_eltwise_swish, 1.702F);
    else if (failure == dnnl_success && end == CIR__PRODUCT_GELU)
        failure = cir__onednn_append_activation(after, dnnl_eltwise_gelu_erf, 0.0F);
    else if (failure == dnnl_success && end == CIR__PRODUCT_GELU_TANH)
        failure = cir__onednn_append_activation(after, dnnl_eltwise_gelu_tanh, 0.0F);
    else if (failure == dnnl_success && end == CIR__PRODUCT_ADD)
        failure = cir__onednn_append_addition(after);
    if (failure == dnnl_success)
        failure = dnnl_primitive_attr_set_post_ops(*attributes_out, after); /* copies */
    if (after != NULL)
        (void)dnnl_post_ops_destroy(after);
    return failure;
}

typedef struct items {
    dnnl_data_type_t rows, weights, out;
} items;

static items items_of(cir__product_kind kind)
{
    switch (kind) {
    case CIR__PRODUCT_F32:
        return (items){dnnl_f32, dnnl_f32, dnnl_f32};
    case CIR__PRODUCT_BF16:
        return (items){dnnl_bf16, dnnl_bf16, dnnl_f32};
    case CIR__PRODUCT_BF16_TO_BF16:
        return (items){dnnl_bf16, dnnl_bf16, dnnl_bf16};
    case CIR__PRODUCT_INT8:
        break;
    }
    return (items){dnnl_u8, dnnl_s8, dnnl_s32};
}

/* weights: the layout, NULL to let oneDNN choose. */
static dnnl_status_t make_kernel(cir__product *product, size_t i_block, struct dnnl_engine *engine,
                                 dnnl_primitive_attr_t attributes, cir__layout_view weights)
{
    if (!cir__onednn_has_room(1))
        return dnnl_out_of_memory;
    int64_t n_rows = (int64_t)cir__product_block_rows[i_block];
    int64_t n_in = (int64_t)product->n_in;
    int64_t n_out = (int64_t)product->n_out;
    cir__layout rows = NULL;
    cir__layout any = NULL;
    cir__layout bias = NULL;
    cir__layout out = NULL;
    items kinds = items_of(product->kind);
    dnnl_status_t failure = cir__layout_new(2, (const dnnl_dims_t){n_rows, n_in}, kinds.rows, dnnl_ab, &rows);
    if (failure == dnnl_success)
        failure =
            cir__layout_new(2, (const dnnl_dims_t){n_out, n_in}, kinds.weights, dnnl_format_tag_any, &any);
    if (failure == dnnl_success && product->kind != CIR__PRODUCT_INT8)
        failure = cir__layout_new(1, (const dnnl_dims_t){n_out}, dnnl_f32, dnnl_a, &bias);
    if (failure == dnnl_success)
        failure = cir__layout_new(2, (const dnnl_dims_t){n_rows, n_out}, kinds.out, dnnl_ab, &out);
    if (failure == dnnl_success)
        failure = cir__onednn_describe(engine, attributes, rows, weights != NULL ? weights : any, bias, out,
                                       &product->descriptors[i_block]);
    if (failure == dnnl_success)
        failure = dnnl_primitive_create(&product->primitives[i_block], product->descriptors[i_block]);
    cir__layout_free(out);
    cir__layout_free(bias);
    cir__layout_free(any);
    cir__layout_free(rows);
    return failure;
}

cir_status cir__product_init(cir__product *product, struct dnnl_engine *engine, size_t n_in, size_t n_out,
                             cir__product_end end, cir__product_kind kind, cir_error *err)
{
    *product = (cir__product){.n_in = n_in, .n_out = n_out, .kind = kind};
    int entered = cir__product_enter();
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t failure = make_attributes(end, &attributes);
    cir__layout_view weights = NULL;
    for (size_t i = 0; i < CIR__N_PRODUCT_BLOCKS && failure == dnnl_success; i++) {
        failure = make_kernel(product, i, engine, attributes, weights);
        if (failure == dnnl_success && i == 0)
            weights = dnnl_primitive_desc_query_md(product->descriptors[0], dnnl_query_weights_md, 0);
    }
    if (attributes != NULL)
        (void)dnnl_primitive_attr_destroy(attributes);
    cir__product_leave(entered);
    if (failure == dnnl_success)
        return CIR_OK;
    cir__product_done(product);
    return fail_dnnl(err, failure, "matrix product");
}

void cir__product_done(cir__product *product)
{
    for (size_t i = 0; i < CIR__N_PRODUCT_BLOCKS; i++) {
        if (product->primitives[i] != NULL)
            (void)dnnl_primitive_destroy(product->primitives[i]);
        if (product->descriptors[i] != NULL)
            (void)dnnl_primitive_desc_destroy(product->descriptors[i]);
    }
    *product = (cir__product){0};
}

static cir__layout_view packed_layout(const cir__product *product)
{
    return dnnl_primitive_desc_query_md(product->descriptors[0], dnnl_query_weights_md, 0);
}

size_t cir__product_packed_items(const cir__product *product)
{
    return (dnnl_memory_desc_get_size(packed_layout(product)) + sizeof(float) - 1) / sizeof(float);
}

/* Floats [n_out, n_in] to bytes in their place. */
static void shrink(const cir__product *product, float *weight, float *scales_out, int32_t *sums_out)
{
    const cir__rowwise *rowwise = cir__rowwise_get();
    int8_t *bytes = (int8_t *)weight;
    for (size_t i = 0; i < product->n_out; i++)
        rowwise->shrink(weight + i * product->n_in, product->n_in, bytes + i * product->n_in, &scales_out[i],
                        &sums_out[i]);
}

cir_status cir__product_pack(const cir__product *product, struct dnnl_engine *engine, float *weight,
                             float *packed_out, float *scales_out, int32_t *sums_out, cir_error *err)
{
    bool is_int8 = product->kind == CIR__PRODUCT_INT8;
    if (is_int8)
        shrink(product, weight, scales_out, sums_out);
    int entered = cir__product_enter();
    cir__layout plain = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_memory_t from = NULL;
    dnnl_memory_t to = NULL;
    dnnl_status_t failure =
        cir__layout_new(2, (const dnnl_dims_t){(int64_t)product->n_out, (int64_t)product->n_in},
                        is_int8 ? dnnl_s8 : dnnl_f32, dnnl_ab, &plain);
    if (failure == dnnl_success)
        failure = dnnl_reorder_primitive_desc_create(&descriptor, plain, engine, packed_layout(product),
                                                     engine, NULL);
    if (failure == dnnl_success)
        failure = cir__onednn_has_room(1) ? dnnl_primitive_create(&reorder, descriptor) : dnnl_out_of_memory;
    if (failure == dnnl_success)
        failure = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (failure == dnnl_success)
        failure = dnnl_memory_create(&from, plain, engine, weight);
    if (failure == dnnl_success)
        failure = dnnl_memory_create(&to, packed_layout(product), engine, packed_out);
    if (failure == dnnl_success) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        failure = dnnl_primitive_execute(reorder, stream, 2, arguments);
    }
    if (failure == dnnl_success)
        failure = dnnl_stream_wait(stream);
    if (to != NULL)
        (void)dnnl_memory_destroy(to);
    if (from != NULL)
        (void)dnnl_memory_destroy(from);
    if (stream != NULL)
        (void)dnnl_stream_destroy(stream);
    if (reorder != NULL)
        (void)dnnl_primitive_destroy(reorder);
    if (descriptor != NULL)
        (void)dnnl_primitive_desc_destroy(descriptor);
    cir__layout_free(plain);
    cir__product_leave(entered);
    return failure == dnnl_success ? CIR_OK : fail_dnnl(err, failure, "packing of weights");
}

static cir__layout_view argument_layout(const cir__product *product, size_t i_block, int argument)
{
    static const dnnl_query_t queries[N_ARGUMENTS] = {dnnl_query_src_md, dnnl_query_weights_md,
                                                      dnnl_query_weights_md, dnnl_query_dst_md,
                                                      dnnl_query_scratchpad_md};
    return dnnl_primitive_desc_query_md(product->descriptors[i_block], queries[argument], argument == BIAS);
}

static dnnl_status_t make_memories(cir__lane *lane, struct dnnl_engine *engine)
{
    for (size_t i = 0; i < lane->n_products; i++)
        for (size_t j = 0; j < CIR__N_PRODUCT_BLOCKS; j++)
            for (int k = 0; k < N_ARGUMENTS; k++) {
                if (k == BIAS && lane->products[i]->kind == CIR__PRODUCT_INT8)
                    continue;
                dnnl_status_t failure =
                    dnnl_memory_create(&lane->memories[i][j][k], argument_layout(lane->products[i], j, k),
                                       engine, k == SCRATCH ? lane->scratch : DNNL_MEMORY_NONE);
                if (failure != dnnl_success)
                    return failure;
            }
    return dnnl_success;
}

cir_status cir__lane_new(struct dnnl_engine *engine, const cir__product *const *products, size_t n_products,
                         cir__lane **lane_out, cir_error *err)
{
    *lane_out = NULL;
    cir__lane *lane = cir__new(1, sizeof *lane);
    if (lane == NULL)
        return cir__fail_memory(err, "model");
    lane->products = products;
    lane->n_products = n_products;
    size_t scratch_bytes = 1;
    for (size_t i = 0; i < n_products; i++) {
        for (size_t j = 0; j < CIR__N_PRODUCT_BLOCKS; j++) {
            size_t bytes = dnnl_memory_desc_get_size(argument_layout(products[i], j, SCRATCH));
            scratch_bytes = bytes > scratch_bytes ? bytes : scratch_bytes;
        }
    }
    dnnl_status_t failure = dnnl_out_of_memory;
    lane->scratch = cir__new(scratch_bytes, 1);
    lane->memories = cir__new(n_products, sizeof *lane->memories);
    if (lane->scratch != NULL && lane->memories != NULL && cir__onednn_has_room(1))
        failure = dnnl_stream_create(&lane->stream, engine, dnnl_stream_default_flags);
    if (failure == dnnl_success)
        failure = make_memories(lane, engine);
    if (failure != dnnl_success) {
        cir__lane_free(lane);
        return fail_dnnl(err, failure, "model");
    }
    *lane_out = lane;
    return CIR_OK;
}

void cir__lane_free(cir__lane *lane)
{
    if (lane == NULL)
        return;
    for (size_t i = 0; lane->memories != NULL && i < lane->n_products; i++)
        for (size_t j = 0; j < CIR__N_PRODUCT_BLOCKS; j++)
            for (int k = 0; k < N_ARGUMENTS; k++)
                if (lane->memories[i][j][k] != NULL)
                    (void)dnnl_memory_destroy(lane->memories[i][j][k]);
    if (lane->stream != NULL)
        (void)dnnl_stream_destroy(lane->stream);
    free(lane->memories);
    free(lane->scratch);
    free(lane);
}

bool cir__lane_run(cir__lane *lane, size_t i_product, size_t i_block, const void *rows, const float *packed,
                   const float *bias, void *out)
{
    const cir__product *product = lane->products[i_product];
    /* oneDNN takes all handles as writable; it writes to out and its scratch alone. */
    void *const handles[] = {
        [ROWS] = (void *)(uintptr_t)rows,
        [WEIGHTS] = (void *)(uintptr_t)packed,
        [BIAS] = (void *)(uintptr_t)bias,
        [OUT] = out,
    };
    dnnl_memory_t *memories = lane->memories[i_product][i_block];
    dnnl_exec_arg_t arguments[N_ARGUMENTS];
    int n = 0;
    for (int i = 0; i < N_ARGUMENTS; i++) {
        if (i == BIAS && product->kind == CIR__PRODUCT_INT8)
            continue;
        if (i != SCRATCH && dnnl_memory_set_data_handle(memories[i], handles[i]) != dnnl_success)
            return false;
        arguments[n++] = (dnnl_exec_arg_t){argument_names[i], memories[i]};
    }
    return dnnl_primitive_execute(product->primitives[i_block], lane->stream, n, arguments) == dnnl_success &&
           dnnl_stream_wait(lane->stream) == dnnl_success;
}

bool cir__multiply(bool transposes_b, size_t n_rows, size_t n_out, size_t n_inner, float scale,
                   const float *a, size_t a_stride, const float *b, size_t b_stride, float *out,
                   size_t out_stride)
{
    return dnnl_sgemm('N', transposes_b ? 'T' : 'N', (int64_t)n_rows, (int64_t)n_out, (int64_t)n_inner, scale,
                      a, (int64_t)a_stride, b, (int64_t)b_stride, 0.0F, out,
                      (int64_t)out_stride) == dnnl_success;
}
