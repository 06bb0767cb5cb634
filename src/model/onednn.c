#include "model/onednn.h"

#include "base/memory.h"

/* Many times what a primitive of a tower was seen to take. */
#define ROOM_BYTES ((size_t)16 << 20)

bool cir__onednn_has_room(size_t n_threads)
{
    size_t n_bytes;
    return cir__size_mul(n_threads, ROOM_BYTES, &n_bytes) && cir__memory_has_room(n_bytes);
}

#if DNNL_VERSION_MAJOR == 2

#include <stdlib.h>

dnnl_status_t cir__layout_new(int n_dims, const dnnl_dims_t dims, dnnl_data_type_t kind,
                              dnnl_format_tag_t tag, cir__layout *layout_out)
{
    *layout_out = cir__new(1, sizeof **layout_out);
    if (*layout_out == NULL)
        return dnnl_out_of_memory;
    dnnl_status_t failure = dnnl_memory_desc_init_by_tag(*layout_out, n_dims, dims, kind, tag);
    if (failure != dnnl_success) {
        free(*layout_out);
        *layout_out = NULL;
    }
    return failure;
}

dnnl_status_t cir__layout_new_spaced(const dnnl_dims_t dims, dnnl_data_type_t kind, const dnnl_dims_t strides,
                                     cir__layout *layout_out)
{
    *layout_out = cir__new(1, sizeof **layout_out);
    if (*layout_out == NULL)
        return dnnl_out_of_memory;
    dnnl_status_t failure = dnnl_memory_desc_init_by_strides(*layout_out, 2, dims, kind, strides);
    if (failure != dnnl_success) {
        free(*layout_out);
        *layout_out = NULL;
    }
    return failure;
}

void cir__layout_free(cir__layout layout)
{
    free(layout);
}

dnnl_status_t cir__onednn_describe_matrices(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                            cir__layout_view left, cir__layout_view right,
                                            cir__layout_view out, dnnl_primitive_desc_t *descriptor_out)
{
    *descriptor_out = NULL;
    dnnl_matmul_desc_t operation;
    dnnl_status_t failure = dnnl_matmul_desc_init(&operation, left, right, NULL, out);
    if (failure != dnnl_success)
        return failure;
    return dnnl_primitive_desc_create(descriptor_out, &operation, attributes, engine, NULL);
}

dnnl_status_t cir__onednn_describe(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                   cir__layout_view rows, cir__layout_view weights, cir__layout_view bias,
                                   cir__layout_view out, dnnl_primitive_desc_t *descriptor_out)
{
    *descriptor_out = NULL;
    dnnl_inner_product_desc_t operation;
    dnnl_status_t failure =
        dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_inference, rows, weights, bias, out);
    if (failure != dnnl_success)
        return failure;
    return dnnl_primitive_desc_create(descriptor_out, &operation, attributes, engine, NULL);
}

dnnl_status_t cir__onednn_append_activation(dnnl_post_ops_t after, dnnl_alg_kind_t activation, float alpha)
{
    return dnnl_post_ops_append_eltwise(after, 1.0F, activation, alpha, 0.0F);
}

dnnl_status_t cir__onednn_append_addition(dnnl_post_ops_t after)
{
    return dnnl_post_ops_append_sum(after, 1.0F);
}

#else

dnnl_status_t cir__layout_new(int n_dims, const dnnl_dims_t dims, dnnl_data_type_t kind,
                              dnnl_format_tag_t tag, cir__layout *layout_out)
{
    *layout_out = NULL;
    return dnnl_memory_desc_create_with_tag(layout_out, n_dims, dims, kind, tag);
}

dnnl_status_t cir__layout_new_spaced(const dnnl_dims_t dims, dnnl_data_type_t kind, const dnnl_dims_t strides,
                                     cir__layout *layout_out)
{
    *layout_out = NULL;
    return dnnl_memory_desc_create_with_strides(layout_out, 2, dims, kind, strides);
}

dnnl_status_t cir__onednn_describe_matrices(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                            cir__layout_view left, cir__layout_view right,
                                            cir__layout_view out, dnnl_primitive_desc_t *descriptor_out)
{
    *descriptor_out = NULL;
    return dnnl_matmul_primitive_desc_create(descriptor_out, engine, left, right, NULL, out, attributes);
}

void cir__layout_free(cir__layout layout)
{
    if (layout != NULL)
        (void)dnnl_memory_desc_destroy(layout);
}

dnnl_status_t cir__onednn_describe(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                   cir__layout_view rows, cir__layout_view weights, cir__layout_view bias,
                                   cir__layout_view out, dnnl_primitive_desc_t *descriptor_out)
{
    *descriptor_out = NULL;
    return dnnl_inner_product_forward_primitive_desc_create(descriptor_out, engine, dnnl_forward_inference,
                                                            rows, weights, bias, out, attributes);
}

dnnl_status_t cir__onednn_append_activation(dnnl_post_ops_t after, dnnl_alg_kind_t activation, float alpha)
{
    return dnnl_post_ops_append_eltwise(after, activation, alpha, 0.0F);
}

dnnl_status_t cir__onednn_append_addition(dnnl_post_ops_t after)
{
    return dnnl_post_ops_append_sum(after, 1.0F, 0, dnnl_data_type_undef);
}

#endif
