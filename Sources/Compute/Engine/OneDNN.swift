internal import COneDNN

/// Describes primitives: the part of oneDNN's C API that differs between v2 and v3.
///
/// Written for v2.6. Under v3 the `_desc_init` calls become `_primitive_desc_create` with the engine and attributes,
/// and memory descriptors become handles; nothing outside this file would change.
enum OneDNN {
  /// The layout of a dense array; dimensions are in oneDNN's logical order (batch, channels, height, width).
  static func layout(
    _ dimensions: [Int], _ tag: dnnl_format_tag_t, _ precision: Precision = .float32
  ) throws -> dnnl_memory_desc_t {
    var result = dnnl_memory_desc_t()
    let sizes = dimensions.map { dnnl_dim_t($0) }
    let type = precision == .bfloat16 ? dnnl_bf16 : dnnl_f32
    try OneDNNCall.check(
      dnnl_memory_desc_init_by_tag(&result, Int32(sizes.count), sizes, type, tag), "dnnl_memory_desc_init_by_tag")
    return result
  }

  static func size(of layout: dnnl_memory_desc_t) -> Int {
    withUnsafePointer(to: layout) { dnnl_memory_desc_get_size($0) }
  }

  static func same(_ a: dnnl_memory_desc_t, _ b: dnnl_memory_desc_t) -> Bool {
    withUnsafePointer(to: a) { a in withUnsafePointer(to: b) { b in dnnl_memory_desc_equal(a, b) != 0 } }
  }

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
    var source = try layout(g.input, dnnl_nhwc, pass == .backwardData ? .float32 : g.precision)
    var weights = try layout(g.weights, dnnl_format_tag_any, pass == .backwardWeights ? .float32 : g.precision)
    var bias = try layout([g.weights[0]], dnnl_x)
    var destination = try layout(g.output, dnnl_nhwc, pass == .forward ? .float32 : g.precision)
    var description = dnnl_convolution_desc_t()
    let strides = [dnnl_dim_t](repeating: dnnl_dim_t(g.stride), count: 2)
    let padding = [dnnl_dim_t](repeating: dnnl_dim_t(g.padding), count: 2)
    switch pass {
    case .forward:
      try OneDNNCall.check(
        dnnl_convolution_forward_desc_init(
          &description, dnnl_forward_training, dnnl_convolution_direct, &source, &weights, &bias, &destination, strides,
          padding, padding), "dnnl_convolution_forward_desc_init")
    case .backwardData:
      try OneDNNCall.check(
        dnnl_convolution_backward_data_desc_init(
          &description, dnnl_convolution_direct, &source, &weights, &destination, strides, padding, padding),
        "dnnl_convolution_backward_data_desc_init")
    case .backwardWeights:
      try OneDNNCall.check(
        dnnl_convolution_backward_weights_desc_init(
          &description, dnnl_convolution_direct, &source, &weights, &bias, &destination, strides, padding, padding),
        "dnnl_convolution_backward_weights_desc_init")
    }
    return try PrimitiveDescriptor(&description, engine: engine, hint: hint)
  }

  /// Describes a product of two square matrices, `[edge, edge]`.
  static func matrixProduct(
    edge: Int, precision: Precision, engine: Engine
  ) throws -> PrimitiveDescriptor {
    var factor = try layout([edge, edge], dnnl_format_tag_any, precision)
    var other = factor
    var product = try layout([edge, edge], dnnl_ab)
    var description = dnnl_matmul_desc_t()
    try OneDNNCall.check(dnnl_matmul_desc_init(&description, &factor, &other, nil, &product), "dnnl_matmul_desc_init")
    return try PrimitiveDescriptor(&description, engine: engine, hint: nil)
  }

  static func reorder(
    from source: dnnl_memory_desc_t, to destination: dnnl_memory_desc_t, engine: Engine
  ) throws -> PrimitiveDescriptor {
    var source = source
    var destination = destination
    var result: dnnl_primitive_desc_t?
    try OneDNNCall.check(
      dnnl_reorder_primitive_desc_create(
        &result, &source, engine.handle, &destination, engine.handle, engine.attributes),
      "dnnl_reorder_primitive_desc_create")
    return PrimitiveDescriptor(adopting: result!)
  }
}

/// Owns a `dnnl_primitive_desc_t`: a primitive whose layouts and implementation have been chosen.
final class PrimitiveDescriptor {
  let handle: dnnl_primitive_desc_t

  init(adopting handle: dnnl_primitive_desc_t) { self.handle = handle }

  init(
    _ description: UnsafeRawPointer, engine: Engine, hint: PrimitiveDescriptor?
  ) throws {
    var result: dnnl_primitive_desc_t?
    try OneDNNCall.check(
      dnnl_primitive_desc_create(&result, description, engine.attributes, engine.handle, hint?.handle),
      "dnnl_primitive_desc_create")
    handle = result!
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  func layout(_ query: dnnl_query_t, _ index: Int32 = 0) -> dnnl_memory_desc_t {
    dnnl_primitive_desc_query_md(handle, query, index).pointee
  }
}
