import Compute
import Files
import Imaging
import Threads

/// Part of a slide with everything known about it, including a margin around it.
package struct SlideBlock: Sendable {
  /// The block's area on the model's grid, without the margin.
  package let area: PixelRectangle
  /// Offset of `area` within `scan` and `maps`, which include the margin.
  package let margin: (x: Int, y: Int)
  package let scan: PreparedScan
  package let maps: InferenceMaps

  /// The block's area within `scan` and `maps`.
  private var inner: PixelRectangle {
    PixelRectangle(x: margin.x, y: margin.y, width: area.width, height: area.height)
  }

  /// The block with the part of its margin that does not depend on anything beyond the margin.
  func certain(of heat: Heatmap) -> Heatmap {
    let (right, bottom) = (heat.width - margin.x - area.width, heat.height - margin.y - area.height)
    // At the slide's edge there is nothing beyond, and the margin is 0.
    func cut(_ margin: Int) -> Int { min(margin, SlideStream.reach) }
    return heat.cropped(
      to: PixelRectangle(
        x: cut(margin.x), y: cut(margin.y), width: heat.width - cut(margin.x) - cut(right),
        height: heat.height - cut(margin.y) - cut(bottom)))
  }

  /// The block without its margin.
  package func core(of image: Image) -> Image { image.cropped(to: inner) }

  /// The block without its margin.
  func core<Value>(of map: Plane<Value>) -> Plane<Value> { map.cropped(to: inner) }
}

