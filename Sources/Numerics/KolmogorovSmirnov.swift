import Foundation

/// The two-sample Kolmogorov-Smirnov test: do two sets of numbers come from one distribution?
///
/// Sources: Smirnov 1939; Hodges 1958, "The significance probability of the Smirnov two-sample test".
package enum KolmogorovSmirnov {
  /// Largest distance between the two empirical distribution functions, in 0...1.
  ///
  /// - Parameter tolerance: largest shift of the values that is forgiven; only the distance that remains after any
  ///   shift by up to this much counts.
  package static func distance(_ a: [Double], _ b: [Double], tolerance: Double = 0) -> Double {
    guard !a.isEmpty, !b.isEmpty else { return 0 }
    let (a, b) = (a.sorted(), b.sorted())
    /// Largest excess, over all values, of the share of `low` at or below the value over the share of `high` at or
    /// below the value plus tolerance.
    func excess(_ low: [Double], _ high: [Double]) -> Double {
      var (largest, below) = (0.0, 0)
      for (k, value) in low.enumerated() where k + 1 == low.count || low[k + 1] > value {
        while below < high.count, high[below] <= value + tolerance { below += 1 }
        largest = max(largest, Double(k + 1) / Double(low.count) - Double(below) / Double(high.count))
      }
      return largest
    }
    return max(excess(a, b), excess(b, a))
  }

  /// Probability of a distance at least this large if both sets come from one continuous distribution.
  ///
  /// Exact except for large sets, where the first term of the limiting distribution bounds it from above. With ties the
  /// result errs towards 1.
  package static func pValue(distance: Double, _ n: Int, _ m: Int) -> Double {
    guard n > 0, m > 0, distance > 0 else { return 1 }
    let (rows, columns) = (Double(n), Double(m))
    guard n * m <= mostPaths else {
      return min(1, 2 * exp(-2 * distance * distance * rows * columns / (rows + columns)))
    }
    // Share of the lattice paths from (0, 0) to (n, m) that stay nearer to the diagonal than the distance. It is scaled
    // row by row, since the number of paths would overflow.
    let bound = (0.5 + (distance * rows * columns - 1e-7).rounded(.down)) / (rows * columns)
    var paths = (0...m).map { Double($0) / columns > bound ? 0.0 : 1.0 }
    for i in 1...n {
      let weight = Double(i) / Double(i + m)
      paths[0] = Double(i) / rows > bound ? 0 : weight * paths[0]
      for j in 1...m {
        let isNear = abs(Double(i) / rows - Double(j) / columns) <= bound
        paths[j] = isNear ? weight * paths[j] + paths[j - 1] : 0
      }
    }
    // 1 - paths[m] cannot resolve probabilities below 1e-16.
    return min(max(1 - paths[m], 1e-16), 1)
  }

  private static let mostPaths = 1_000_000

  /// The smallest p-value that sets of these sizes can give: all values of one set lie beyond all values of the other.
  package static func smallestPValue(_ n: Int, _ m: Int) -> Double { pValue(distance: 1, n, m) }
}
