#include "model/tower.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "model/carver.h"
#include "model/processor.h"

/* To be raised whenever carve_all, or what fills its places, changes. */
#define CACHE_REVISION 1
#define CACHE_KIND "packed"
/* Less is packed as quickly as it is found. */
#define CACHE_LEAST_BYTES ((size_t)16 << 20)

static cir__norm carve_norm(cir__carver *self, size_t width)
{
    const float *weight = cir__carver_take(self, 1, width);
    return (cir__norm){weight, cir__carver_take(self, 1, width)};
}

static cir__packed carve_packed(cir__carver *self, const cir__product *product)
{
    cir__packed packed = {.weight = cir__carver_take(self, 1, cir__product_packed_items(product))};
    packed.bias = cir__carver_take(self, 1, product->n_out);
    if (product->kind == CIR__PRODUCT_INT8) {
        packed.scales = cir__carver_take(self, 1, product->n_out);
        packed.sums = (const int32_t *)cir__carver_take(self, 1, product->n_out);
    }
    return packed;
}

static void carve_head(cir__carver *self, cir__tower *tower)
{
    size_t width = tower->config.width;
    cir__head *head = &tower->head;
    head->seekers = cir__carver_take(self, tower->config.n_heads, width);
    head->value = cir__carver_take(self, width, width);
    head->value_bias = cir__carver_take(self, 1, width);
    head->half = (cir__layer){
        .out = carve_packed(self, &tower->products[CIR__TOWER_OUT]),
        .norm2 = carve_norm(self, width),
        .fc1 = carve_packed(self, &tower->products[CIR__TOWER_FC1]),
        .fc2 = carve_packed(self, &tower->products[CIR__TOWER_FC2]),
    };
}

/* Gives every matrix and vector its place. */
static void carve_all(cir__carver *self, cir__tower *tower, bool has_head)
{
    size_t width = tower->config.width;
    const cir__product *products = tower->products;
    for (size_t i = 0; i < tower->config.n_layers; i++)
        tower->layers[i] = (cir__layer){
            .norm1 = carve_norm(self, width),
            .qkv = carve_packed(self, &products[CIR__TOWER_QKV]),
            .out = carve_packed(self, &products[CIR__TOWER_OUT]),
            .norm2 = carve_norm(self, width),
            .fc1 = carve_packed(self, &products[CIR__TOWER_FC1]),
            .fc2 = carve_packed(self, &products[CIR__TOWER_FC2]),
        };
    if (tower->n_patch > 0)
        tower->patch = carve_packed(self, &products[CIR__TOWER_PATCH]);
    tower->final_norm = carve_norm(self, width);
    if (has_head)
        carve_head(self, tower);
    else
        tower->projection = carve_packed(self, &products[CIR__TOWER_PROJECT]);
}

static cir_status make_products(cir__tower *tower, cir_error *err)
{
    size_t width = tower->config.width;
    size_t mlp_width = tower->config.mlp_width;
    static const cir__product_end activations[] = {[CIR__QUICK_GELU] = CIR__PRODUCT_QUICK_GELU,
                                                   [CIR__GELU] = CIR__PRODUCT_GELU,
                                                   [CIR__GELU_TANH] = CIR__PRODUCT_GELU_TANH};
    const cir__tower_config *config = &tower->config;
    cir__precision precision = config->precision;
    tower->attends_in_bf16 = precision != CIR__IN_F32 && tower->n_patch > 0 && cir__product_has_bf16();
    cir__product_kind kind = precision == CIR__IN_F32    ? CIR__PRODUCT_F32
                             : precision == CIR__IN_BF16 ? CIR__PRODUCT_BF16
                                                         : CIR__PRODUCT_INT8;
    /* What is only ever multiplied next leaves in bf16. */
    cir__product_kind fc1 = kind == CIR__PRODUCT_BF16 ? CIR__PRODUCT_BF16_TO_BF16 : kind;
    cir__product_kind qkv = tower->attends_in_bf16 ? fc1 : kind;
    bool is_bare = kind == CIR__PRODUCT_INT8;
    cir__product_end activation = is_bare ? CIR__PRODUCT_PLAIN : activations[config->activation];
    cir__product_end add = is_bare ? CIR__PRODUCT_PLAIN : CIR__PRODUCT_ADD;
    const struct {
        size_t n_in, n_out;
        cir__product_end end;
        cir__product_kind kind;
    } shapes[CIR__N_TOWER_PRODUCTS] = {
        /* The first and the last product are a hundredth of the work: they stay exact. Without patches the
         * first one is never run. */
        [CIR__TOWER_PATCH] = {tower->n_patch > 0 ? tower->n_patch : 1, width, CIR__PRODUCT_PLAIN,
                              CIR__PRODUCT_F32},
        [CIR__TOWER_QKV] = {width, 3 * width, CIR__PRODUCT_PLAIN, qkv},
        [CIR__TOWER_OUT] = {width, width, add, kind},
        [CIR__TOWER_FC1] = {width, mlp_width, activation, fc1},
        [CIR__TOWER_FC2] = {mlp_width, width, add, kind},
        [CIR__TOWER_PROJECT] = {width, tower->dim, CIR__PRODUCT_PLAIN, CIR__PRODUCT_F32},
    };
    cir_status status = CIR_OK;
    for (size_t i = 0; i < CIR__N_TOWER_PRODUCTS && status == CIR_OK; i++)
        status = cir__product_init(&tower->products[i], tower->engine, shapes[i].n_in, shapes[i].n_out,
                                   shapes[i].end, shapes[i].kind, err);
    return status;
}

