internal import COneDNN

/// oneDNN's engine and stream for the processor, and the scratch memory that all primitives share.
///
/// Not thread-safe: only one thread may use an engine at a time, since primitives share its scratch memory.
package final class Engine {
  let handle: dnnl_engine_t
  let stream: dnnl_stream_t
  /// Makes primitives use scratch memory that the engine provides: oneDNN's own is bound to the thread that created a
  /// primitive.
  let attributes: dnnl_primitive_attr_t
  private var scratch: UnsafeMutableRawPointer?
  private var scratchSize = 0

  package let precision: Precision
  /// Count of multiplications and additions that convolutions have done so far, to compare with the processor's peak.
  package internal(set) var operations = 0

  package init(precision: Precision = .float32) throws {
    self.precision = precision
    var engine: dnnl_engine_t?
    try OneDNNCall.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create")
    var stream: dnnl_stream_t?
    try OneDNNCall.check(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "dnnl_stream_create")
    var attributes: dnnl_primitive_attr_t?
    try OneDNNCall.check(dnnl_primitive_attr_create(&attributes), "dnnl_primitive_attr_create")
    try OneDNNCall.check(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
      "dnnl_primitive_attr_set_scratchpad_mode")
    handle = engine!
    self.stream = stream!
    self.attributes = attributes!
  }

  deinit {
    scratch?.deallocate()
    dnnl_primitive_attr_destroy(attributes)
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(handle)
  }

  /// Scratch memory of at least `size` bytes, valid until the next call.
  func scratch(_ size: Int) -> UnsafeMutableRawPointer? {
    if size > scratchSize {
      scratch?.deallocate()
      scratch = .allocate(byteCount: size, alignment: 64)
      scratchSize = size
    }
    return scratch
  }

  /// Version of the oneDNN library in use and the instruction set it chose, for provenance: `oneDNN 2.6.3,
  /// avx512_core`.
  package static var description: String {
    let version = dnnl_version().pointee
    let names: [(dnnl_cpu_isa_t, String)] = [
      (dnnl_cpu_isa_sse41, "sse41"), (dnnl_cpu_isa_avx, "avx"), (dnnl_cpu_isa_avx2, "avx2"),
      (dnnl_cpu_isa_avx512_core, "avx512_core"), (dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"),
      (dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"), (dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"),
    ]
    let isa = dnnl_get_effective_cpu_isa()
    let name = names.first { $0.0 == isa }?.1 ?? "instruction set \(isa.rawValue)"
    return "oneDNN \(version.major).\(version.minor).\(version.patch), \(name)"
  }
}
