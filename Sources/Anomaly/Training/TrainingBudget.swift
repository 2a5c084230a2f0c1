import Foundation

/// How long a network is trained.
package enum TrainingBudget: Codable, Sendable, Equatable {
  case minutes(Double)
  /// Passes over the training patches.
  case epochs(Double)

  /// Share of the budget that is used up; may exceed 1.
  func fraction(seconds: Double, steps: Int, stepsPerEpoch: Double) -> Double {
    switch self {
    case .minutes(let minutes): seconds / (minutes * 60)
    case .epochs(let epochs): Double(steps) / (epochs * stepsPerEpoch)
    }
  }

  /// Seconds until the budget is used up.
  ///
  /// - Parameters:
  ///   - seconds: seconds used so far.
  ///   - steps: steps taken so far.
  ///   - stepsPerSecond: present speed of training.
  func secondsLeft(seconds: Double, steps: Int, stepsPerEpoch: Double, stepsPerSecond: Double) -> Double {
    switch self {
    case .minutes(let minutes): max(0, minutes * 60 - seconds)
    case .epochs(let epochs): (epochs * stepsPerEpoch - Double(steps)) / max(stepsPerSecond, 1e-9)
    }
  }
}

/// Learning rate: a linear warm-up, then half a cosine down to 1e-6. Source: Loshchilov & Hutter 2017,
/// arXiv:1608.03983.
enum LearningRate {
  private static let warmUpSteps: Float = 100

  /// - Parameters:
  ///   - peak: the largest rate.
  ///   - step: number of updates made so far.
  ///   - fraction: share of the budget that is used up.
  static func rate(peak: Float, step: Int, fraction: Double) -> Float {
    let warm = min(1, Float(step + 1) / warmUpSteps)
    return peak * warm * Float(0.5 * (1 + cos(Double.pi * min(1, fraction)))) + 1e-6
  }
}
