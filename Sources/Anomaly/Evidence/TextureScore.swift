import Foundation
import Numerics

/// Brings the texture distances of a case's scans to the units of its other score, that of its most abnormal place, and
/// combines the two.
///
/// A case counts with the mean of the logarithms of its scans' distances: the largest would grow with the number of
/// scans. The mean of few scans varies more than that of many, so it is divided by its own standard deviation,
/// `sqrt(between + within / n)`, before it is given the mean and the standard deviation that the other score has over
/// the held-out cases.
package struct TextureScore: Codable, Sendable, Equatable {
  /// Mean of the healthy cases.
  private let center: Double
  /// Variance between cases, and between the scans of a case.
  private let between: Double
  private let within: Double
  /// Mean and standard deviation of the other score over the held-out cases.
  private let middle: Double
  private let unit: Double
  /// The highest third of the other score's values over the held-out cases: how many, the next lower value, and the sum
  /// of how far they lie above it.
  private let excesses: Int
  private let threshold: Double
  private let sum: Double
  /// How far the other score is trusted, in 0...1, see `trust`.
  private let trust: Double

  private static let leastVariance = 1e-6
  /// Beyond so many standard deviations, the tail of the normal distribution is too small a number.
  private static let largest = 37.0

  /// - Parameters:
  ///   - cases: texture distances of the scans of each healthy case; one or more cases have some.
  ///   - others: the other score of those among them that were held out.
  ///   - detection: AUROC of the other score for held-out patches with planted lesions beside the same without.
  package init(of cases: [[Double]], others: [Double], detection: Double) {
    trust = Self.trust(detection)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }
    func squares(_ values: [Double]) -> Double {
      let center = mean(values)
      return values.reduce(0) { $0 + ($1 - center) * ($1 - center) }
    }
    let logs = cases.filter { !$0.isEmpty }.map { $0.map(Self.logarithm) }
    let means = logs.map(mean)
    let freedom = logs.reduce(0) { $0 + $1.count - 1 }
    center = mean(means)
    within = freedom > 0 ? logs.reduce(0) { $0 + squares($1) } / Double(freedom) : 0
    let all = squares(means) / Double(max(means.count - 1, 1))
    // Scans are spread over cases of unlike size: what is left of the variance of the means is that between cases.
    between = max(all - within * mean(logs.map { 1 / Double($0.count) }), Self.leastVariance)
    middle = mean(others)
    unit = max((squares(others) / Double(max(others.count - 1, 1))).squareRoot(), 1e-3)
    let sorted = others.sorted(by: >)
    excesses = max(others.count / 3, 1)
    let next = sorted[min(excesses, sorted.count - 1)]
    threshold = next
    sum = max(sorted.prefix(excesses).reduce(0) { $0 + $1 - next }, 1e-3 * unit)
  }

  /// The score of a case, or of a scan by itself. Where no distance is known, it is that of the average healthy case.
  ///
  /// - Parameter distances: texture distances of its scans.
  package func score(of distances: [Double]) -> Double {
    guard !distances.isEmpty else { return middle }
    let count = Double(distances.count)
    let mean = distances.reduce(0) { $0 + Self.logarithm($1) } / count
    return middle + unit * (mean - center) / (between + within / count).squareRoot()
  }

  /// Both scores of a case together: how improbable it is as a whole, times how improbable its worst place is, as far as
  /// that is trusted. A worst place below the highest third of the healthy ones adds nothing, and takes nothing away.
  ///
  /// The whole is taken to be normally distributed over healthy cases, and the highest third of the worst places to
  /// exceed the next lower one exponentially: `k` excesses with the sum `S` are exceeded by `x` with probability
  /// `(1 + x / S)^-k`, see `HealthyTail`. So one healthy case with an extreme place weakens the places of all, and not
  /// the whole. Source of the product of probabilities: Fisher 1932, "Statistical Methods for Research Workers",
  /// section 21.1.
  ///
  /// - Returns: the product as a normal quantile, in the units of the other score.
  func combined(_ whole: Double, with worstPlace: Double) -> Double {
    let place = Double(excesses) * log1p(max(worstPlace - threshold, 0) / sum)
    guard place > 0, trust > 0 else { return whole }
    let z = min((whole - middle) / unit, Self.largest)
    let surprise = -log(0.5 * erfc(z / 2.0.squareRoot())) + trust * place
    return max(whole, middle - unit * NormalDistribution.quantile(min(max(exp(-surprise), 1e-300), 1 - 1e-9)))
  }

  /// 0 for a score that finds planted lesions no better than chance, 1 for one that finds them all: twice the AUROC less
  /// one (Somers' D).
  private static func trust(_ detection: Double) -> Double { min(max(2 * detection - 1, 0), 1) }

  private static func logarithm(_ distance: Double) -> Double { log(max(distance, 1e-9)) }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool {
    [center, between, within, middle, unit, threshold, sum].allSatisfy(\.isFinite) && between > 0 && within >= 0
      && unit > 0 && sum > 0 && (1...1 << 30).contains(excesses) && (0...1).contains(trust)
  }
}
