internal import COneDNN

/// Numbers that convolutions multiply; sums, activations and weights between steps are f32 always.
package enum Precision: String, Codable, Sendable, CaseIterable {
  case float32 = "f32"
  /// Half the bits, of which the exponent keeps its range; faster where the processor has it.
  case bfloat16 = "bf16"

  /// `bf16` where the processor multiplies it by itself, as far as oneDNN is allowed to use that.
  package static var fastest: Precision {
    let needed = dnnl_cpu_isa_avx512_core_bf16.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & needed == needed ? .bfloat16 : .float32
  }

  /// This precision where the processor has it, else `f32`.
  package var available: Precision { self == Self.fastest ? self : .float32 }
}

/// The processor as oneDNN sees it, with the scratch memory all primitives share.
///
/// Not thread-safe: one engine belongs to one thread of work at a time, since primitives share its scratch memory.
package final class Engine {
  let handle: dnnl_engine_t
  let stream: dnnl_stream_t
  /// User-mode scratch memory: oneDNN's own is bound to the thread that created a primitive.
  let attributes: dnnl_primitive_attr_t
  private var scratch: UnsafeMutableRawPointer?
  private var scratchSize = 0

  package let precision: Precision
  /// Multiplications and additions that convolutions have done so far, for a comparison with what the processor can do.
  package internal(set) var operations = 0

  package init(precision: Precision = .float32) throws {
    self.precision = precision
    var engine: dnnl_engine_t?
    try OneDNN.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create")
    var stream: dnnl_stream_t?
    try OneDNN.check(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "dnnl_stream_create")
    var attributes: dnnl_primitive_attr_t?
    try OneDNN.check(dnnl_primitive_attr_create(&attributes), "dnnl_primitive_attr_create")
    try OneDNN.check(
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

  /// Version of the oneDNN library in use and the instruction set it chose, for provenance: `oneDNN 2.6.3, avx512_core`.
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

/// A view of memory in some layout, as oneDNN's calls take it.
final class Memory {
  let handle: dnnl_memory_t
  private let owned: UnsafeMutableRawPointer?

  /// Describes memory owned by someone else, who must outlive it.
  init(_ layout: dnnl_memory_desc_t, at pointer: UnsafeMutableRawPointer?, engine: Engine) throws {
    var layout = layout
    var result: dnnl_memory_t?
    try OneDNN.check(dnnl_memory_create(&result, &layout, engine.handle, pointer), "dnnl_memory_create")
    handle = result!
    owned = nil
  }

  /// Allocates memory for a layout that oneDNN chose.
  init(allocating layout: dnnl_memory_desc_t, engine: Engine) throws {
    var layout = layout
    let size = OneDNN.size(of: layout)
    let storage = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    // Padding that a layout adds must not hold numbers.
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    var result: dnnl_memory_t?
    let status = dnnl_memory_create(&result, &layout, engine.handle, storage)
    if status != dnnl_success { storage.deallocate() }
    try OneDNN.check(status, "dnnl_memory_create")
    handle = result!
    owned = storage
  }

  deinit {
    dnnl_memory_destroy(handle)
    owned?.deallocate()
  }
}

/// A compiled operation. Built once a shape and kept.
final class Primitive {
  private let handle: dnnl_primitive_t
  private let engine: Engine
  private let scratch: Memory
  private let scratchSize: Int
  private var arguments: [dnnl_exec_arg_t] = []

  init(_ descriptor: PrimitiveDescriptor, engine: Engine) throws {
    var result: dnnl_primitive_t?
    try OneDNN.check(dnnl_primitive_create(&result, descriptor.handle), "dnnl_primitive_create")
    handle = result!
    self.engine = engine
    let layout = descriptor.layout(dnnl_query_scratchpad_md)
    scratchSize = OneDNN.size(of: layout)
    scratch = try Memory(layout, at: nil, engine: engine)
  }

  deinit { dnnl_primitive_destroy(handle) }

  func run(_ operands: KeyValuePairs<Int32, Memory>) throws {
    arguments.removeAll(keepingCapacity: true)
    for (name, memory) in operands { arguments.append(dnnl_exec_arg_t(arg: name, memory: memory.handle)) }
    if scratchSize > 0 {
      try OneDNN.check(
        dnnl_memory_set_data_handle(scratch.handle, engine.scratch(scratchSize)), "dnnl_memory_set_data_handle")
      arguments.append(dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: scratch.handle))
    }
    try OneDNN.check(
      dnnl_primitive_execute(handle, engine.stream, Int32(arguments.count), arguments), "dnnl_primitive_execute")
  }
}
