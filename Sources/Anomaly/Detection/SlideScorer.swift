import Imaging

/// Scores a slide while it streams by.
struct SlideScorer: Sendable {
  let book: ScoreBook
  let scores: [Score]

  /// Extremes of each score over the slide.
  ///
  /// - Parameter fieldMaps: the networks' maps of the slide's fields.
  func extremes(
    of slide: PreparedSlide, fieldMaps: [InferenceMaps], by inference: Inference
  ) throws -> [Score: ScanExtremes] {
    var found = scores.reduce(into: [Score: RunningExtremes]()) { $0[$1] = RunningExtremes() }
    let centers = centers(of: slide, fieldMaps)
    // The smallest region that counts may extend beyond its block.
    try SlideStream(slide, by: inference, room: ScanExtremes.smallestRegion).run { block in
      let heats = heatmaps(of: block, centers)
      return (
        area: block.area, depth: block.core(of: block.scan.depth), cores: heats.mapValues { block.core(of: $0) },
        certain: heats.mapValues { block.certain(of: $0) }
      )
    } take: { rows, blocks in
      for score in scores {
        found[score]!.add(
          rows: Self.assemble(blocks.map { ($0.area, $0.cores[score]!) }, rows: rows, width: slide.width))
        for block in blocks {
          found[score]!.add(block.cores[score]!, depth: block.depth)
          found[score]!.raiseLevel(to: block.certain[score]!)
        }
      }
    }
    return found.mapValues(\.extremes)
  }

  func centers(of slide: PreparedSlide, _ fieldMaps: [InferenceMaps]) -> [Score: ResidualStatistics.Center] {
    book.centers(of: slide.fields, maps: fieldMaps, for: scores)
  }

  /// Heatmaps of a block with its margin.
  func heatmaps(of block: SlideBlock, _ centers: [Score: ResidualStatistics.Center]) -> [Score: Heatmap] {
    book.heatmaps(scores, of: block.scan, maps: block.maps, centers: centers)
  }

  /// Assembles blocks into whole rows of the slide, 0 where there is no block.
  static func assemble(
    _ blocks: [(area: PixelRectangle, heat: Heatmap)], rows: Range<Int>, width: Int
  ) -> Heatmap {
    var result = Heatmap(width: width, height: rows.count, filledWith: 0)
    for block in blocks { result.paste(block.heat, atX: block.area.x, y: block.area.y - rows.lowerBound) }
    return result
  }
}

/// Some rows of a slide's results, on the model's grid.
package struct SlideBand: Sendable {
  /// A part of the band that was scored; the rest of the band has no tissue.
  package struct Part: Sendable {
    package let area: PixelRectangle
    /// Normalized intensities; `NaN` where the file has none.
    package let scan: Image
    package let heat: Heatmap
    /// Heatmap of `Score.residual`.
    package let residual: Heatmap
  }

  package let rows: Range<Int>
  /// Heatmap of the band over the whole width of the slide; 0 outside tissue.
  package let heat: Heatmap
  package let parts: [Part]

  /// Like `heat`, for `Score.residual`; assembled on each access.
  package var residual: Heatmap {
    SlideScorer.assemble(parts.map { ($0.area, $0.residual) }, rows: rows, width: heat.width)
  }
}