/// Runs the networks over a slide from top to bottom, and holds only a few rows of patches at a time.
///
/// Patches lie at the same places, and are stitched in the same way, as on a scan that is held whole. Patches without
/// tissue are left out.
package final class SlideStream {
  private let inference: Inference
  private let reader: ReducedRows
  private var window: Window
  private var stitchers: [Place: PatchStitcher] = [:]

  /// The parts of a row that were read: stretches of `[pixels, channels + 1]`, intensities and depth.
  private struct Row {
    var stretches: [(xs: Range<Int>, values: [Float])] = []

    /// - Parameter target: set to `NaN` where nothing was read.
    func copy(_ xs: Range<Int>, samples k: Int, to target: UnsafeMutablePointer<Float>) {
      for i in 0..<xs.count * k { target[i] = .nan }
      for (known, values) in stretches where known.overlaps(xs) {
        let common = known.clamped(to: xs)
        values.withUnsafeBufferPointer { values in
          (target + (common.lowerBound - xs.lowerBound) * k).update(
            from: values.baseAddress! + (common.lowerBound - known.lowerBound) * k, count: common.count * k)
        }
      }
    }
  }

  /// A block, given by its row and column.
  private struct Place: Hashable {
    let row: Int
    let column: Int
  }

  /// Columns and rows of patches that a block covers. With more of them, less is computed twice for the margins, but
  /// more is held in memory.
  private static let (blockColumns, blockRows) = (8, 1)
  /// How far, in pixels, the evidence of a pixel reaches: the sum of the radii of Gaussians over 9 pixels (structural
  /// similarity), 9 (smoothing) and 3.
  static let reach = 21

  /// - Parameter room: further pixels around each block, beyond `reach`, that are to be known for certain too.
  package init(_ prepared: PreparedSlide, by inference: Inference, room: Int = 0) throws(ScanFault) {
    self.inference = inference
    let size = inference.network.architecture.patchSize
    window = Window(
      prepared: prepared,
      grid: PatchGrid(
        width: prepared.width, height: prepared.height, patchSize: size, overlapShare: inference.settings.overlap),
      layout: inference.layout, margin: Self.reach + room)
    let (tissue, slide) = (prepared.tissue, prepared.slide)
    // A patch with tissue also covers the pixels around the tissue.
    do throws(NormaError) {
      reader = try ReducedRows(
        of: slide.level, inFile: slide.path, limits: slide.limits, reducedBy: prepared.factor
      ) { area in
        tissue.hasTissue(
          in: PixelRectangle(
            x: area.x - size, y: area.y - size, width: area.width + 2 * size, height: area.height + 2 * size))
      }
    } catch { throw ScanFault(error) }
  }

  /// Share of the rows read so far that was missing or broken, in 0...1.
  var missingShare: Double { reader.missingShare }

  /// - Throws: `ScanFault` where the slide cannot be read.
  /// - Parameters:
  ///   - score: computes the result of a block with tissue; called on all threads.
  ///   - take: called for each row of blocks with the rows of the grid it covers and the results of its blocks.
  package func run<T: Sendable>(
    score: @Sendable (SlideBlock) -> T, take: (Range<Int>, [T]) throws -> Void
  ) throws {
    let grid = window.grid
    var next = 0
    for row in grid.rows.indices {
      try read(upTo: min(grid.rows[row] + grid.patchSize, grid.height))
      try addPatches(ofRow: row)
      guard row % Self.blockRows == Self.blockRows - 1 || row == grid.rows.count - 1 else { continue }
      let first = row - row % Self.blockRows
      let whole = stitchers.keys.filter { $0.row == first }
      for (place, image) in zip(whole, images(of: whole)) {
        stitchers[place] = nil
        window.stitched[place] = image
      }
      let known = window.extent(ofRow: first).upperBound
      while next <= first, known == grid.height || known >= window.extent(ofRow: next).upperBound + window.margin {
        try take(window.extent(ofRow: next), scores(ofRow: next, by: score))
        next += Self.blockRows
        window.forget(
          before: (next < grid.rows.count ? window.extent(ofRow: next).lowerBound : grid.height) - window.margin)
      }
    }
    let slide = window.prepared.slide
    guard FileState(ofFile: slide.path) == slide.state else { throw ScanFault.changed(slide.path) }
  }

  private func images(of places: [Place]) -> [Image] {
    let stitchers = places.map { self.stitchers[$0]! }
    return Parallel.map(stitchers.count) { stitchers[$0].image() }
  }

  /// The results of `score` for all blocks in a row of blocks.
  private func scores<T: Sendable>(ofRow row: Int, by score: @Sendable (SlideBlock) -> T) -> [T] {
    let window = window
    let places = window.grid.columns.indices.compactMap { column in
      let place = Place(row: row, column: column)
      return window.stitched[place] == nil ? nil : place
    }
    return Parallel.map(places.count) { score(window.block(places[$0])) }
  }

  // MARK: Rows of the slide

  private func read(upTo end: Int) throws(ScanFault) {
    let prepared = window.prepared
    while window.firstRow + window.rows.count < end {
      let next: ReducedRows.Band?
      do throws(NormaError) { next = try reader.next() } catch { throw ScanFault(error) }
      guard let band = next else { return }
      window.rows += Parallel.map(band.height) { y in
        var row = Row()
        for part in band.parts {
          let (width, c) = (part.image.width, part.image.channels)
          let xs = part.x..<part.x + width
          let line = prepared.normalized(
            part.image.cropped(to: PixelRectangle(x: 0, y: y, width: width, height: 1)))
          let values = [Float](unsafeUninitializedCapacity: width * (c + 1)) { values, count in
            prepared.tissue.depths(atY: band.top + y, xs: xs, into: values.baseAddress! + c, stride: c + 1)
            line.samples.withUnsafeBufferPointer { line in
              for x in 0..<width {
                for channel in 0..<c { values[x &* (c + 1) &+ channel] = line[x &* c &+ channel] }
              }
            }
            count = width * (c + 1)
          }
          row.stretches.append((xs, values))
        }
        return row
      }
    }
  }

  // MARK: Patches

  /// Number of patches that the networks run over.
  package var patchesWithTissue: Int { window.grid.rows.indices.reduce(0) { $0 + columnsWithTissue(inRow: $1).count } }

  private func columnsWithTissue(inRow row: Int) -> [Int] {
    let (grid, prepared) = (window.grid, window.prepared)
    let size = grid.patchSize
    return grid.columns.indices.filter {
      prepared.tissue.hasTissue(in: PixelRectangle(x: grid.columns[$0], y: grid.rows[row], width: size, height: size))
    }
  }

  private func addPatches(ofRow row: Int) throws {
    let (grid, columns) = (window.grid, columnsWithTissue(inRow: row))
    try inference.run(count: columns.count, units: { [window] _ in window.prepared.sharedUnits }) { [window] k, patch in
      window.cut(into: patch, left: grid.columns[columns[k]], top: grid.rows[row])
    } add: { k, values, _ in
      let patch = row * grid.columns.count + columns[k]
      for place in places(ofPatchAt: columns[k], row) {
        stitchers[
          place, default: PatchStitcher(grid: grid, channels: inference.layout.count, area: window.area(of: place))
        ].add(values, patch: patch)
      }
    }
  }

  /// Blocks with tissue that a patch overlaps.
  private func places(ofPatchAt column: Int, _ row: Int) -> [Place] {
    let grid = window.grid
    let (right, bottom) = (grid.columns[column] + grid.patchSize, grid.rows[row] + grid.patchSize)
    var result: [Place] = []
    for r in stride(from: row - row % Self.blockRows, to: grid.rows.count, by: Self.blockRows)
    where grid.rows[r] < bottom {
      for first in stride(
        from: column - column % Self.blockColumns, to: grid.columns.count, by: Self.blockColumns)
      where grid.columns[first] < right {
        let place = Place(row: r, column: first)
        if stitchers[place] != nil || window.prepared.tissue.hasTissue(in: window.area(of: place)) {
          result.append(place)
        }
      }
    }
    return result
  }
}