/* Parts of a packed matrix stand one below the other: queries, keys, values. */
#define MAX_PARTS 3

/* One matrix to be packed, by any thread. */
typedef struct packing {
    const cir__product *product;
    const cir__packed *packed;
    cir__affine_view parts[MAX_PARTS];
    size_t n_parts;
} packing;

typedef struct packings {
    const cir__tower *tower;
    const packing *items;
    _Atomic(cir_status) status;
} packings;

/* from [n_in, n_out] → out [n_out, n_in] */
static cir_status transpose(const cir__tensor_view *from, size_t n_out, size_t n_in, float *out)
{
    float *row = cir__new_unset(n_out, sizeof *row);
    if (row == NULL)
        return CIR_NO_MEMORY;
    for (size_t i = 0; i < n_in; i++) {
        cir__tensor_copy(from, i * n_out, n_out, row);
        for (size_t j = 0; j < n_out; j++)
            out[j * n_in + i] = row[j];
    }
    free(row);
    return CIR_OK;
}

static cir_status pack(const packing *item, struct dnnl_engine *engine)
{
    size_t n_in = item->product->n_in;
    float *plain = cir__new_unset(item->product->n_out * n_in, sizeof *plain);
    if (plain == NULL)
        return CIR_NO_MEMORY;
    cir_status status = CIR_OK;
    size_t row = 0;
    for (size_t i = 0; i < item->n_parts && status == CIR_OK; i++) {
        const cir__tensor_view *weight = item->parts[i].weight;
        const cir__tensor_view *bias = item->parts[i].bias;
        if (weight == NULL) /* the first part has it all */
            continue;
        if (item->parts[i].is_transposed)
            status = transpose(weight, item->product->n_out, n_in, plain);
        else
            cir__tensor_copy(weight, 0, weight->n_items, plain + row * n_in);
        if (bias != NULL) /* else it stays 0 */
            cir__tensor_copy(bias, 0, bias->n_items, (float *)(uintptr_t)item->packed->bias + row);
        row += weight->shape[0];
    }
    if (status == CIR_OK)
        status = cir__product_pack(item->product, engine, plain, (float *)(uintptr_t)item->packed->weight,
                                   (float *)(uintptr_t)item->packed->scales,
                                   (int32_t *)(uintptr_t)item->packed->sums, NULL);
    free(plain);
    return status;
}

static void pack_task(void *context, size_t i_task, size_t i_thread)
{
    (void)i_thread;
    packings *all = context;
    cir_status status = pack(&all->items[i_task], all->tower->engine);
    if (status != CIR_OK)
        atomic_store(&all->status, status);
}

static void copy_norm(const cir__affine_view *view, const cir__norm *norm)
{
    cir__tensor_copy(view->weight, 0, view->weight->n_items, (float *)(uintptr_t)norm->weight);
    cir__tensor_copy(view->bias, 0, view->bias->n_items, (float *)(uintptr_t)norm->bias);
}

