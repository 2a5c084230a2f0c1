internal import COneDNN
internal import Glibc

/// Dimensions of a batch of feature maps, in the order in which the numbers lie in memory.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
  /// Batch, height, width, channels.
  package var n, h, w, c: Int

  package init(_ n: Int, _ h: Int, _ w: Int, _ c: Int) {
    self.n = n
    self.h = h
    self.w = w
    self.c = c
  }

  package var count: Int { n * h * w * c }
  package var pixels: Int { n * h * w }
  package var description: String { "[\(n), \(h), \(w), \(c)]" }
}

/// A batch of feature maps, `[n, h, w, c]`, f32, channels of a pixel together (oneDNN's nhwc).
///
/// Reference semantics on purpose: layers own their outputs and reuse them call after call, so that a training step
/// allocates nothing. A tensor returned by a layer is valid until that layer runs again.
package final class Tensor {
  package let shape: Shape
  package let values: UnsafeMutableBufferPointer<Float>
  let memory: Memory

  /// Zero-filled; a gradient that is never computed takes no memory, since only pages that are written to do.
  package init(_ shape: Shape, engine: Engine) throws(ComputeError) {
    precondition(shape.count > 0, "a tensor needs at least one element, its shape is \(shape)")
    self.shape = shape
    // Pages come from the system zeroed, one by one when they are first written to.
    let bytes = shape.count * MemoryLayout<Float>.stride
    let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let raw, raw != MAP_FAILED else {
      throw ComputeError(call: "memory of \(bytes) bytes", status: "out_of_memory")
    }
    values = UnsafeMutableBufferPointer(start: raw.assumingMemoryBound(to: Float.self), count: shape.count)
    let layout = try OneDNN.layout([shape.n, shape.c, shape.h, shape.w], dnnl_nhwc)
    memory = try Memory(layout, at: raw, engine: engine)
  }

  deinit { munmap(values.baseAddress, values.count * MemoryLayout<Float>.stride) }

  package func copy(from other: Tensor) {
    precondition(shape == other.shape, "shapes \(shape) and \(other.shape) differ")
    let (target, source) = (values.baseAddress!, other.values.baseAddress!)
    forEachChunk { (target + $0.lowerBound).update(from: source + $0.lowerBound, count: $0.count) }
  }

  package func add(_ other: Tensor) {
    precondition(shape == other.shape, "shapes \(shape) and \(other.shape) differ")
    let (target, source) = (values.baseAddress!, other.values.baseAddress!)
    forEachChunk { for i in $0 { target[i] += source[i] } }
  }

  private static let chunkSize = 1 << 14

  private func forEachChunk(_ body: (Range<Int>) -> Void) {
    let (count, size) = (shape.count, Self.chunkSize)
    Parallel.run(chunks: (count + size - 1) / size) { body($0 * size..<min(count, ($0 + 1) * size)) }
  }
}
