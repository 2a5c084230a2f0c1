import Compute
import Foundation
import Threads

/// What the last layers' numbers are made into, in place, and gradients brought back through it.
enum OutputMap {
  /// Bounds of a predicted spread's logarithm: 0.0025 to 0.5 for intensities of nominally 0...1, and near 0.035 for a
  /// network that has learned nothing yet. Wider, and a network would call its errors noise instead of lowering them.
  static let logScales: ClosedRange<Float> = -6...(-0.7)
  /// Logits are never taken beyond what keeps both logarithms of a probability finite.
  private static let probabilities: ClosedRange<Float> = 1e-6...(1 - 1e-6)

  /// `p = 1 / (1 + exp(-logit))`.
  static func makeProbabilities(_ x: Tensor) {
    change(x) { min(max(logistic($0), probabilities.lowerBound), probabilities.upperBound) }
  }

  /// Gradient by the probabilities to that by their logits: `dp / dlogit = p (1 - p)`.
  static func toLogits(_ gradient: Tensor, of probabilities: Tensor) {
    change(gradient, with: probabilities) { $0 * $1 * (1 - $1) }
  }

  /// `s = exp(low + (high - low) / (1 + exp(-x)))`: bounded as by a clamp, but with a slope everywhere.
  static func makeScales(_ x: Tensor) {
    let width = logScales.upperBound - logScales.lowerBound
    change(x) { exp(logScales.lowerBound + width * logistic($0)) }
  }

  /// Gradient by the scales' logarithms to that by what the layer put out.
  static func toRaw(_ gradient: Tensor, of scales: Tensor) {
    let width = logScales.upperBound - logScales.lowerBound
    change(gradient, with: scales) {
      let share = min(max((log($1) - logScales.lowerBound) / width, 0), 1)
      return $0 * width * share * (1 - share)
    }
  }

  private static func logistic(_ x: Float) -> Float { 1 / (1 + exp(-x)) }

  private static func change(_ x: Tensor, _ map: @Sendable (Float) -> Float) {
    change(x, with: x) { value, _ in map(value) }
  }

  private static func change(_ x: Tensor, with other: Tensor, _ map: @Sendable (Float, Float) -> Float) {
    let (patch, values, others) = (x.shape.count / x.shape.n, x.split, other.split)
    Parallel.run(chunks: x.shape.n) { k in
      for i in k * patch..<(k + 1) * patch { values[i] = map(values[i], others[i]) }
    }
  }
}
