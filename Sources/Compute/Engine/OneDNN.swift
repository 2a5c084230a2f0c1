internal import COneDNN

/// Describes primitives. What differs between versions 2 and 3 of oneDNN is in the module's `shim.h`.
enum OneDNN {
  /// Sizes of a convolution and the precision of its operands. The operands have `precision`: forwards the source and
  /// weights, backwards the output's gradient and either source or weights. The results are f32.
  struct ConvolutionGeometry {
    let input: [Int]  // [n, c, h, w]
    let weights: [Int]  // [output, input, kernel, kernel]
    let output: [Int]  // [n, c, h, w]
    let stride: Int
    let padding: Int
    let precision: Precision

    /// Number of multiplications and additions in one pass.
    var operations: Int { 2 * weights.reduce(1, *) * output[0] * output[2] * output[3] }
  }

  enum Pass { case forward, backwardData, backwardWeights }

  static func convolution(
    _ geometry: ConvolutionGeometry, _ pass: Pass, engine: Engine, hint: PrimitiveDescriptor? = nil
  ) throws -> PrimitiveDescriptor {
    let g = geometry
    // Maps keep the layout nhwc, which the layers between convolutions read; for weights the primitive chooses the
    // layout.
    let source = try Layout(g.input, dnnl_nhwc, pass == .backwardData ? .float32 : g.precision)
    let weights = try Layout(g.weights, dnnl_format_tag_any, pass == .backwardWeights ? .float32 : g.precision)
    let bias = try Layout([g.weights[0]], dnnl_x)
    let destination = try Layout(g.output, dnnl_nhwc, pass == .forward ? .float32 : g.precision)
    let strides = [dnnl_dim_t](repeating: dnnl_dim_t(g.stride), count: 2)
    let padding = [dnnl_dim_t](repeating: dnnl_dim_t(g.padding), count: 2)
    return try PrimitiveDescriptor("convolution, \(pass)") { result in
      switch pass {
      case .forward:
        norma_convolution_forward(
          &result, engine.handle, source.handle, weights.handle, bias.handle, destination.handle, strides, padding,
          padding, engine.attributes)
      case .backwardData:
        norma_convolution_backward_data(
          &result, engine.handle, source.handle, weights.handle, destination.handle, strides, padding, hint?.handle,
          engine.attributes)
      case .backwardWeights:
        norma_convolution_backward_weights(
          &result, engine.handle, source.handle, weights.handle, bias.handle, destination.handle, strides, padding,
          hint?.handle, engine.attributes)
      }
    }
  }

  /// Describes a convolution in f32 that only runs forwards.
  ///
  /// - Parameters:
  ///   - input: `[n, c, h, w]`, as is `output`.
  ///   - weights: `[output, input, kernel, kernel]`, or `[groups, output, input, kernel, kernel]`.
  ///   - before: zeros added before rows and columns; `after` those added after them.
  ///   - isCut: whether the output is cut to `0...6`.
  static func fixedConvolution(
    input: [Int], weights: [Int], output: [Int], stride: Int, before: [Int], after: [Int], isCut: Bool, engine: Engine
  ) throws -> PrimitiveDescriptor {
    let (source, destination) = (try Layout(input, dnnl_nhwc), try Layout(output, dnnl_nhwc))
    let (kernels, bias) = (try Layout(weights, dnnl_format_tag_any), try Layout([output[1]], dnnl_x))
    let strides = [dnnl_dim_t](repeating: dnnl_dim_t(stride), count: 2)
    var attributes: dnnl_primitive_attr_t?
    try OneDNNCall.check(dnnl_primitive_attr_clone(&attributes, engine.attributes), "dnnl_primitive_attr_clone")
    defer { dnnl_primitive_attr_destroy(attributes) }
    if isCut { try OneDNNCall.check(norma_attributes_cut(attributes, 0, 6), "dnnl_primitive_attr_set_post_ops") }
    return try PrimitiveDescriptor("fixed convolution") {
      norma_convolution_forward(
        &$0, engine.handle, source.handle, kernels.handle, bias.handle, destination.handle, strides,
        before.map { dnnl_dim_t($0) }, after.map { dnnl_dim_t($0) }, attributes)
    }
  }

  /// Describes a product of two square matrices, `[edge, edge]`.
  static func matrixProduct(
    edge: Int, precision: Precision, engine: Engine
  ) throws -> PrimitiveDescriptor {
    let factor = try Layout([edge, edge], dnnl_format_tag_any, precision)
    let product = try Layout([edge, edge], dnnl_ab)
    return try PrimitiveDescriptor("matmul") {
      norma_matrix_product(&$0, engine.handle, factor.handle, factor.handle, product.handle, engine.attributes)
    }
  }

  static func reorder(from source: Layout, to destination: Layout, engine: Engine) throws -> PrimitiveDescriptor {
    try PrimitiveDescriptor("reorder") {
      dnnl_reorder_primitive_desc_create(
        &$0, source.handle, engine.handle, destination.handle, engine.handle, engine.attributes)
    }
  }
}

/// Owns a `dnnl_primitive_desc_t`: a primitive whose layouts and implementation have been chosen.
final class PrimitiveDescriptor {
  let handle: dnnl_primitive_desc_t

  /// - Parameters:
  ///   - name: names the primitive in an error.
  ///   - create: makes the descriptor and returns oneDNN's status.
  init(_ name: String, create: (inout dnnl_primitive_desc_t?) -> dnnl_status_t) throws {
    var result: dnnl_primitive_desc_t?
    try OneDNNCall.check(create(&result), "description of a primitive (\(name))")
    handle = result!
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  func layout(_ query: dnnl_query_t) throws -> Layout {
    try Layout(copying: dnnl_primitive_desc_query_md(handle, query, 0))
  }
}
