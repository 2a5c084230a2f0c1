import Foundation

/// How long a network is trained.
package enum TrainingBudget: Codable, Sendable, Equatable {
  case minutes(Double)
  /// Passes over the training patches.
  case epochs(Double)
  /// Updates of the weights, above 0.
  case steps(Int)

  /// Share of the budget that is used up; may exceed 1.
  func fraction(seconds: Double, steps: Int, stepsPerEpoch: Double) -> Double {
    switch self {
    case .minutes(let minutes): seconds / (minutes * 60)
    case .epochs(let epochs): Double(steps) / (epochs * stepsPerEpoch)
    case .steps(let all): Double(steps) / Double(all)
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
    case .epochs(let epochs): max(0, epochs * stepsPerEpoch - Double(steps)) / max(stepsPerSecond, 1e-9)
    case .steps(let all): Double(max(0, all - steps)) / max(stepsPerSecond, 1e-9)
    }
  }

  /// The number of steps that the budget is known to have before any was made; `nil` for a budget of time.
  ///
  /// - Parameter stepsPerEpoch: steps of one pass over the training patches.
  func knownSteps(stepsPerEpoch: Double) -> Int? {
    switch self {
    case .minutes: nil
    // Rounded like the loop that ends at a share of 1; the limit is far more than any training takes.
    case .epochs(let epochs): Int(min((epochs * stepsPerEpoch).rounded(.up), 1e15))
    case .steps(let all): all
    }
  }
}

/// Foretells how many steps come out of a budget, and tells once where they are fewer than training needs.
struct StepForecast {
  let needed: Int
  private var hasTold = false

  /// Share of the budget, and number of steps, from which on the pace is known: the first steps are slower.
  private static let leastShare = 0.02
  private static let leastSteps = 20

  init(needed: Int) { self.needed = needed }

  /// - Parameters:
  ///   - steps: steps taken so far.
  ///   - fraction: share of the budget that they took.
  ///   - known: number of steps that the budget is known to have; `nil` for a budget of time.
  /// - Returns: the steps of the whole training; `nil` where they suffice, are not yet known, or were told of before.
  mutating func shortage(steps: Int, fraction: Double, known: Int?) -> ModelKnowledge.Steps? {
    guard !hasTold else { return nil }
    var expected = known
    if expected == nil, steps > 0, fraction >= Self.leastShare || steps >= Self.leastSteps {
      expected = max(steps, Int(min(Double(steps) / fraction, 1e15)))
    }
    guard let expected, expected < needed else { return nil }
    hasTold = true
    return ModelKnowledge.Steps(taken: expected, needed: needed)
  }
}

/// A budget of time that ends before the first step does.
package struct BudgetTooSmall: Error, Sendable, Equatable {
  package let minutes: Double
  /// Seconds that the first step took.
  package let secondsPerStep: Double
}

/// Learning rate: a linear warm-up, then half a cosine down to 1e-6. Source: Loshchilov & Hutter 2017,
/// arXiv:1608.03983.
enum LearningRate {
  static let warmUpSteps = 100

  /// - Parameters:
  ///   - peak: the largest rate.
  ///   - step: number of updates made so far.
  ///   - fraction: share of the budget that is used up.
  static func rate(peak: Float, step: Int, fraction: Double) -> Float {
    let warm = min(1, Float(step + 1) / Float(warmUpSteps))
    return peak * warm * Float(0.5 * (1 + cos(Double.pi * min(1, fraction)))) + 1e-6
  }
}
