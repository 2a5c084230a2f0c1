import Foundation
import Imaging
import Numerics

/// Connected groups of pixels at or above one fixed level, each with its mass.
///
/// Mass is the sum over the group of `z` minus the level, so that it grows with both height and extent. Source:
/// Bullmore et al. 1999, doi:10.1109/42.750253 (cluster mass).
package struct RegionMasses: Sendable {
  /// The `z` that one healthy pixel in a hundred exceeds. It is low enough for most healthy scans to show some group,
  /// so that masses can be ranked.
  package static let level = Float(NormalDistribution.quantile(0.99))

  private let groups: ConnectedComponents
  private let heat: Heatmap
  private let masses: [Double]

  /// - Parameter heat: heatmap on the model's grid.
  package init(of heat: Heatmap) {
    self.heat = heat
    groups = ConnectedComponents(of: heat.map { $0 >= Self.level })
    var sums = [Double](repeating: 0, count: groups.components.count)
    for (pixel, label) in groups.labels.values.enumerated() where label > 0 {
      sums[Int(label) - 1] += Double(heat.values[pixel])
    }
    masses = zip(sums, groups.components).map { Self.mass(sum: $0, pixels: $1.pixels) }
  }

  /// - Parameter group: a group of pixels at or above `level`.
  static func mass(of group: RowComponents.Group) -> Double { mass(sum: group.sum, pixels: group.pixels) }

  private static func mass(sum: Double, pixels: Int) -> Double { sum - Double(pixels) * Double(level) }

  /// Mass of the group that a region's peak belongs to; 0 if the peak lies below the level.
  ///
  /// - Parameter region: a region found on this heatmap enlarged by `factor`, with the pixel of its peak.
  package func mass(of region: Region, factor: Int) -> Double {
    guard let x = region.peakX, let y = region.peakY else {
      preconditionFailure("region \(region.rank) does not know the pixel of its peak")
    }
    var hottest = (pixel: 0, value: -Float.infinity)
    // The pixels of the grid between which the peak was interpolated.
    for row in neighbours(y, factor, heat.height) {
      for column in neighbours(x, factor, heat.width) where heat.values[row * heat.width + column] > hottest.value {
        hottest = (row * heat.width + column, heat.values[row * heat.width + column])
      }
    }
    let label = Int(groups.labels.values[hottest.pixel])
    return label == 0 ? 0 : masses[label - 1]
  }

  /// Masses of the groups that the peaks of regions belong to, in their order.
  package func masses(of regions: [Region], factor: Int) -> [Double] { regions.map { mass(of: $0, factor: factor) } }

  private func neighbours(_ place: Int, _ factor: Int, _ count: Int) -> [Int] {
    let first = Int(((Double(place) + 0.5) / Double(factor) - 0.5).rounded(.down))
    return factor == 1 ? [place] : [min(max(first, 0), count - 1), min(first + 1, count - 1)]
  }
}
