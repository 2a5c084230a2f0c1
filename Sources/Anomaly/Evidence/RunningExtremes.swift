import Imaging

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
    guard part.values.count(where: { $0 > above }) >= Calibration.defaultRegionArea else { return }
    level = max(level, part.highestLevel(withRegionOf: Calibration.defaultRegionArea))
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