extension SlideStream {
  /// The part of the slide that is held at a time; all threads read it.
  private struct Window: Sendable {
    let prepared: PreparedSlide
    let grid: PatchGrid
    let layout: InferenceMaps.Layout
    /// Margin of a block in pixels: `reach` and the room that was asked for.
    let margin: Int
    /// Normalized rows from `firstRow` on.
    var rows: [Row] = []
    var firstRow = 0
    var stitched: [Place: Image] = [:]

    mutating func forget(before row: Int) {
      let count = min(max(0, row - firstRow), rows.count)
      rows.removeFirst(count)
      firstRow += count
      stitched = stitched.filter { extent(ofRow: $0.key.row).upperBound > row }
    }

    /// Rows of the grid from the start of a row of patches to the start of the next row of blocks.
    func extent(ofRow row: Int) -> Range<Int> {
      let last = row + SlideStream.blockRows
      return grid.rows[row]..<(last < grid.rows.count ? grid.rows[last] : grid.height)
    }

    func extent(ofColumn column: Int) -> Range<Int> {
      let last = column + SlideStream.blockColumns
      return grid.columns[column]..<(last < grid.columns.count ? grid.columns[last] : grid.width)
    }

    /// Area of a block on the grid. A block is named by the row and the column of its first patch.
    func area(of place: Place) -> PixelRectangle {
      let (xs, ys) = (extent(ofColumn: place.column), extent(ofRow: place.row))
      return PixelRectangle(x: xs.lowerBound, y: ys.lowerBound, width: xs.count, height: ys.count)
    }

    func cut(into patch: UnsafeMutableBufferPointer<Float>, left: Int, top: Int) {
      let size = grid.patchSize
      let k = prepared.channels + 1
      let width = min(size, grid.width - left)
      for y in 0..<size {
        let line = patch.baseAddress! + y * size * k
        rows[PatchGrid.reflected(top + y, in: grid.height) - firstRow].copy(left..<left + width, samples: k, to: line)
        for x in 0..<width {
          let hasData = (0..<k - 1).allSatisfy { !line[x * k + $0].isNaN }
          for channel in 0..<k - 1 where line[x * k + channel].isNaN { line[x * k + channel] = 0 }
          if !hasData { line[x * k + k - 1] = 0 }
        }
        for x in width..<max(size, width) {
          (line + x * k).update(from: line + (PatchGrid.reflected(left + x, in: grid.width) - left) * k, count: k)
        }
      }
    }

    /// A block with its margin, filled as far as neighbouring blocks are known.
    func block(_ place: Place) -> SlideBlock {
      let area = area(of: place)
      let left = max(0, area.x - margin)
      let top = max(0, area.y - margin)
      let wide = PixelRectangle(
        x: left, y: top, width: min(grid.width, area.x + area.width + margin) - left,
        height: min(grid.height, area.y + area.height + margin) - top)
      let maps = layout.maps(of: wide, from: stitched.map { ($0.value, self.area(of: $0.key)) })
      let c = prepared.channels
      var image = Image(width: wide.width, height: wide.height, channels: c)
      var depth = Plane<Float>(width: wide.width, height: wide.height, filledWith: 0)
      var line = [Float](repeating: 0, count: wide.width * (c + 1))
      image.samples.withUnsafeMutableBufferPointer { samples in
        maps.reconstruction.samples.withUnsafeBufferPointer { reconstruction in
          depth.values.withUnsafeMutableBufferPointer { depth in
            line.withUnsafeMutableBufferPointer { line in
              for y in 0..<wide.height {
                rows[wide.y + y - firstRow].copy(wide.x..<wide.x + wide.width, samples: c + 1, to: line.baseAddress!)
                for x in 0..<wide.width {
                  let (pixel, from) = (y &* wide.width &+ x, x &* (c + 1))
                  for channel in 0..<c { samples[pixel &* c &+ channel] = line[from &+ channel] }
                  // Nothing is known where no patch lies.
                  let isKnown = !reconstruction[pixel &* c].isNaN && !line[from &+ c].isNaN
                  depth[pixel] = isKnown ? line[from &+ c] : 0
                }
              }
            }
          }
        }
      }
      return SlideBlock(
        area: area, margin: (area.x - wide.x, area.y - wide.y),
        scan: PreparedScan(image: image, tissue: depth.map { $0 > 0 }, depth: depth), maps: maps)
    }
  }
}
