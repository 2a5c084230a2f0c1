import Compute
import Foundation
import Imaging

/// Scores a slide while it streams by.
struct SlideScorer: Sendable {
  let book: ScoreBook
  let scores: [Score]

  /// Extremes of each score over the slide.
  ///
  /// - Parameter fieldMaps: the networks' maps of the slide's fields.
  func extremes(
    of slide: PreparedSlide, fieldMaps: [Inference.Maps], by inference: Inference
  ) throws -> [Score: ScanExtremes] {
    var found = scores.reduce(into: [Score: SlideExtremes]()) { $0[$1] = SlideExtremes() }
    let centers = centers(of: slide, fieldMaps)
    // The smallest region that counts may extend beyond its block.
    try SlideStream(slide, by: inference, room: Calibration.defaultRegionArea).run { block in
      heatmaps(of: block, centers)
    } take: { rows, blocks in
      for score in scores {
        let heat = Self.assemble(blocks.map { ($0[score]!.area, $0[score]!.core) }, rows: rows, width: slide.width)
        heat.forEachRow { found[score]!.addMasses(ofRow: $0) }
        for block in blocks {
          found[score]!.add(block[score]!)
          found[score]!.addLevel(of: block[score]!)
        }
      }
    }
    return found.mapValues(\.extremes)
  }

  /// One block's heatmap.
  struct BlockHeat: Sendable {
    let area: PixelRectangle
    /// Heatmap of the block and of the part of its margin that is known for certain.
    let wide: Heatmap
    /// Heatmap of the block without its margin.
    let core: Image
    let depth: Image
  }

  func centers(of slide: PreparedSlide, _ fieldMaps: [Inference.Maps]) -> [Score: ResidualStatistics.Center] {
    book.centers(of: slide.fields, maps: fieldMaps, for: scores)
  }

  func heatmaps(of block: SlideBlock, _ centers: [Score: ResidualStatistics.Center]) -> [Score: BlockHeat] {
    let depth = block.core(of: block.scan.depth)
    return book.heatmaps(scores, of: block.scan, maps: block.maps, centers: centers).mapValues { heat in
      BlockHeat(
        area: block.area, wide: block.certain(of: heat), core: block.core(of: heat.values), depth: depth)
    }
  }

  /// Assembles blocks into whole rows of the slide, 0 where there is no block.
  static func assemble(
    _ blocks: [(area: PixelRectangle, core: Image)], rows: Range<Int>, width: Int
  ) -> SlideRows {
    var heat = Image(width: width, height: rows.count, channels: 1)
    for block in blocks { heat.paste(block.core, atX: block.area.x, y: block.area.y - rows.lowerBound) }
    return SlideRows(width: width, heat: heat.samples)
  }
}

/// Some rows of a slide's results, on the model's grid.
package struct SlideBand: Sendable {
  /// A part of the band that was scored; the rest of the band has no tissue.
  package struct Part: Sendable {
    package let area: PixelRectangle
    /// Normalized intensities; `NaN` where the file has none.
    package let scan: Image
    package let heat: Image
    /// Heatmap of `Score.residual`.
    package let residual: Image
  }

  package let rows: Range<Int>
  let width: Int
  /// Heatmap of the band, `[rows, width]`, over the whole width of the slide; 0 outside tissue.
  package let heat: [Float]
  package let parts: [Part]

  /// Like `heat`, for `Score.residual`; assembled on each access.
  package var residual: [Float] {
    SlideScorer.assemble(parts.map { ($0.area, $0.residual) }, rows: rows, width: width).heat
  }
}

/// Whole rows of a slide's heatmap.
struct SlideRows: Sendable {
  let width: Int
  /// Heatmap of the rows, `[rows, width]`; 0 outside tissue.
  let heat: [Float]

  func forEachRow(_ body: (UnsafeBufferPointer<Float>) -> Void) {
    heat.withUnsafeBufferPointer { heat in
      for start in stride(from: 0, to: heat.count, by: width) {
        body(UnsafeBufferPointer(rebasing: heat[start..<start + width]))
      }
    }
  }
}

/// `ScanExtremes` of a slide, collected row by row.
struct SlideExtremes {
  private var scanScore = ScanScore()
  private var masses = RowComponents(level: RegionMasses.level)
  private var level = 0.0

  mutating func add(_ block: SlideScorer.BlockHeat) {
    block.depth.samples.withUnsafeBufferPointer { depth in scanScore.add(block.core.samples) { depth[$0] > 0 } }
  }

  /// - Parameter row: the next row of the whole slide; rows must come in order.
  mutating func addMasses(ofRow row: UnsafeBufferPointer<Float>) { masses.add(row: row) }

  /// Raises the region level to that of the block. The smallest region that counts lies within a block and its margin.
  mutating func addLevel(of block: SlideScorer.BlockHeat) {
    let above = Float(level + 0.01)
    guard block.wide.values.count(where: { $0 > above }) >= Calibration.defaultRegionArea else { return }
    level = max(level, block.wide.highestLevel(withRegionOf: Calibration.defaultRegionArea))
  }

  /// Label of the mass group at a pixel of the row that was added last; pass it to `mass(of:)`.
  func massLabel(atX x: Int) -> Int { masses.label(atX: x) }

  func mass(of label: Int) -> Double { label < 0 ? 0 : Self.mass(of: masses.group(of: label)) }

  var score: Double { scanScore.value }

  var extremes: ScanExtremes {
    ScanExtremes(
      score: score, regionLevel: level,
      regionMass: masses.groups.map(Self.mass).max() ?? 0)
  }

  private static func mass(of group: RowComponents.Group) -> Double {
    group.sum - Double(group.pixels) * Double(RegionMasses.level)
  }
}
