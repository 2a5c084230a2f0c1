import Foundation
import Imaging
import Numerics

/// Measures how similar a set of patches is to real patches.
package struct Fidelity: Sendable, Equatable, Codable {
  /// Fréchet distance between Gaussians fitted to both sets, 0 where they agree. Source: Heusel et al. 2017,
  /// arXiv:1706.08500, equation 6, here on `PatchFeatures` in units of the real patches' deviations.
  package var frechetDistance: Double
  /// Unbiased squared maximum mean discrepancy with the kernel `(x'y / d + 1)^3`; around 0 where they agree. Source:
  /// Bińkowski et al. 2018, arXiv:1801.01401, section 3.
  package var kernelDistance: Double
  /// Share of the patches that lie among the real patches, in 0...1. Source: Kynkäänniemi et al. 2019,
  /// arXiv:1904.06991, equation 2, with the 3 nearest neighbours.
  package var precision: Double
  /// Share of the real patches that lie among the patches, in 0...1.
  package var recall: Double
  /// Median distance to the nearest training patch: root mean square difference of intensities at a quarter of the
  /// size.
  package var nearestTraining: Double?

  /// - Parameters:
  ///   - patches: patches to judge, at least two.
  ///   - real: held-out healthy patches, at least two.
  ///   - training: training patches, which a generator could have memorized.
  package init(of patches: [Image], real: [Image], training: [Image]) {
    let scaled = Self.standardized(real.map(PatchFeatures.values), others: patches.map(PatchFeatures.values))
    frechetDistance = Self.frechet(scaled.others, scaled.real)
    kernelDistance = Self.kernelDistance(scaled.others, scaled.real)
    precision = Self.coverage(of: scaled.others, by: scaled.real)
    recall = Self.coverage(of: scaled.real, by: scaled.others)
    nearestTraining = Self.nearest(to: patches, in: training)
  }

  /// See `nearestTraining`; `nil` where there are no training patches.
  package static func nearest(to patches: [Image], in training: [Image]) -> Double? {
    let known = training.map(small)
    guard !known.isEmpty else { return nil }
    return median(patches.map(small).map { patch in known.map { distance($0, patch) }.min()! })
  }

  // MARK: Features

  /// Least deviation that a feature is divided by. It keeps features that hardly vary among real patches, such as an
  /// empty corner, from being enlarged beyond what can be seen.
  private static let leastDeviation = 0.02

  private static func standardized(
    _ real: [[Double]], others: [[Double]]
  ) -> (real: [[Double]], others: [[Double]]) {
    let d = real[0].count
    let n = Double(real.count)
    let means = (0..<d).map { k in real.reduce(0) { $0 + $1[k] } / n }
    let deviations = (0..<d).map { k in
      max((real.reduce(0) { $0 + ($1[k] - means[k]) * ($1[k] - means[k]) } / n).squareRoot(), leastDeviation)
    }
    func scale(_ rows: [[Double]]) -> [[Double]] {
      rows.map { row in (0..<d).map { (row[$0] - means[$0]) / deviations[$0] } }
    }
    return (scale(real), scale(others))
  }

  private static func frechet(_ a: [[Double]], _ b: [[Double]]) -> Double {
    let (ga, gb) = (Gaussian(a), Gaussian(b))
    let shift = zip(ga.mean, gb.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    // The trace of the root of the product equals the trace of the root of a symmetric matrix, root(a) b root(a).
    let root = SquareMatrix.squareRoot(ga.covariance)
    let product = SquareMatrix.product(SquareMatrix.product(root, gb.covariance), root)
    let cross = SquareMatrix.eigenvalues(product).reduce(0) { $0 + max($1, 0).squareRoot() }
    return max(0, shift + SquareMatrix.trace(ga.covariance) + SquareMatrix.trace(gb.covariance) - 2 * cross)
  }

  private struct Gaussian {
    let mean: [Double]
    let covariance: [[Double]]

    init(_ rows: [[Double]]) {
      let d = rows[0].count
      let n = Double(rows.count)
      let mean = (0..<d).map { k in rows.reduce(0) { $0 + $1[k] } / n }
      var covariance = [[Double]](repeating: [Double](repeating: 0, count: d), count: d)
      for row in rows {
        for i in 0..<d { for j in 0...i { covariance[i][j] += (row[i] - mean[i]) * (row[j] - mean[j]) / (n - 1) } }
      }
      for i in 0..<d { for j in 0..<i { covariance[j][i] = covariance[i][j] } }
      self.mean = mean
      self.covariance = covariance
    }
  }

  private static func kernelDistance(_ a: [[Double]], _ b: [[Double]]) -> Double {
    let d = Double(a[0].count)
    func kernel(_ x: [Double], _ y: [Double]) -> Double {
      let inner = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } / d + 1
      return inner * inner * inner
    }
    func within(_ rows: [[Double]]) -> Double {
      var sum = 0.0
      for i in rows.indices { for j in 0..<i { sum += 2 * kernel(rows[i], rows[j]) } }
      return sum / Double(rows.count * (rows.count - 1))
    }
    let across = a.reduce(0) { sum, x in sum + b.reduce(0) { $0 + kernel(x, $1) } } / Double(a.count * b.count)
    return within(a) + within(b) - 2 * across
  }

  private static let neighbours = 3

  /// Share of the points within the radius of some point of the set; the radius reaches to its third nearest neighbour
  /// in the set.
  private static func coverage(of points: [[Double]], by set: [[Double]]) -> Double {
    let radii = set.indices.map { i in
      let distances = set.indices.filter { $0 != i }.map { distance(set[i], set[$0]) }.sorted()
      return distances[min(neighbours, distances.count) - 1]
    }
    let covered = points.count { point in set.indices.contains { distance(point, set[$0]) <= radii[$0] } }
    return Double(covered) / Double(points.count)
  }

  private static func distance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }

  // MARK: Pixels

  private static func small(_ patch: Image) -> [Float] { patch.reduced(by: 4).samples }

  private static func distance(_ a: [Float], _ b: [Float]) -> Double {
    Double(zip(a, b).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Float(a.count)).squareRoot()
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
