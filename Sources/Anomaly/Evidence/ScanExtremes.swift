import Imaging

/// The most abnormal values of a scan, measured with one score.
package struct ScanExtremes: Sendable, Equatable {
  /// Pixels of the model's grid that a group needs to count as a region.
  package static let smallestRegion = NothingToScore.leastTissue

  /// See `ScanScore`.
  package var score: Double
  /// The highest level at which the scan still shows a region.
  package var regionLevel: Double
  /// Mass of the scan's most massive group, see `RegionMasses`.
  package var regionMass: Double

  package init(score: Double, regionLevel: Double, regionMass: Double) {
    self.score = score
    self.regionLevel = regionLevel
    self.regionMass = regionMass
  }

  /// - Parameters:
  ///   - heat: heatmap of a scan on the model's grid.
  ///   - scan: the scan.
  package init(of heat: Heatmap, in scan: PreparedScan) {
    var found = RunningExtremes()
    found.add(heat, depth: scan.depth)
    found.add(rows: heat)
    found.raiseLevel(to: heat)
    self = found.extremes
  }
}

/// Collects `ScanExtremes` of a scan that may come in parts, as a slide does.
struct RunningExtremes: Sendable {
  private var scanScore = ScanScore()
  private var masses = RowComponents(level: RegionMasses.level)
  private var level = 0.0

  /// Adds the heat of a part; parts may come in any order.
  ///
  /// - Parameter depth: distance of the part's pixels to the tissue's edge; 0 outside tissue.
  mutating func add(_ heat: Heatmap, depth: Plane<Float>) { scanScore.add(heat, depth: depth) }

  /// Adds the next rows of the whole scan; rows must come in order.
  mutating func add(rows: Heatmap) { rows.forEachRow { add(row: $0) } }

  /// Adds the next row of the whole scan.
  mutating func add(row: UnsafeBufferPointer<Float>) { masses.add(row: row) }

  /// Raises the region level to that of a part, which must hold the smallest region that counts whole.
  mutating func raiseLevel(to part: Heatmap) {
    let above = Float(level + 0.01)
    guard part.values.count(where: { $0 > above }) >= ScanExtremes.smallestRegion else { return }
    level = max(level, part.highestLevel(withRegionOf: ScanExtremes.smallestRegion))
  }

  /// Label of the mass group at a pixel of the row that was added last; pass it to `mass(of:)`.
  func massLabel(atX x: Int) -> Int { masses.label(atX: x) }

  func mass(of label: Int) -> Double { label < 0 ? 0 : RegionMasses.mass(of: masses.group(of: label)) }

  var score: Double { scanScore.value }

  var extremes: ScanExtremes {
    ScanExtremes(
      score: score, regionLevel: level, regionMass: masses.groups.map { RegionMasses.mass(of: $0) }.max() ?? 0)
  }
}
