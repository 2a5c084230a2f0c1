import Foundation

/// Adam with decoupled weight decay and gradient clipping by the global norm, and the moving average of the weights.
///
/// Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2; the
/// average as in Polyak & Juditsky 1992.
package final class Adam {
  package struct Settings: Codable, Sendable, Equatable {
    package var beta1: Float = 0.9
    package var beta2: Float = 0.999
    package var epsilon: Float = 1e-8
    /// Applied to weights of more than one dimension, not to biases and scales.
    package var weightDecay: Float = 1e-4
    /// Gradients longer than this, over all parameters, are shortened to it.
    package var maximumNorm: Float = 1
    /// Share of the average kept each step, once enough steps have been seen.
    package var averaging: Float = 0.998

    package init() {}
  }

  package let settings: Settings
  package let parameters: [Parameter]
  package private(set) var step = 0
  package private(set) var firstMoments: [[Float]]
  package private(set) var secondMoments: [[Float]]
  package private(set) var averages: [[Float]]

  package init(_ parameters: [Parameter], settings: Settings = Settings()) {
    self.parameters = parameters
    self.settings = settings
    firstMoments = parameters.map { [Float](repeating: 0, count: $0.count) }
    secondMoments = firstMoments
    averages = parameters.map { Array($0.value) }
  }

  /// Continues where `step` updates left off.
  package func restore(step: Int, firstMoments: [[Float]], secondMoments: [[Float]], averages: [[Float]]) {
    self.step = step
    self.firstMoments = firstMoments
    self.secondMoments = secondMoments
    self.averages = averages
  }

  /// Takes a step along the parameters' gradients.
  ///
  /// - Returns: the gradients' norm before clipping; where it is not finite, nothing was changed.
  @discardableResult
  package func update(learningRate: Float) -> Float {
    let norm = parameters.reduce(Double(0)) { $0 + Self.sumOfSquares($1.gradient) }.squareRoot()
    guard norm.isFinite else { return Float(norm) }
    step += 1
    let clip = Float(min(1, Double(settings.maximumNorm) / max(norm, 1e-12)))
    let correction1 = 1 - pow(settings.beta1, Float(step))
    let correction2 = 1 - pow(settings.beta2, Float(step))
    let rate = learningRate / correction1
    let keep = min(settings.averaging, Float(1 + step) / Float(10 + step))
    for (index, parameter) in parameters.enumerated() {
      let decay = parameter.shape.count > 1 ? learningRate * settings.weightDecay : 0
      let s = settings
      parameter.update { value in
        firstMoments[index].withUnsafeMutableBufferPointer { m in
          secondMoments[index].withUnsafeMutableBufferPointer { v in
            averages[index].withUnsafeMutableBufferPointer { average in
              for i in value.indices {
                let g = parameter.gradient[i] * clip
                m[i] = s.beta1 * m[i] + (1 - s.beta1) * g
                v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g
                value[i] -= decay * value[i] + rate * m[i] / ((v[i] / correction2).squareRoot() + s.epsilon)
                average[i] = keep * average[i] + (1 - keep) * value[i]
              }
            }
          }
        }
      }
    }
    return Float(norm)
  }

  /// Puts the averaged weights in place and returns those they replaced.
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
