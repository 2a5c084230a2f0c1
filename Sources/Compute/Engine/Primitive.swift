internal import COneDNN

/// A compiled oneDNN operation; it is built once for each shape and kept.
final class Primitive {
  private let handle: dnnl_primitive_t
  private let engine: Engine
  private let scratch: Memory
  private let scratchSize: Int
  private var arguments: [dnnl_exec_arg_t] = []

  init(_ descriptor: PrimitiveDescriptor, engine: Engine) throws {
    var result: dnnl_primitive_t?
    try OneDNNCall.check(dnnl_primitive_create(&result, descriptor.handle), "dnnl_primitive_create")
    handle = result!
    self.engine = engine
    let layout = try descriptor.layout(dnnl_query_scratchpad_md)
    scratchSize = layout.size
    scratch = try Memory(layout, at: nil, engine: engine)
  }

  deinit { dnnl_primitive_destroy(handle) }

  func run(_ operands: KeyValuePairs<Int32, Memory>) throws {
    arguments.removeAll(keepingCapacity: true)
    for (name, memory) in operands { arguments.append(dnnl_exec_arg_t(arg: name, memory: memory.handle)) }
    if scratchSize > 0 {
      try OneDNNCall.check(
        dnnl_memory_set_data_handle(scratch.handle, engine.scratch(scratchSize)), "dnnl_memory_set_data_handle")
      arguments.append(dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: scratch.handle))
    }
    try OneDNNCall.check(
      dnnl_primitive_execute(handle, engine.stream, Int32(arguments.count), arguments), "dnnl_primitive_execute")
  }
}
