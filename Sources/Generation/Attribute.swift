import Anomaly
import Compute
import Foundation
import Numerics

/// A direction in latent space that leads from one group of patches to another.
package struct Attribute: Sendable, Equatable, Codable {
  /// Difference of the groups' mean posterior means, second minus first: one number per latent channel, stage by stage.
  /// Source: Larsen et al. 2016, arXiv:1512.09300, section 4.
  package var direction: [[Double]]
  /// The linear discriminant of the groups, of length 1, with the channels of all stages in order. Source: Fisher 1936,
  /// doi:10.1111/j.1469-1809.1936.tb02137.x.
  package var discriminant: [Double]
  /// Distance between the groups along the discriminant, in standard deviations within a group.
  package var separation: Double
  package var patches: [Int]

  /// Weight of the identity that is added to the scatter within groups, as a share of the scatter's mean. Without it,
  /// few patches would leave the scatter singular.
  private static let ridge = 0.05

  /// - Parameters:
  ///   - first: latents of the patches without the attribute, at least two.
  ///   - second: latents of the patches with the attribute, at least two.
  package init(from first: LatentCode, to second: LatentCode, architecture: VAE.Architecture) {
    let groups = [first, second].map { code in
      (0..<code.count).map { Array(code.channelMeans(ofPatch: $0, architecture).joined()) }
    }
    let means = groups.map(Self.mean)
    let difference = zip(means[0], means[1]).map { $1 - $0 }
    let scatter = Self.scatter(of: groups, means: means)
    let w = SquareMatrix.solve(scatter, difference)
    let length = max(Self.inner(w, w).squareRoot(), 1e-12)
    let discriminant = w.map { $0 / length }
    let within = Self.inner(discriminant, scatter.map { Self.inner($0, discriminant) })
    separation = Self.inner(discriminant, difference) / max(within, 1e-12).squareRoot()
    self.discriminant = discriminant
    direction = difference.divided(into: architecture.latents)
    patches = [first.count, second.count]
  }

  private static func mean(_ rows: [[Double]]) -> [Double] {
    rows[0].indices.map { k in rows.reduce(0) { $0 + $1[k] } / Double(rows.count) }
  }

  private static func inner(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  /// Pooled covariance within the groups.
  private static func scatter(of groups: [[[Double]]], means: [[Double]]) -> [[Double]] {
    let d = means[0].count
    var result = [[Double]](repeating: [Double](repeating: 0, count: d), count: d)
    let freedom = Double(groups.reduce(0) { $0 + $1.count } - groups.count)
    for (rows, mean) in zip(groups, means) {
      for row in rows {
        let shift = zip(row, mean).map { $0 - $1 }
        for i in 0..<d { for j in 0..<d { result[i][j] += shift[i] * shift[j] / freedom } }
      }
    }
    let level = max(SquareMatrix.trace(result) / Double(d), 1e-9)
    for i in 0..<d { result[i][i] += ridge * level }
    return result
  }

  /// Whether the attribute fits a model of this architecture.
  package func fits(_ architecture: VAE.Architecture) -> Bool {
    direction.map(\.count) == architecture.latents && discriminant.count == architecture.latents.reduce(0, +)
      && (direction.joined() + discriminant).allSatisfy(\.isFinite)
  }

  /// The shift of latents for an amount of the attribute: 1 goes from the first group to the second.
  package func shift(by amount: Double) -> [[Float]] { direction.map { $0.map { Float(amount * $0) } } }
}
