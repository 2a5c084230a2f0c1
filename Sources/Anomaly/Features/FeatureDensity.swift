import Compute
import Files
import Foundation
import Numerics
import Threads

/// How the features of healthy cells are distributed: a Gaussian, learned from cells of all places together.
///
/// There may be hardly more cells than numbers, so the covariance `C` of the standardized numbers is used as `C + r I`.
/// Sources: Defard et al. 2021, arXiv:2011.08785 (a Gaussian of features of a network trained on photographs, there for
/// each place); Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4 (the ridge).
package struct FeatureDensity: Sendable, Equatable {
  /// The intensities that the network sees as black and as white, in shared units or in normalized intensity.
  let range: ClosedRange<Float>
  /// Mean and standard deviation of each feature.
  let mean: [Float]
  let deviation: [Float]
  /// `[features, features]`: the inverse of the lower Cholesky factor of `C + r I`.
  let whitening: [Float]
  /// Mean and standard deviation of the logarithm of the distance over healthy cells.
  let middle: Float
  let scatter: Float

  private static let ridge = 0.1
  private static let leastDeviation: Float = 1e-6
  static let leastDistance: Float = 1e-6
  static let fewestCells = 1_000

  init(
    range: ClosedRange<Float>, mean: [Float], deviation: [Float], whitening: [Float], middle: Float, scatter: Float
  ) {
    self.range = range
    (self.mean, self.deviation, self.whitening) = (mean, deviation, whitening)
    (self.middle, self.scatter) = (middle, scatter)
  }

  /// - Parameters:
  ///   - cells: features of healthy cells.
  ///   - range: the intensities that the network saw as black and as white.
  /// - Returns: `nil` where there are fewer than 1,000 cells.
  init?(of cells: [[Float]], range: ClosedRange<Float>) {
    guard cells.count >= Self.fewestCells, let n = cells.first?.count else { return nil }
    let count = Double(cells.count)
    var (sums, squares) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
    for cell in cells { for k in 0..<n { sums[k] += Double(cell[k]) } }
    let mean = sums.map { Float($0 / count) }
    for cell in cells {
      for k in 0..<n {
        let rest = Double(cell[k] - mean[k])
        squares[k] += rest * rest
      }
    }
    let deviation = squares.map { max(Float(($0 / count).squareRoot()), Self.leastDeviation) }
    let standard = cells.map { cell in (0..<n).map { (cell[$0] - mean[$0]) / deviation[$0] } }
    var covariance = SquareMatrix.products(of: standard).map { $0.map { $0 / count } }
    for k in 0..<n { covariance[k][k] += Self.ridge }
    let whitening = SquareMatrix.lowerInverse(SquareMatrix.cholesky(covariance)).map { $0.map(Float.init) }
    let logarithms = Parallel.map(standard.count) { k -> Double in
      let distance = (0..<n).reduce(Float(0)) { sum, i in
        let part = (0...i).reduce(Float(0)) { $0 + whitening[i][$1] * standard[k][$1] }
        return sum + part * part
      }
      return Double(log(max(distance, Self.leastDistance)))
    }
    let middle = logarithms.reduce(0, +) / count
    let variance = logarithms.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / count
    self.init(
      range: range, mean: mean, deviation: deviation, whitening: Array(whitening.joined()), middle: Float(middle),
      scatter: max(Float(variance.squareRoot()), Self.leastDeviation))
  }

  // MARK: Storage

  private static let prefix = FeatureWeights.prefix + "density."

  var arrays: [String: Safetensors.Array] {
    let n = mean.count
    return [
      Self.prefix + "range": .init(shape: [2], values: [range.lowerBound, range.upperBound]),
      Self.prefix + "mean": .init(shape: [n], values: mean),
      Self.prefix + "deviation": .init(shape: [n], values: deviation),
      Self.prefix + "whitening": .init(shape: [n, n], values: whitening),
      Self.prefix + "distance": .init(shape: [2], values: [middle, scatter]),
    ]
  }

  /// - Returns: `nil` where an array is missing, does not fit, or is out of range.
  init?(_ arrays: [String: Safetensors.Array]) {
    func values(_ name: String, _ shape: [Int]) -> [Float]? {
      guard let array = arrays[Self.prefix + name], array.shape == shape, array.values.allSatisfy({ abs($0) <= 1e6 })
      else { return nil }
      return array.values
    }
    let n = FeatureWeights.count
    guard let range = values("range", [2]), range[0] < range[1], let mean = values("mean", [n]),
      let deviation = values("deviation", [n]),
      let whitening = values("whitening", [n, n]), let distance = values("distance", [2]),
      (deviation + [distance[1]]).allSatisfy({ $0 >= Self.leastDeviation })
    else { return nil }
    self.init(
      range: range[0]...range[1], mean: mean, deviation: deviation, whitening: whitening, middle: distance[0],
      scatter: distance[1])
  }
}
