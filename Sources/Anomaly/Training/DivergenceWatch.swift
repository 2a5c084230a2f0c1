import Files

/// Tells from the losses whether training has diverged and will not recover by itself.
///
/// A single bad step does not count: its gradient is skipped where it is not finite, and clipped where it is. Several
/// bad steps in a row count.
package struct DivergenceWatch: Codable, Sendable, Equatable {
  /// Running mean of the loss's absolute value, in nats per value. A loss may be negative, since it comes from a
  /// density.
  private var mean: Double?
  /// The lowest running mean so far. A mean that rises along with the loss would hide a slow explosion.
  private var lowestMean = Double.greatestFiniteMagnitude
  private var failures = 0
  private var explosions = 0

  package static let bearableFailures = 5
  package static let bearableExplosions = 20
  private static let explosion = 10.0
  private static let keep = 0.98

  package init() {}

  /// Whether the last step was neither a failure nor an explosion.
  package var isCalm: Bool { failures == 0 && explosions == 0 }

  /// Whether a loss is far too large compared with one reached before; both in nats per value.
  package static func isExplosion(_ loss: Double, after reached: Double) -> Bool {
    // A reached loss near zero is no measure, so 1 nat per value is used instead.
    loss > explosion * max(1, abs(reached))
  }

  /// - Parameters:
  ///   - loss: loss of a step in nats per value, comparable between steps.
  ///   - gradientNorm: norm of the same step's gradient.
  /// - Returns: why training has to go back, as a clause; `nil` where it may continue.
  package mutating func reasonToGoBack(loss: Double, gradientNorm: Float) -> String? {
    guard loss.isFinite, gradientNorm.isFinite else {
      failures += 1
      return failures < Self.bearableFailures
        ? nil : "the loss or its gradient was not a finite number \(Count.of(failures, "step")) in a row"
    }
    failures = 0
    let known = mean ?? abs(loss)
    lowestMean = min(lowestMean, known)
    mean = known
    guard !Self.isExplosion(loss, after: lowestMean) else {
      explosions += 1
      return explosions < Self.bearableExplosions
        ? nil
        : "the loss was more than \(Int(Self.explosion)) times its running mean \(Count.of(explosions, "step")) in a row"
    }
    explosions = 0
    mean = Self.keep * known + (1 - Self.keep) * abs(loss)
    return nil
  }
}

/// Training diverged, and going back to the last good state with smaller steps did not help.
package struct TrainingDiverged: Error, Sendable, CustomStringConvertible {
  package let step: Int
  package let recoveries: Int
  /// Why training diverged, as a clause.
  package let reason: String

  package var description: String {
    "training: \(reason) at step \(step), again after \(recoveries) returns to a good state at half the learning rate "
      + "each, a loss that falls was expected. Lower --learning-rate."
  }
}
