/// Tells from the losses whether training has left the way down and will not come back by itself.
///
/// One bad step is none: its gradient is not followed where it is not finite, and clipped where it is. What counts is
/// several in a row.
package struct DivergenceWatch: Codable, Sendable, Equatable {
  /// Running mean of the loss's size, in nats a value; a loss may be below zero, since it is of a density.
  private var mean: Double?
  /// The lowest it has been: a mean that climbs along would hide a slow explosion.
  private var lowestMean = Double.greatestFiniteMagnitude
  private var failures = 0
  private var explosions = 0

  package static let bearableFailures = 5
  package static let bearableExplosions = 20
  private static let explosion = 10.0
  private static let keep = 0.98

  package init() {}

  /// Whether the last step was as it should be.
  package var isCalm: Bool { failures == 0 && explosions == 0 }

  /// Whether a loss is out of all proportion to one that has been reached, both in nats a value.
  package static func isExplosion(_ loss: Double, after reached: Double) -> Bool {
    // Near zero a loss is no measure; a nat a value is.
    loss > explosion * max(1, abs(reached))
  }

  /// - Parameters:
  ///   - loss: of a step, in nats a value, comparable between steps.
  ///   - gradientNorm: of the same step.
  /// - Returns: why training has to go back, as a clause; `nil` where it may go on.
  package mutating func reasonToGoBack(loss: Double, gradientNorm: Float) -> String? {
    guard loss.isFinite, gradientNorm.isFinite else {
      failures += 1
      return failures < Self.bearableFailures
        ? nil : "the loss or its gradient was not a finite number \(failures) steps in a row"
    }
    failures = 0
    let known = mean ?? abs(loss)
    lowestMean = min(lowestMean, known)
    mean = known
    guard !Self.isExplosion(loss, after: lowestMean) else {
      explosions += 1
      return explosions < Self.bearableExplosions
        ? nil : "the loss was more than \(Int(Self.explosion)) times its running mean \(explosions) steps in a row"
    }
    explosions = 0
    mean = Self.keep * known + (1 - Self.keep) * abs(loss)
    return nil
  }
}

/// The loss left the way down, and going back to the last good state with smaller steps did not help.
package struct TrainingDiverged: Error, Sendable, CustomStringConvertible {
  package let step: Int
  package let recoveries: Int
  /// As a clause.
  package let reason: String

  package var description: String {
    "training: \(reason) at step \(step), again after \(recoveries) returns to a good state at half the learning rate "
      + "each, a loss that falls was expected. Lower --learning-rate."
  }
}
