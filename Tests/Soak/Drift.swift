import Foundation

/// How a quantity grows with the work that was done, and how sure that is.
///
/// A resident size moves in steps and stays where it stepped to, so that neighbouring samples say almost the same and
/// an ordinary regression would be far too sure. Hence means over blocks of the work, far longer than a step lasts, one
/// line through those, and its variance enlarged by what correlation is left between neighbouring blocks (as for a
/// first-order autoregression: Zięba 2010, "Effective number of observations", Metrology and Measurement Systems 17).
/// Newey and West's estimator would need a choice of lag instead, and is too sure with few lags.
struct Drift {
  /// Of a unit of work.
  let slope: Double
  /// Half the width of the slope's interval at 95 %.
  let uncertainty: Double
  /// Of the means of neighbouring blocks, about the line.
  let correlation: Double
  let blocks: [Double]

  private static let count = 20
  /// Student's t for 18 degrees of freedom.
  private static let quantile = 2.101

  /// - Parameters:
  ///   - samples: how much work was done, and the quantity then.
  ///   - range: of the work.
  /// - Returns: `nil` where a block has no sample.
  init?(_ samples: [(work: Double, value: Double)], over range: ClosedRange<Double>) {
    let width = (range.upperBound - range.lowerBound) / Double(Self.count)
    var sums = [(work: Double, value: Double, count: Double)](repeating: (0, 0, 0), count: Self.count)
    for sample in samples where range.contains(sample.work) {
      let block = min(Int((sample.work - range.lowerBound) / width), Self.count - 1)
      sums[block] = (sums[block].work + sample.work, sums[block].value + sample.value, sums[block].count + 1)
    }
    guard sums.allSatisfy({ $0.count > 0 }) else { return nil }
    let points = sums.map { (x: $0.work / $0.count, y: $0.value / $0.count) }
    let n = Double(points.count)
    let center = (x: points.map(\.x).reduce(0, +) / n, y: points.map(\.y).reduce(0, +) / n)
    let spread = points.reduce(0) { $0 + ($1.x - center.x) * ($1.x - center.x) }
    let slope = points.reduce(0) { $0 + ($1.x - center.x) * ($1.y - center.y) } / spread
    let rests = points.map { $0.y - center.y - slope * ($0.x - center.x) }
    let squares = rests.reduce(0) { $0 + $1 * $1 }
    let products = zip(rests, rests.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    correlation = squares > 0 ? products / squares : 0
    let inflation = (1 + min(max(correlation, 0), 0.9)) / (1 - min(max(correlation, 0), 0.9))
    self.slope = slope
    uncertainty = Self.quantile * (inflation * squares / (n - 2) / spread).squareRoot()
    blocks = points.map(\.y)
  }

  /// Whether no slope at all would explain what was seen.
  var isZero: Bool { abs(slope) <= uncertainty }
  var highest: Double { slope + uncertainty }
}
