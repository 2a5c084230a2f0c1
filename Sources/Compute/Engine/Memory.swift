internal import COneDNN

/// A oneDNN memory object: a layout and a pointer to the numbers.
final class Memory {
  let handle: dnnl_memory_t
  private let owned: UnsafeMutableRawPointer?

  /// Describes memory that the caller owns and that must outlive this object.
  init(_ layout: Layout, at pointer: UnsafeMutableRawPointer?, engine: Engine) throws {
    var result: dnnl_memory_t?
    try OneDNNCall.check(dnnl_memory_create(&result, layout.handle, engine.handle, pointer), "dnnl_memory_create")
    handle = result!
    owned = nil
  }

  /// Allocates memory for a layout that oneDNN chose.
  ///
  /// - Parameter values: the numbers, in the order of a dense layout; without them the memory holds zeros.
  init(allocating layout: Layout, values: [Float] = [], engine: Engine) throws {
    let size = layout.size
    let storage = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    // Padding that a layout adds has to be zero.
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    values.withUnsafeBytes { values in
      precondition(values.count <= size, "\(values.count) bytes for a layout of \(size)")
      if let start = values.baseAddress { storage.copyMemory(from: start, byteCount: values.count) }
    }
    var result: dnnl_memory_t?
    let status = dnnl_memory_create(&result, layout.handle, engine.handle, storage)
    if status != dnnl_success { storage.deallocate() }
    try OneDNNCall.check(status, "dnnl_memory_create")
    handle = result!
    owned = storage
  }

  deinit {
    dnnl_memory_destroy(handle)
    owned?.deallocate()
  }
}
