#ifndef NORMA_CONEDNN_SHIM_H
#define NORMA_CONEDNN_SHIM_H

#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdlib.h>
#include <string.h>

/*
 * What differs between oneDNN 2 and 3. Version 3 has handles for layouts, and makes the description of a primitive in
 * one call; version 2 has a structure for each. Calls that take a layout by its address in version 2 and by its handle
 * in version 3 are written alike, since a `norma_layout_t` is the one or the other.
 */

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t norma_layout_t;
typedef const_dnnl_memory_desc_t norma_const_layout_t;
#else
typedef dnnl_memory_desc_t *norma_layout_t;
typedef const dnnl_memory_desc_t *norma_const_layout_t;
#endif

static inline dnnl_status_t norma_layout_create(
    norma_layout_t *result, int count, const dnnl_dims_t sizes, dnnl_data_type_t type, dnnl_format_tag_t tag) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_tag(result, count, sizes, type, tag);
#else
  norma_layout_t layout = (norma_layout_t)malloc(sizeof *layout);
  dnnl_status_t status;
  if (layout == NULL) return dnnl_out_of_memory;
  status = dnnl_memory_desc_init_by_tag(layout, count, sizes, type, tag);
  if (status != dnnl_success) {
    free(layout);
    return status;
  }
  *result = layout;
  return dnnl_success;
#endif
}

static inline dnnl_status_t norma_layout_copy(norma_layout_t *result, norma_const_layout_t layout) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_clone(result, layout);
#else
  norma_layout_t copy = (norma_layout_t)malloc(sizeof *copy);
  if (copy == NULL) return dnnl_out_of_memory;
  memcpy(copy, layout, sizeof *copy);
  *result = copy;
  return dnnl_success;
#endif
}

static inline void norma_layout_destroy(norma_layout_t layout) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_memory_desc_destroy(layout);
#else
  free(layout);
#endif
}

/* Makes `attributes` cut a primitive's output to a range. */
static inline dnnl_status_t norma_attributes_cut(dnnl_primitive_attr_t attributes, float low, float high) {
  dnnl_post_ops_t operations;
  dnnl_status_t status = dnnl_post_ops_create(&operations);
  if (status != dnnl_success) return status;
#if DNNL_VERSION_MAJOR >= 3
  status = dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_clip, low, high);
#else
  status = dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_clip, low, high);
#endif
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, operations);
  dnnl_post_ops_destroy(operations);
  return status;
}

/*
 * Convolutions in two dimensions, direct; backwards with the same padding on both sides. `hint` describes the forward
 * pass.
 */

static inline dnnl_status_t norma_convolution_forward(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, norma_const_layout_t source, norma_const_layout_t weights,
    norma_const_layout_t bias, norma_const_layout_t destination, const dnnl_dims_t strides, const dnnl_dims_t before,
    const dnnl_dims_t after, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
  const dnnl_dims_t dilation = {0};
  return dnnl_convolution_forward_primitive_desc_create(
      result, engine, dnnl_forward_training, dnnl_convolution_direct, source, weights, bias, destination, strides,
      dilation, before, after, attributes);
#else
  dnnl_convolution_desc_t description;
  dnnl_status_t status = dnnl_convolution_forward_desc_init(
      &description, dnnl_forward_training, dnnl_convolution_direct, source, weights, bias, destination, strides,
      before, after);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(result, &description, attributes, engine, NULL);
#endif
}

static inline dnnl_status_t norma_convolution_backward_data(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, norma_const_layout_t source_gradient,
    norma_const_layout_t weights, norma_const_layout_t destination_gradient, const dnnl_dims_t strides,
    const dnnl_dims_t padding, const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
  const dnnl_dims_t dilation = {0};
  return dnnl_convolution_backward_data_primitive_desc_create(
      result, engine, dnnl_convolution_direct, source_gradient, weights, destination_gradient, strides, dilation,
      padding, padding, hint, attributes);
#else
  dnnl_convolution_desc_t description;
  dnnl_status_t status = dnnl_convolution_backward_data_desc_init(
      &description, dnnl_convolution_direct, source_gradient, weights, destination_gradient, strides, padding, padding);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(result, &description, attributes, engine, hint);
#endif
}

static inline dnnl_status_t norma_convolution_backward_weights(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, norma_const_layout_t source,
    norma_const_layout_t weights_gradient, norma_const_layout_t bias_gradient,
    norma_const_layout_t destination_gradient, const dnnl_dims_t strides, const dnnl_dims_t padding,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
  const dnnl_dims_t dilation = {0};
  return dnnl_convolution_backward_weights_primitive_desc_create(
      result, engine, dnnl_convolution_direct, source, weights_gradient, bias_gradient, destination_gradient, strides,
      dilation, padding, padding, hint, attributes);
#else
  dnnl_convolution_desc_t description;
  dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(
      &description, dnnl_convolution_direct, source, weights_gradient, bias_gradient, destination_gradient, strides,
      padding, padding);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(result, &description, attributes, engine, hint);
#endif
}

static inline dnnl_status_t norma_matrix_product(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, norma_const_layout_t source, norma_const_layout_t weights,
    norma_const_layout_t destination, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_matmul_primitive_desc_create(result, engine, source, weights, NULL, destination, attributes);
#else
  dnnl_matmul_desc_t description;
  dnnl_status_t status = dnnl_matmul_desc_init(&description, source, weights, NULL, destination);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(result, &description, attributes, engine, NULL);
#endif
}

#endif
