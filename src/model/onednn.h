/* One form for the calls that changed between versions 2 and 3 of oneDNN's C interface: layouts became
 * opaque, operations lost their own descriptors, the endings of a product their scale. Everything else is the
 * same in both and called directly.
 *
 * What it must not know: products, towers. All functions return oneDNN's own status. */
#ifndef CIR_MODEL_ONEDNN_H
#define CIR_MODEL_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include <dnnl.h>

#if DNNL_VERSION_MAJOR == 2
typedef dnnl_memory_desc_t *cir__layout;
typedef const dnnl_memory_desc_t *cir__layout_view; /* lent by whoever holds the layout */
#elif DNNL_VERSION_MAJOR == 3
typedef dnnl_memory_desc_t cir__layout;
typedef const_dnnl_memory_desc_t cir__layout_view;
#else
#error "cir needs oneDNN 2 or 3"
#endif

/* Whether there is room for what oneDNN takes by itself to make one primitive (its code, in pieces of 256
 * KiB), or for n_threads that run one. To be asked first: refused memory it writes through NULL, or ends the
 * process. */
bool cir__onednn_has_room(size_t n_threads);

/* The layout of items of a kind with n_dims dimensions. Free with cir__layout_free. */
dnnl_status_t cir__layout_new(int n_dims, const dnnl_dims_t dims, dnnl_data_type_t kind,
                              dnnl_format_tag_t tag, cir__layout *layout_out);
/* The layout of a matrix whose items are strides[0] and strides[1] apart, down and across. */
dnnl_status_t cir__layout_new_spaced(const dnnl_dims_t dims, dnnl_data_type_t kind, const dnnl_dims_t strides,
                                     cir__layout *layout_out);
void cir__layout_free(cir__layout layout); /* NULL is allowed */

/* Describes out = rows · weightsᵀ + bias (NULL: none); end with dnnl_primitive_desc_destroy. */
dnnl_status_t cir__onednn_describe(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                   cir__layout_view rows, cir__layout_view weights, cir__layout_view bias,
                                   cir__layout_view out, dnnl_primitive_desc_t *descriptor_out);

/* Describes out = left · right, of two matrices that both change; end with dnnl_primitive_desc_destroy. */
dnnl_status_t cir__onednn_describe_matrices(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                            cir__layout_view left, cir__layout_view right,
                                            cir__layout_view out, dnnl_primitive_desc_t *descriptor_out);

/* What follows a product: an activation, or the addition to what out held. */
dnnl_status_t cir__onednn_append_activation(dnnl_post_ops_t after, dnnl_alg_kind_t activation, float alpha);
dnnl_status_t cir__onednn_append_addition(dnnl_post_ops_t after);

#endif
