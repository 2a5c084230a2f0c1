internal import COneDNN

/// Owns a description of an array in memory: its dimensions, the type of its numbers and their order.
final class Layout {
  let handle: norma_layout_t

  /// The layout of a dense array.
  ///
  /// - Parameters:
  ///   - dimensions: in oneDNN's logical order: batch, channels, height, width.
  ///   - tag: the order in memory; `any` lets a primitive choose it.
  init(_ dimensions: [Int], _ tag: dnnl_format_tag_t, _ precision: Precision = .float32) throws {
    let sizes = dimensions.map { dnnl_dim_t($0) }
    var result: norma_layout_t?
    try OneDNNCall.check(
      norma_layout_create(&result, Int32(sizes.count), sizes, precision == .bfloat16 ? dnnl_bf16 : dnnl_f32, tag),
      "layout of \(dimensions)")
    handle = result!
  }

  init(copying layout: norma_const_layout_t) throws {
    var result: norma_layout_t?
    try OneDNNCall.check(norma_layout_copy(&result, layout), "copy of a layout")
    handle = result!
  }

  deinit { norma_layout_destroy(handle) }

  /// Size in bytes.
  var size: Int { dnnl_memory_desc_get_size(handle) }

  func equals(_ other: Layout) -> Bool { dnnl_memory_desc_equal(handle, other.handle) != 0 }
}
