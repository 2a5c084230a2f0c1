import Foundation

/// Brings the texture distances of a case's scans to the units of its other score, that of its most abnormal place, and
/// combines the two.
///
/// A case counts with the mean of the logarithms of its scans' distances: the largest would grow with the number of
/// scans. The mean of few scans varies more than that of many, so it is divided by its own standard deviation,
/// `sqrt(between + within / n)`, before it is given the mean and the standard deviation that the other score has over
/// the held-out cases.
package struct TextureScore: Codable, Sendable, Equatable {
  /// Mean of the held-out cases.
  private let center: Double
  /// Variance between cases, and between the scans of a case.
  private let between: Double
  private let within: Double
  /// Mean and standard deviation of the other score over the held-out cases.
  private let middle: Double
  private let unit: Double
  /// How far the other score is trusted, in 0...1, see `trust`.
  private let trust: Double

  private static let leastVariance = 1e-6
  /// Least trust with which the other score judges alone: 70 % of the pairs of patches with and without planted lesions
  /// are told apart.
  private static let leastTrustAlone = 0.4

  /// - Parameters:
  ///   - cases: texture distances of the scans of each held-out healthy case; one or more cases have some.
  ///   - others: the other score of the same cases.
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

  /// Both scores of a case together: how unusual it is as a whole, plus by how much its worst place is more abnormal than
  /// that of an average healthy case, as far as that is trusted. A place that is not adds nothing, and takes nothing
  /// away. Where it is trusted much, the worst place also judges alone, so that a lesion is not lost beside scans that
  /// are usual otherwise.
  func combined(_ whole: Double, with worstPlace: Double) -> Double {
    let both = whole + trust * max(worstPlace - middle, 0)
    return trust >= Self.leastTrustAlone ? max(both, worstPlace) : both
  }

  /// 0 for a score that finds planted lesions no better than chance, 1 for one that finds them all: twice the AUROC less
  /// one (Somers' D).
  private static func trust(_ detection: Double) -> Double { min(max(2 * detection - 1, 0), 1) }

  private static func logarithm(_ distance: Double) -> Double { log(max(distance, 1e-9)) }

  /// Whether all parts, read from a file, are in their ranges.
  var isSound: Bool {
    [center, between, within, middle, unit].allSatisfy(\.isFinite) && between > 0 && within >= 0 && unit > 0
      && (0...1).contains(trust)
  }
}
