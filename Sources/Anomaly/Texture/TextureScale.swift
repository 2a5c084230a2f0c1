import Foundation
import Imaging
import Numerics
import Threads

/// The units in which the texture of scans is measured, learned from the healthy scans of a study.
package struct TextureScale: Codable, Sendable, Equatable {
  /// The median and the robust standard deviation of a channel's intensities over tissue.
  package struct Intensity: Codable, Sendable, Equatable {
    package var center: Float
    package var spread: Float
  }

  /// Intensities of the study's tissue, by channel; `nil` where every case is measured in its own, because the
  /// intensities of cases differ more than tissue does within a scan.
  package let study: [Intensity]?
  /// The grids on which texture is measured: that of the model, and a finer one where scans have finer texture than the
  /// networks see.
  package let grids: [Grid]

  package struct Grid: Codable, Sendable, Equatable {
    /// How much finer the grid is than the model's.
    package let refinement: Double
    /// Added to an energy before its logarithm, by channel and map; 0 for maps with a sign. Noise of empty places would
    /// rule the logarithm otherwise.
    let floors: [[Float]]

    /// The factor by which a scan is reduced to this grid.
    ///
    /// - Parameter factor: the factor by which it is reduced to the model's grid.
    func factor(beside factor: Int) -> Int { TextureScale.factor(beside: factor, refinement) }
  }

  private static let levels = 6
  /// Edge of a cell in pixels.
  private static let cell = 8
  /// Which maps of a pyramid are energies.
  static let areEnergies = TexturePyramid.areEnergies(levels: levels)
  /// Texture is not measured of scans with more channels: the numbers would be far more than any study has scans.
  package static let mostChannels = 16
  /// Longest edge of most scans on the finest grid, in pixels.
  private static let longestEdge = 640
  /// Share of the median energy that is added before the logarithm.
  private static let floorShare: Float = 0.1
  /// Cases are measured in their own intensities if their medians scatter more than this share of the scatter within
  /// tissue, in the middle one of the channels.
  private static let largestScatter: Float = 0.75
  /// The most scans from which the floors are learned.
  private static let mostScans = 100

  /// A healthy scan: as read, and with its tissue on the model's grid.
  package struct Sample: Sendable {
    var original: Image
    var image: Image
    var tissue: TissueMask

    package init(original: Image, image: Image, tissue: TissueMask) {
      (self.original, self.image, self.tissue) = (original, image, tissue)
    }
  }

  /// - Parameters:
  ///   - cases: healthy scans, case by case; at least one scan, all of as many channels.
  ///   - factor: returns the factor by which a scan is reduced to the model's grid.
  package init(of cases: [[Sample]], factor: @Sendable (Image) -> Int) {
    let scans = Array(cases.joined())
    let found = Parallel.map(cases.count) { Self.intensities(of: cases[$0].map { ($0.image, $0.tissue) }) }
    let channels = scans[0].image.channels
    let edges = scans.map { max($0.original.width, $0.original.height) }.sorted()
    let factors = scans.map { factor($0.original) }.sorted()
    let own = max(1, (edges[edges.count / 2] + Self.longestEdge - 1) / Self.longestEdge)
    let refinement = max(1, Double(factors[factors.count / 2]) / Double(own))
    let middle = (0..<channels).map { c in
      Intensity(center: found.map { $0[c].center }.median(), spread: found.map { $0[c].spread }.median())
    }
    let scatter = (0..<channels).map { c in
      1.4826 * found.map { abs($0[c].center - middle[c].center) }.median() / middle[c].spread
    }.median()
    let scatters = scatter > Self.largestScatter
    study = scatters ? nil : middle
    let units = zip(cases, found).flatMap { item, own in item.map { _ in scatters ? own : middle } }
    let step = max(1, scans.count / Self.mostScans)
    let chosen = Array(stride(from: 0, to: scans.count, by: step))
    let refinements = refinement > 1 ? [1, refinement] : [1]
    let medians = Parallel.map(chosen.count) { k in
      let scan = scans[chosen[k]].original
      return refinements.map { refinement in
        let fine = scan.reduced(by: Self.factor(beside: factor(scan), refinement))
        return Self.pyramids(of: fine, in: units[chosen[k]]).map { pyramid in
          pyramid.cells.map { Self.median(of: $0, over: scans[chosen[k]].tissue) }
        }
      }
    }
    grids = refinements.enumerated().map { grid, refinement in
      let floors = medians[0][grid].indices.map { channel in
        Self.areEnergies.enumerated().map { map, isEnergy in
          let known = medians.map { $0[grid][channel][map] }.filter { !$0.isNaN }
          return isEnergy ? Self.floorShare * (known.isEmpty ? 0 : known.median()) + 1e-6 : 0
        }
      }
      return Grid(refinement: refinement, floors: floors)
    }
  }

  private static func factor(beside factor: Int, _ refinement: Double) -> Int {
    max(1, Int((Double(factor) / refinement).rounded()))
  }

  /// The median of the cells whose middle shows tissue, or of all where none does; NaN where there are no cells.
  private static func median(of cells: Plane<Float>, over tissue: TissueMask) -> Float {
    guard !cells.values.isEmpty else { return .nan }
    let inside = cells.values.indices.filter { i in
      let (x, y) = (i % cells.width, i / cells.width)
      return tissue[(2 * x + 1) * tissue.width / (2 * cells.width), (2 * y + 1) * tissue.height / (2 * cells.height)]
    }
    return inside.isEmpty ? cells.values.median() : inside.map { cells.values[$0] }.median()
  }

  /// The units for the scans of one case.
  ///
  /// - Parameter scans: its scans on the model's grid, with their tissue.
  package func units(for scans: [(image: Image, tissue: TissueMask)]) -> [Intensity] {
    study ?? Self.intensities(of: scans)
  }

  /// Median and robust standard deviation of every channel over the tissue of a case, or over everything where there is
  /// no tissue.
  private static func intensities(of scans: [(image: Image, tissue: TissueMask)]) -> [Intensity] {
    (0..<(scans.first?.image.channels ?? 0)).map { c in
      func values(inTissue: Bool) -> [Float] {
        scans.flatMap { image, tissue in
          tissue.values.indices.filter { !inTissue || tissue.values[$0] }
            .map { image.samples[$0 * image.channels + c] }.filter(\.isFinite)
        }
      }
      var known = values(inTissue: true)
      if known.isEmpty { known = values(inTissue: false) }
      guard !known.isEmpty else { return Intensity(center: 0, spread: 1) }
      let center = known.median()
      let sorted = known.sortedByBits()
      let range = sorted[(sorted.count - 1) * 99 / 100] - sorted[(sorted.count - 1) / 100]
      let spread = max(1.4826 * known.map { abs($0 - center) }.median(), 0.01 * range)
      return Intensity(center: center, spread: spread > 0 ? spread : 1)
    }
  }

  /// The pyramids of a scan's channels. Scans of two or three channels also have those of the mean and of the contrasts
  /// between channels, because what is abnormal may show in their relation alone.
  static func pyramids(of scan: Image, in units: [Intensity]) -> [TexturePyramid] {
    let own = (0..<scan.channels).map { c in
      Plane(scan.channels([c])).map { value in
        let value = (value - units[c].center) / units[c].spread
        return value.isFinite ? value : 0
      }
    }
    guard hasContrasts(scan.channels) else { return own.map { TexturePyramid(of: $0, levels: levels, cell: cell) } }
    func combined(_ weights: [Float]) -> Plane<Float> {
      var sum = Plane<Float>(width: scan.width, height: scan.height, filledWith: 0)
      for (weight, plane) in zip(weights, own) where weight != 0 {
        for i in sum.values.indices { sum.values[i] += weight * plane.values[i] }
      }
      return sum
    }
    let mean = combined([Float](repeating: 1 / Float(own.count), count: own.count))
    let contrasts = (1..<own.count).map { c in combined([Float](repeating: -1 / Float(c), count: c) + [1]) }
    return (own + [mean] + contrasts).map { TexturePyramid(of: $0, levels: levels, cell: cell) }
  }

  /// Whether scans of this number of channels are also described by their mean and contrasts.
  private static func hasContrasts(_ channels: Int) -> Bool { (2...3).contains(channels) }

  /// Whether it fits scans of this number of channels; checked after it was read from a file.
  func fits(channels: Int) -> Bool {
    study.map { $0.count == channels && $0.allSatisfy { $0.spread > 0 } } ?? true
      && (1...2).contains(grids.count)
      && grids.allSatisfy { grid in
        grid.refinement >= 1 && grid.refinement.isFinite
          && grid.floors.count == (Self.hasContrasts(channels) ? 2 * channels : channels)
          && grid.floors.allSatisfy { $0.count == Self.areEnergies.count }
      }
  }
}
