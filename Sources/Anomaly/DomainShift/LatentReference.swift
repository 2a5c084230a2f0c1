import Foundation
import Imaging
import Numerics

/// The position of the training study's scans in latent space, used to detect scans that lie elsewhere. Stored in the
/// model file.
///
/// An encoding is the mean of each latent channel's posterior mean over a scan's patches with tissue. Source of the
/// distance: Mahalanobis 1936; source of its use: Lee et al. 2018, arXiv:1807.03888.
package struct LatentReference: Codable, Sendable, Equatable {
  private let mean: [Double]
  /// Inverse covariance of the training scans' encodings.
  private let precision: [[Double]]
  /// Encodings of the held-out scans, case by case.
  package let heldOut: [[[Float]]]

  /// Weight of the identity matrix added to the covariance, as a share of the mean variance, because few scans make the
  /// covariance singular.
  private static let ridge = 0.05

  /// - Parameters:
  ///   - training: encodings of the scans that were trained on, one or more.
  ///   - heldOut: encodings of the held-out scans, case by case.
  init(training: [[Float]], heldOut: [[[Float]]]) {
    let k = training.first?.count ?? 0
    let n = Double(max(training.count, 1))
    let mean = (0..<k).map { c in training.reduce(0.0) { $0 + Double($1[c]) } / n }
    var covariance = [[Double]](repeating: [Double](repeating: 0, count: k), count: k)
    for encoding in training {
      let shift = zip(encoding, mean).map { Double($0) - $1 }
      for i in 0..<k { for j in 0..<k { covariance[i][j] += shift[i] * shift[j] / n } }
    }
    let level = max((0..<k).reduce(0.0) { $0 + covariance[$1][$1] } / Double(max(k, 1)), 1e-9)
    for i in 0..<k { covariance[i][i] += Self.ridge * level }
    self.mean = mean
    precision = SquareMatrix.inverse(covariance)
    self.heldOut = heldOut
  }

  /// Whether all parts, read from a file, fit a model with this number of latent channels.
  func fits(channels k: Int) -> Bool {
    mean.count == k && precision.count == k && precision.allSatisfy { $0.count == k }
      && heldOut.allSatisfy { $0.allSatisfy { $0.count == k } }
      && (mean + precision.joined()).allSatisfy(\.isFinite)
  }

  /// Distance of an encoding from those of the training scans, in standard deviations.
  package func distance(of encoding: [Float]) -> Double {
    let shift = zip(encoding, mean).map { Double($0) - $1 }
    let square = shift.indices.reduce(0.0) { sum, i in
      sum + shift[i] * zip(precision[i], shift).reduce(0.0) { $0 + $1.0 * $1.1 }
    }
    return max(square, 0).squareRoot()
  }

  /// Coordinates of each held-out scan along the two directions in which held-out encodings vary most, case by case;
  /// `nil` if there are too few.
  ///
  /// Source: Pearson 1901, doi:10.1080/14786440109462720 (principal components), computed by power iteration.
  package var map: [[SIMD2<Double>]]? {
    let all = heldOut.joined().map { $0.map(Double.init) }
    guard all.count >= 3, let k = all.first?.count, k >= 2 else { return nil }
    let center = (0..<k).map { c in all.reduce(0) { $0 + $1[c] } / Double(all.count) }
    var rows = all.map { row in zip(row, center).map { $0 - $1 } }
    var places = [SIMD2<Double>](repeating: .zero, count: rows.count)
    for axis in 0..<2 {
      var direction = (0..<k).map { $0 == axis ? 1.0 : 0.5 / Double(k) }
      for _ in 0..<200 {
        var next = [Double](repeating: 0, count: k)
        for row in rows {
          let along = zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 }
          for c in 0..<k { next[c] += along * row[c] }
        }
        let length = next.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 1e-12 else { return nil }
        direction = next.map { $0 / length }
      }
      for (i, row) in rows.enumerated() {
        let along = zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 }
        places[i][axis] = along
        for c in 0..<k { rows[i][c] -= along * direction[c] }
      }
    }
    return places.divided(into: heldOut.map(\.count))
  }
}
