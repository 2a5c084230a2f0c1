import Compute
import Foundation
import Threads

/// Converts the outputs of the last layers in place, and brings gradients back through the conversion.
enum OutputMap {
  /// Bounds of the logarithm of a predicted spread: 0.0025 to 0.5 for intensities of nominally 0...1. An untrained
  /// network predicts about 0.035. With wider bounds, a network would call its errors noise instead of lowering them.
  static let logScales: ClosedRange<Float> = -6...(-0.7)
  /// Probabilities are clamped to this range, so that the logarithms of `p` and `1 - p` stay finite.
  private static let probabilities: ClosedRange<Float> = 1e-6...(1 - 1e-6)

  /// `p = 1 / (1 + exp(-logit))`.
  static func makeProbabilities(_ x: Tensor) {
    change(x) { min(max(logistic($0), probabilities.lowerBound), probabilities.upperBound) }
  }

  /// Converts the gradient by the probabilities to the gradient by their logits: `dp / dlogit = p (1 - p)`.
  static func toLogits(_ gradient: Tensor, of probabilities: Tensor) {
    change(gradient, with: probabilities) { $0 * $1 * (1 - $1) }
  }

  /// `s = exp(low + (high - low) / (1 + exp(-x)))`: bounded as if clamped, but with a nonzero slope everywhere.
  static func makeScales(_ x: Tensor) {
    let width = logScales.upperBound - logScales.lowerBound
    change(x) { exp(logScales.lowerBound + width * logistic($0)) }
  }

  /// Whether a scale is as large as the network can make it, up to a hundredth of the bounds' width in its logarithm.
  static func isAtBound(_ scale: Float) -> Bool {
    log(scale) > logScales.upperBound - 0.01 * (logScales.upperBound - logScales.lowerBound)
  }

  /// Converts the gradient by the scales' logarithms to the gradient by the layer's outputs.
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
