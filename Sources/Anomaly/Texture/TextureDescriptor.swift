import Foundation
import Imaging

/// Texture of a whole scan in a few hundred numbers: over its cells, mean and standard deviation of every map of its
/// pyramids, of energies also of their logarithms. Logarithms show small changes of faint texture, plain energies show
/// strong structure that is rare.
package struct TextureDescriptor: Sendable, Equatable {
  /// The numbers of each grid; NaN for maps that the scan is too small for.
  package let grids: [[Float]]
  /// The features of the scan as a whole, see `FeatureMoments`; `nil` where they were not computed.
  package var features: [Float]?

  package init(grids: [[Float]]) { self.grids = grids }

  /// - Parameters:
  ///   - scans: the scan on each grid of `scale`, before normalization.
  ///   - units: units of the scan's case, see `TextureScale.units`.
  package init(of scans: [Image], scale: TextureScale, units: [TextureScale.Intensity]) {
    grids = zip(scans, scale.grids).map { scan, grid in
      zip(TextureScale.pyramids(of: scan, in: units), grid.floors).flatMap { pyramid, floors in
        pyramid.cells.indices.flatMap { map -> [Float] in
          let cells = pyramid.cells[map].values
          guard TextureScale.areEnergies[map] else { return Self.moments(cells) }
          let floor = floors[map]
          return Self.moments(cells) + Self.moments(cells.map { log($0 + floor) })
        }
      }
    }
  }

  private static func moments(_ values: [Float]) -> [Float] {
    guard !values.isEmpty else { return [.nan, .nan] }
    let count = Double(values.count)
    let mean = values.reduce(0.0) { $0 + Double($1) } / count
    let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    return [Float(mean), Float(variance.squareRoot())]
  }
}
