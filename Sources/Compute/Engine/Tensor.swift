internal import COneDNN
import Files
internal import Glibc
import Threads

/// Dimensions of a batch of feature maps, in the order of the numbers in memory.
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

/// A batch of feature maps, `[n, h, w, c]`, f32; the channels of a pixel are adjacent (oneDNN's nhwc).
///
/// A class on purpose: layers own their outputs and reuse them on every call, so that a training step allocates
/// nothing. A tensor that a layer returns is valid until that layer runs again.
package final class Tensor {
  package let shape: Shape
  package let values: UnsafeMutableBufferPointer<Float>
  let memory: Memory
  /// The values in bf16, as convolutions multiply them; `nil` if convolutions use the f32 values or round them
  /// themselves. Code that writes to `values` has to keep it up to date.
  let rounded: Rounded?
  /// Whether `values` are stored; accessing them when they are not crashes.
  let holdsValues: Bool
  /// The tensor that owns the memory; `nil` if this one does.
  private let whole: Tensor?

  /// Which code reads a tensor when convolutions multiply in bf16; in f32 all code reads `values`.
  package enum Readers {
    case loops, convolutions, both
  }

  /// A tensor's values in bf16.
  final class Rounded {
    let bits: UnsafeMutableBufferPointer<UInt16>
    let memory: Memory

    fileprivate init(_ shape: Shape, engine: Engine) throws {
      bits = try Tensor.pages(shape.count)
      let layout = try Layout([shape.n, shape.c, shape.h, shape.w], dnnl_nhwc, .bfloat16)
      memory = try Memory(layout, at: bits.baseAddress, engine: engine)
    }

    deinit { munmap(bits.baseAddress, bits.count * MemoryLayout<UInt16>.stride) }
  }

  /// Creates a zero-filled tensor. Memory is taken only for pages that are written to, so a gradient that is never
  /// computed takes none.
  ///
  /// - Parameter readers: in bf16, decides whether the tensor has `values`, `rounded` or both.
  package init(_ shape: Shape, engine: Engine, readBy readers: Readers = .loops) throws {
    precondition(shape.count > 0, "a tensor needs at least one element, its shape is \(shape)")
    self.shape = shape
    let isRounded = engine.precision == .bfloat16
    holdsValues = !isRounded || readers != .convolutions
    values = try Self.pages(shape.count, areTouched: holdsValues)
    let layout = try Layout([shape.n, shape.c, shape.h, shape.w], dnnl_nhwc)
    memory = try Memory(layout, at: values.baseAddress, engine: engine)
    rounded = isRounded && readers != .loops ? try Rounded(shape, engine: engine) : nil
    whole = nil
  }

  /// Some patches of another tensor, which is read by loops; what is written here is written there.
  ///
  /// - Parameter engine: of the network that computes these patches.
  package init(_ patches: Range<Int>, of whole: Tensor, engine: Engine) throws {
    precondition(whole.rounded == nil, "a tensor with rounded values is not divided")
    let size = whole.shape.count / whole.shape.n
    shape = Shape(patches.count, whole.shape.h, whole.shape.w, whole.shape.c)
    holdsValues = true
    values = UnsafeMutableBufferPointer(
      rebasing: whole.values[patches.lowerBound * size..<patches.upperBound * size])
    memory = try Memory(
      Layout([shape.n, shape.c, shape.h, shape.w], dnnl_nhwc), at: values.baseAddress, engine: engine)
    rounded = nil
    self.whole = whole
  }

  deinit { if whole == nil { munmap(values.baseAddress, values.count * MemoryLayout<Float>.stride) } }

  /// The values, for the chunks of a parallel loop; the tensor must be kept alive during the loop.
  package var split: SplitBuffer<Float> { SplitBuffer(values) }

  /// Maps zeroed pages; the system provides each page when it is first written to.
  private static func pages<Value>(
    _ count: Int, areTouched: Bool = true
  ) throws -> UnsafeMutableBufferPointer<Value> {
    let bytes = count * MemoryLayout<Value>.stride
    let rights = areTouched ? PROT_READ | PROT_WRITE : PROT_NONE
    let raw = mmap(nil, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let raw, raw != MAP_FAILED else {
      throw NormaError.oneDNN("memory of \(bytes) bytes", answered: "out_of_memory")
    }
    return UnsafeMutableBufferPointer(start: raw.assumingMemoryBound(to: Value.self), count: count)
  }

  package func copy(from other: Tensor) {
    precondition(shape == other.shape, "shapes \(shape) and \(other.shape) differ")
    guard rounded == nil else { return fill(from: other, { value, _ in value }, rest: { value, _ in value }) }
    let (target, source) = (split, other.split)
    forEachChunk { (target.start + $0.lowerBound).update(from: source.start + $0.lowerBound, count: $0.count) }
  }

  package func add(_ other: Tensor) { set(self, plus: other) }

  /// Sets the values to the sum of two tensors, either of which may be this one.
  package func set(_ a: Tensor, plus b: Tensor) {
    precondition(shape == a.shape && shape == b.shape, "shapes \(shape), \(a.shape) and \(b.shape) differ")
    let other = b.split
    fill(from: a) {
      $0 + UnsafeRawPointer(other.start + $1).loadUnaligned(as: Lanes.self)
    } rest: {
      $0 + other[$1]
    }
  }

  /// Sets every value, and its rounded copy if there is one, to a function of another tensor's value and the index.
  @inline(__always) private func fill(
    from other: Tensor, _ vector: @Sendable (Lanes, Int) -> Lanes, rest scalar: @Sendable (Float, Int) -> Float
  ) {
    let (source, target, rounded) = (other.split, split, rounded.map { SplitBuffer($0.bits) })
    forEachChunk { chunk in
      let (source, target, rounded) = (source.start, target.start, rounded?.start)
      var place = chunk.lowerBound
      while place &+ Lanes.scalarCount <= chunk.upperBound {
        let value = vector(UnsafeRawPointer(source + place).loadUnaligned(as: Lanes.self), place)
        UnsafeMutableRawPointer(target + place).storeBytes(of: value, as: Lanes.self)
        if let rounded {
          UnsafeMutableRawPointer(rounded + place).storeBytes(of: value.rounded16, as: SIMD8<UInt16>.self)
        }
        place &+= Lanes.scalarCount
      }
      while place < chunk.upperBound {
        target[place] = scalar(source[place], place)
        if let rounded { rounded[place] = Lanes(repeating: target[place]).rounded16[0] }
        place &+= 1
      }
    }
  }

  private static let chunkSize = 1 << 14

  private func forEachChunk(_ body: @Sendable (Range<Int>) -> Void) {
    let (count, size) = (shape.count, Self.chunkSize)
    Parallel.run(chunks: (count + size - 1) / size) { body($0 * size..<min(count, ($0 + 1) * size)) }
  }
}