static size_t list_head(const cir__tower *tower, const cir__head_view *view, packing *items)
{
    const cir__layer *to = &tower->head.half;
    const cir__product *products = tower->products;
    items[0] = (packing){&products[CIR__TOWER_OUT], &to->out, {view->out}, 1};
    items[1] = (packing){&products[CIR__TOWER_FC1], &to->fc1, {view->fc1}, 1};
    items[2] = (packing){&products[CIR__TOWER_FC2], &to->fc2, {view->fc2}, 1};
    copy_norm(&view->norm, &to->norm2);
    return 3;
}

static size_t list_packings(const cir__tower *tower, const cir__tower_view *view,
                            const cir__affine_view *patch, const cir__head_view *head, packing *items)
{
    const cir__product *products = tower->products;
    size_t n = 0;
    for (size_t i = 0; i < tower->config.n_layers; i++) {
        const cir__layer *to = &tower->layers[i];
        const cir__layer_view *from = &view->layers[i];
        items[n++] = (packing){&products[CIR__TOWER_QKV], &to->qkv, {from->query, from->key, from->value}, 3};
        items[n++] = (packing){&products[CIR__TOWER_OUT], &to->out, {from->out}, 1};
        items[n++] = (packing){&products[CIR__TOWER_FC1], &to->fc1, {from->fc1}, 1};
        items[n++] = (packing){&products[CIR__TOWER_FC2], &to->fc2, {from->fc2}, 1};
        copy_norm(&from->norm1, &to->norm1);
        copy_norm(&from->norm2, &to->norm2);
    }
    if (patch != NULL)
        items[n++] = (packing){&products[CIR__TOWER_PATCH], &tower->patch, {*patch}, 1};
    if (head != NULL)
        n += list_head(tower, head, items + n);
    else
        items[n++] = (packing){&products[CIR__TOWER_PROJECT], &tower->projection, {view->projection}, 1};
    copy_norm(&view->final_norm, &tower->final_norm);
    return n;
}

/* The query of the probe, made into what looks at tokens. */
static cir_status fill_head(const cir__tower *tower, const cir__head_view *view, cir_error *err)
{
    size_t width = tower->config.width;
    size_t head_width = width / tower->config.n_heads;
    float *seekers = (float *)(uintptr_t)tower->head.seekers;
    float *probe = cir__new(3 * width, sizeof *probe);
    if (probe == NULL)
        return cir__fail_memory(err, "weights");
    float *bias = probe + width;
    float *row = bias + width;
    cir__tensor_copy(view->probe, 0, width, probe);
    cir__tensor_copy(view->query.whole.bias, view->query.first_row, width, bias);
    for (size_t i = 0; i < width; i++) {
        cir__tensor_copy(view->query.whole.weight, (view->query.first_row + i) * width, width, row);
        double q = (double)bias[i];
        for (size_t j = 0; j < width; j++)
            q += (double)row[j] * (double)probe[j];
        q /= sqrt((double)head_width);
        cir__tensor_copy(view->key.whole.weight, (view->key.first_row + i) * width, width, row);
        for (size_t j = 0; j < width; j++)
            seekers[i / head_width * width + j] += (float)(q * (double)row[j]);
    }
    cir__tensor_copy(view->value.whole.weight, view->value.first_row * width, width * width,
                     (float *)(uintptr_t)tower->head.value);
    cir__tensor_copy(view->value.whole.bias, view->value.first_row, width,
                     (float *)(uintptr_t)tower->head.value_bias);
    free(probe);
    return CIR_OK;
}

static cir_status fill(cir__tower *tower, const cir__tower_view *view, const cir__affine_view *patch,
                       const cir__head_view *head, cir_pool *pool, cir_error *err)
{
    packing *items = cir__new(4 * tower->config.n_layers + 4, sizeof *items);
    if (items == NULL)
        return cir__fail_memory(err, "weights");
    size_t n_items = list_packings(tower, view, patch, head, items);
    packings all = {.tower = tower, .items = items};
    cir__pool_run(pool, n_items, pack_task, &all);
    free(items);
    cir_status status = atomic_load(&all.status);
    if (status == CIR_NO_MEMORY)
        return cir__fail_memory(err, "weights");
    if (status != CIR_OK)
        return cir__fail(err, status, "weights: oneDNN cannot pack them");
    return head != NULL ? fill_head(tower, head, err) : CIR_OK;
}

