import Foundation
import Numerics
import Threads

/// Adam with decoupled weight decay, gradient clipping by the global norm, and a moving average of the weights.
///
/// Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2; the
/// average as in Polyak & Juditsky 1992.
package final class Adam {
  package struct Settings: Codable, Sendable, Equatable {
    package var beta1: Float = 0.9
    package var beta2: Float = 0.999
    package var epsilon: Float = 1e-8
    /// Applied to weights with more than one dimension, not to biases and scales.
    package var weightDecay: Float = 1e-4
    /// Largest norm of the gradient over all parameters; a longer gradient is scaled down to it.
    package var maximumNorm: Float = 1
    /// Share of the average that each step keeps, once enough steps have been made.
    package var averaging: Float = 0.998

    package init() {}
  }

  package let settings: Settings
  package let parameters: [Parameter]
  package private(set) var step = 0
  /// First moments of all parameters, concatenated; `second` and `average` are laid out alike.
  private var first: [Float]
  private var second: [Float]
  private var average: [Float]
  private let pieces: [Piece]

  /// A part of a parameter that one thread updates at a time.
  private struct Piece: Sendable {
    let value: SplitBuffer<Float>
    let gradient: SplitBuffer<Float>
    let range: Range<Int>
    /// Index of its first number among all parameters' numbers.
    let start: Int
    /// Whether weight decay applies.
    let decays: Bool
  }

  private static let pieceSize = 1 << 12

  package init(_ parameters: [Parameter], settings: Settings = Settings()) {
    self.parameters = parameters
    self.settings = settings
    var (pieces, total) = ([Piece](), 0)
    for parameter in parameters {
      for low in stride(from: 0, to: parameter.count, by: Self.pieceSize) {
        let range = low..<min(low + Self.pieceSize, parameter.count)
        pieces.append(
          Piece(
            value: SplitBuffer(parameter.value), gradient: SplitBuffer(parameter.gradient), range: range, start: total,
            decays: parameter.shape.count > 1))
        total += range.count
      }
    }
    self.pieces = pieces
    first = [Float](repeating: 0, count: total)
    second = first
    average = parameters.flatMap(\.value)
  }

  /// First moments of every parameter; each access copies them from the state.
  package var firstMoments: [[Float]] { first.divided(into: parameters.map(\.count)) }
  package var secondMoments: [[Float]] { second.divided(into: parameters.map(\.count)) }
  package var averages: [[Float]] { average.divided(into: parameters.map(\.count)) }

  /// Restores the state after `step` updates.
  package func restore(step: Int, firstMoments: [[Float]], secondMoments: [[Float]], averages: [[Float]]) {
    self.step = step
    first = Array(firstMoments.joined())
    second = Array(secondMoments.joined())
    average = Array(averages.joined())
  }

  /// Makes one step along the parameters' gradients.
  ///
  /// - Returns: the norm of the gradients before clipping; if it is not finite, nothing was changed.
  @discardableResult
  package func update(learningRate: Float) -> Float {
    let pieces = pieces
    let squares = Parallel.map(pieces.count) { Self.sumOfSquares(pieces[$0].gradient[pieces[$0].range]) }
    let norm = squares.reduce(0, +).squareRoot()
    guard norm.isFinite else { return Float(norm) }
    step += 1
    let clip = Float(min(1, Double(settings.maximumNorm) / max(norm, 1e-12)))
    let correction1 = 1 - pow(settings.beta1, Float(step))
    let correction2 = 1 - pow(settings.beta2, Float(step))
    let rate = learningRate / correction1
    let keep = min(settings.averaging, Float(1 + step) / Float(10 + step))
    let s = settings
    first.withSplitBuffer { first in
      second.withSplitBuffer { second in
        average.withSplitBuffer { average in
          Parallel.run(chunks: pieces.count) { k in
            let piece = pieces[k]
            let decay = piece.decays ? learningRate * s.weightDecay : 0
            let (value, gradient) = (
              piece.value.start + piece.range.lowerBound, piece.gradient.start + piece.range.lowerBound
            )
            let (m, v, mean) = (
              first.start + piece.start, second.start + piece.start, average.start + piece.start
            )
            for i in 0..<piece.range.count {
              let g = gradient[i] * clip
              m[i] = s.beta1 * m[i] + (1 - s.beta1) * g
              v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g
              value[i] -= decay * value[i] + rate * m[i] / ((v[i] / correction2).squareRoot() + s.epsilon)
              mean[i] = keep * mean[i] + (1 - keep) * value[i]
            }
          }
        }
      }
    }
    for parameter in parameters { parameter.update { _ in } }
    return Float(norm)
  }

  /// Replaces the weights by their averages and returns the weights that were replaced.
  package func swapInAverages() -> [[Float]] {
    let live = parameters.map { Array($0.value) }
    for (parameter, average) in zip(parameters, averages) { parameter.set(average) }
    return live
  }

  private static func sumOfSquares(_ values: UnsafeMutableBufferPointer<Float>) -> Double {
    var lanes = SIMD8<Double>()
    var i = 0
    while i + 8 <= values.count {
      var chunk = SIMD8<Double>()
      for lane in 0..<8 { chunk[lane] = Double(values[i + lane]) }
      lanes += chunk * chunk
      i += 8
    }
    var total = lanes.sum()
    while i < values.count {
      total += Double(values[i]) * Double(values[i])
      i += 1
    }
    return total
  }
}
