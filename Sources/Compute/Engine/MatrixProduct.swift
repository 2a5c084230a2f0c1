internal import COneDNN

/// A product of two square matrices: it measures the peak speed of the processor, which benchmarks compare with.
package final class MatrixProduct {
  private let primitive: Primitive
  private let factors: [Memory]
  private let product: Memory
  /// Number of multiplications and additions in one product.
  package let operations: Int

  package init(edge: Int, engine: Engine) throws {
    let descriptor = try OneDNN.matrixProduct(edge: edge, precision: engine.precision, engine: engine)
    primitive = try Primitive(descriptor, engine: engine)
    factors = [
      try Memory(allocating: descriptor.layout(dnnl_query_src_md), engine: engine),
      try Memory(allocating: descriptor.layout(dnnl_query_weights_md), engine: engine),
    ]
    product = try Memory(allocating: descriptor.layout(dnnl_query_dst_md), engine: engine)
    operations = 2 * edge * edge * edge
  }

  package func run() throws {
    try primitive.run([DNNL_ARG_SRC_0: factors[0], DNNL_ARG_WEIGHTS_0: factors[1], DNNL_ARG_DST_0: product])
  }
}