enum { KEY_SIZE = CIR__PROCESSOR_TEXT_SIZE + 256 };

/* All that packed numbers depend on. False: they are not kept. */
static bool format_key(const cir__tower_config *config, size_t n_bytes, char key_out[KEY_SIZE])
{
    char processor[CIR__PROCESSOR_TEXT_SIZE];
    if (config->cache_key == NULL || n_bytes < CACHE_LEAST_BYTES)
        return false;
    cir__processor_describe(processor);
    (void)snprintf(key_out, KEY_SIZE, "%d, %.100s, precision %d, %zu bytes, %s", CACHE_REVISION,
                   config->cache_key, (int)config->precision, n_bytes, processor);
    return true;
}

/* Gives the numbers their places in memory that holds them, or will. */
static void place(cir__tower *tower, bool has_head, const float *memory)
{
    cir__carver room = {.memory = (float *)(uintptr_t)memory};
    carve_all(&room, tower, has_head);
    tower->memory = memory;
}

/* The numbers: those that are kept, else packed now, and kept. */
static cir_status fill_or_find(cir__tower *tower, const cir__tower_view *view, const cir__affine_view *patch,
                               const cir__head_view *head, cir_pool *pool, cir_error *err)
{
    char key[KEY_SIZE];
    cir__carver room = {0};
    carve_all(&room, tower, head != NULL);
    if (room.has_overflown)
        return cir__fail_memory(err, "weights");
    const size_t n_bytes = room.n_used * sizeof(float);
    const bool is_kept = format_key(&tower->config, n_bytes, key);
    if (is_kept && cir__user_cache_find(CACHE_KIND, key, pool, &tower->cached) &&
        tower->cached.size == n_bytes) {
        place(tower, head != NULL, (const float *)(const void *)tower->cached.data);
        return CIR_OK;
    }
    cir__user_cached_done(&tower->cached);
    float *memory = cir__carver_new_memory(&room);
    if (memory == NULL)
        return cir__fail_memory(err, "weights");
    place(tower, head != NULL, memory);
    cir_status status = fill(tower, view, patch, head, pool, err);
    if (status == CIR_OK && is_kept)
        (void)cir__user_cache_put(CACHE_KIND, key, memory, n_bytes, pool);
    return status;
}

cir_status cir__tower_new(const cir__tower_config *config, size_t dim, const cir__tower_view *view,
                          const cir__affine_view *patch, const cir__head_view *head, cir__tower **tower_out,
                          cir_error *err)
{
    *tower_out = NULL;
    head = head != NULL && head->probe != NULL ? head : NULL;
    cir__tower *tower = cir__new(1, sizeof *tower);
    if (tower == NULL)
        return cir__fail_memory(err, "weights");
    /* Threads of its own: the caller's pool may be waiting, in a task, for this very tower. */
    cir_pool *pool = NULL;
    if (cir_pool_new(0, &pool, NULL) != CIR_OK)
        pool = NULL;
    tower->config = *config;
    tower->dim = dim;
    tower->rowwise = cir__rowwise_get();
    tower->n_patch = patch != NULL ? patch->weight->n_items / config->width : 0;
    cir_status status = cir__engine_new(&tower->engine, err);
    if (status == CIR_OK)
        status = make_products(tower, err);
    if (status != CIR_OK)
        goto done;
    tower->layers = cir__new(config->n_layers, sizeof *tower->layers);
    status = tower->layers != NULL ? fill_or_find(tower, view, patch, head, pool, err)
                                   : cir__fail_memory(err, "weights");
    if (status != CIR_OK)
        goto done;
    tower->config.cache_key = NULL; /* was the caller's */
    *tower_out = tower;
    tower = NULL;
done:
    cir_pool_free(pool);
    cir__tower_free(tower);
    return status;
}

cir_status cir__tower_check_read(const cir__tower *tower, cir_error *err)
{
    return cir__mapped_check(tower->memory, err);
}

void cir__tower_free(cir__tower *tower)
{
    if (tower == NULL)
        return;
    for (size_t i = 0; i < CIR__N_TOWER_PRODUCTS; i++)
        cir__product_done(&tower->products[i]);
    cir__engine_free(tower->engine);
    free(tower->layers);
    if (tower->cached.data == NULL)
        free((void *)(uintptr_t)tower->memory);
    cir__user_cached_done(&tower->cached);
    free(tower);
}
