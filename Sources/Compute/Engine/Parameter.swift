import Numerics

/// Numbers that training changes, with their gradient.
///
/// Convolution weights lie as `[output channels, input channels, height, width]`, as in PyTorch and in the model file.
package final class Parameter {
  package let name: String
  package let shape: [Int]
  package let value: UnsafeMutableBufferPointer<Float>
  package let gradient: UnsafeMutableBufferPointer<Float>
  /// Grows whenever `value` changes, so that layers know when to lay their weights out anew.
  package private(set) var version = 0
  /// Called by the layer that owns it whenever a backward pass has set `gradient`, while the rest of it is to come.
  var gradientIsSet: (() throws -> Void)?

  package init(_ name: String, shape: [Int], filledWith initial: Float = 0) {
    self.name = name
    self.shape = shape
    let count = shape.reduce(1, *)
    value = Self.aligned(count, filledWith: initial)
    gradient = Self.aligned(count, filledWith: 0)
  }

  deinit {
    value.deallocate()
    gradient.deallocate()
  }

  package var count: Int { value.count }

  private static func aligned(_ count: Int, filledWith value: Float) -> UnsafeMutableBufferPointer<Float> {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    return UnsafeMutableBufferPointer(
      start: raw.initializeMemory(as: Float.self, repeating: value, count: count), count: count)
  }

  /// Every change of `value` goes through here.
  package func update(_ change: (UnsafeMutableBufferPointer<Float>) -> Void) {
    change(value)
    version += 1
  }

  package func set(_ values: [Float]) {
    precondition(values.count == count, "\(name) holds \(count) numbers, \(values.count) were given")
    update { _ = $0.update(fromContentsOf: values) }
  }

  /// Normal with standard deviation `gain / sqrt(fan-in)`. Source: He et al. 2015, arXiv:1502.01852, eq. 10.
  func initialize(fanIn: Int, gain: Float, using generator: inout RandomGenerator) {
    let deviation = gain / Float(fanIn).squareRoot()
    update { for i in $0.indices { $0[i] = deviation * generator.normal() } }
  }
}
