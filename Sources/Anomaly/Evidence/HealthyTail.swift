import Foundation
import Numerics

/// The tail of healthy cases beyond the largest of them, for p-values smaller than ranks can give.
///
/// The highest third of the values is taken to exceed the next lower value exponentially. Let `S` be the sum of these
/// `k` excesses. Another healthy case lies above all of them with probability `1 / (n + 1)`, and if it does, then by
/// more than `x` with probability `(1 + x / S)^-k`: this counts that the tail is estimated, and is exact where the tail
/// is exponential. Where the tail is lighter, the true probability is smaller.
///
/// Sources: Rényi 1953 (the spacings of exponential values are independent); Aitchison & Dunsmore 1975, "Statistical
/// Prediction Analysis", section 2.4 (prediction from an exponential sample).
package struct HealthyTail: Codable, Sendable, Equatable {
  /// Largest healthy value.
  package let largest: Double
  /// Number of excesses that the tail is fitted to, and their sum.
  package let excesses: Int
  let sum: Double
  /// p-value of Anderson and Darling's test of the excesses against the exponential distribution, by parametric
  /// bootstrap.
  package let fitP: Double

  private static let fewestExcesses = 5
  private static let rejectedAt = 0.05

  /// - Parameter values: values of healthy cases, ascending.
  init(of values: [Double]) {
    let count = values.count / 3
    let excesses = count == 0 ? [] : values.suffix(count).map { $0 - values[values.count - count - 1] }
    self.excesses = count
    largest = values.last ?? 0
    sum = excesses.reduce(0, +)
    fitP =
      count == 0
      ? 1
      : GeneralizedPareto(exponential: excesses).pValue(ofFitTo: excesses) { GeneralizedPareto(exponential: $0) }
  }

  /// Whether the tail is used: there are enough excesses, and the test does not reject it.
  package var isUsed: Bool { excesses >= Self.fewestExcesses && sum > 0 && fitP > Self.rejectedAt }

  /// The smallest share that `share` gives. `k` excesses rank one value in `k + 1`; the fit is trusted for as much
  /// again.
  package var smallestShare: Double { isUsed ? 1 / Double(excesses + 1) : 1 }

  /// The share of the healthy cases above `largest` that also lie above `value`; 1 up to `largest`, and everywhere if
  /// the tail is not used.
  func share(above value: Double) -> Double {
    guard isUsed, value > largest else { return 1 }
    return max(pow(1 + (value - largest) / sum, -Double(excesses)), smallestShare)
  }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool { largest.isFinite && excesses >= 0 && sum >= 0 && sum.isFinite && (0...1).contains(fitP) }
}
