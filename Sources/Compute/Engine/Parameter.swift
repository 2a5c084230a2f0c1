import Numerics

/// Numbers that training changes, and their gradient.
///
/// Convolution weights have the shape `[output channels, input channels, height, width]`, as in PyTorch and in the
/// model file.
package final class Parameter {
  package let name: String
  package let shape: [Int]
  package private(set) var value: UnsafeMutableBufferPointer<Float>
  package let gradient: UnsafeMutableBufferPointer<Float>
  /// Grows whenever `value` changes, so that layers know when to convert their weights to another layout again.
  package var version: Int { original?.version ?? changes }
  private var changes = 0
  /// The parameter whose `value` this one has, if it belongs to a copy of a network.
  private var original: Parameter?
  /// The layer that owns the parameter calls this when a backward pass has set `gradient`, before the pass goes on to
  /// earlier layers.
  var gradientIsSet: (() throws -> Void)?

  package init(_ name: String, shape: [Int], filledWith initial: Float = 0) {
    self.name = name
    self.shape = shape
    let count = shape.reduce(1, *)
    value = Self.aligned(count, filledWith: initial)
    gradient = Self.aligned(count, filledWith: 0)
  }

  deinit {
    if original == nil { value.deallocate() }
    gradient.deallocate()
  }

  package var count: Int { value.count }

  private static func aligned(_ count: Int, filledWith value: Float) -> UnsafeMutableBufferPointer<Float> {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    return UnsafeMutableBufferPointer(
      start: raw.initializeMemory(as: Float.self, repeating: value, count: count), count: count)
  }

  /// The only way to change `value`; it also advances `version`.
  package func update(_ change: (UnsafeMutableBufferPointer<Float>) -> Void) {
    precondition(original == nil, "\(name) belongs to a copy of a network; change the network's own")
    change(value)
    changes += 1
  }

  /// Takes the `value` of another parameter for its own, now and whenever it changes. To be called before any layer has
  /// run.
  package func follow(_ other: Parameter) {
    precondition(original == nil && shape == other.shape, "\(name) cannot follow \(other.name)")
    value.deallocate()
    (original, value) = (other, other.value)
  }

  package func set(_ values: [Float]) {
    precondition(values.count == count, "\(name) holds \(count) numbers, \(values.count) were given")
    update { _ = $0.update(fromContentsOf: values) }
  }

  /// Fills with normal numbers of standard deviation `gain / sqrt(fan-in)`. Source: He et al. 2015, arXiv:1502.01852,
  /// eq. 10.
  func initialize(fanIn: Int, gain: Float, using generator: inout RandomGenerator) {
    let deviation = gain / Float(fanIn).squareRoot()
    update { for i in $0.indices { $0[i] = deviation * generator.normal() } }
  }
}
