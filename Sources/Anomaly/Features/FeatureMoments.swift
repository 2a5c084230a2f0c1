import Compute
import Foundation

/// The features of a scan in one number each for mean and standard deviation over its cells: what the scan shows as a
/// whole, wherever it is.
struct FeatureMoments {
  static let count = 2 * FeatureWeights.count

  private var cells = 0
  private var sums = [Double](repeating: 0, count: FeatureWeights.count)
  private var squares = [Double](repeating: 0, count: FeatureWeights.count)

  /// - Parameters:
  ///   - features: `[1, h, w, features]`.
  ///   - places: numbers of the cells that count.
  mutating func add(_ features: Tensor, of places: [Int]) {
    let count = FeatureWeights.count
    cells += places.count
    for place in places {
      for k in 0..<count {
        let value = Double(features.values[place * count + k])
        sums[k] += value
        squares[k] += value * value
      }
    }
  }

  /// `[2 x features]`: the means, then the standard deviations; NaN where there was no cell.
  var values: [Float] {
    let count = Double(cells)
    let means = sums.map { $0 / count }
    let deviations = zip(squares, means).map { max($0 / count - $1 * $1, 0).squareRoot() }
    return cells == 0 ? [Float](repeating: .nan, count: Self.count) : (means + deviations).map(Float.init)
  }
}
