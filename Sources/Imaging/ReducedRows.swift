/// Reads a level from top to bottom on a grid that is smaller by a whole factor, and never holds more than some rows.
package final class ReducedRows {
  package let width: Int
  package let height: Int
  private let file: TIFFFile
  private let level: ScanLevel
  private let factor: Int
  private let isWanted: (PixelRectangle) -> Bool
  private let toleratedMissing: Double
  private let bands: [Range<Int>]
  private var nextBand = 0
  /// Rows of the level that do not make a row of the grid yet.
  private var pending: Image?
  private var missing = 0.0

  /// Columns of the level that are decoded at once.
  private static let widest = 8192
  /// Where strips go over the whole width, columns are asked about in pieces of this width, as tiles are.
  private static let pieceWidth = 256

  /// - Parameters:
  ///   - limits: what may be missing is a share of the whole level, not of each piece that is read.
  ///   - isWanted: whether anything in this part of the grid is; else it may be left undecoded, as no data.
  package init(
    of level: ScanLevel, inFile path: String, limits: TIFFLimits, reducedBy factor: Int,
    where isWanted: @escaping (PixelRectangle) -> Bool = { _ in true }
  ) throws(ImagingError) {
    file = try TIFFFile(path: path, limits: limits.forPieces)
    toleratedMissing = limits.toleratedMissing
    self.level = level
    self.factor = factor
    self.isWanted = isWanted
    width = (level.width + factor - 1) / factor
    height = (level.height + factor - 1) / factor
    bands = try file.bands(ofPage: level.pages[0])
  }

  /// Share of the decoded area that was missing or broken, in 0...1, so far.
  package var missingShare: Double { missing / level.pixels }

  /// The next rows of the grid, over its whole width; `nil` after the last. `NaN` where nothing was wanted.
  package func next() throws(ImagingError) -> Image? {
    while nextBand < bands.count {
      let band = bands[nextBand]
      nextBand += 1
      let read = try read(band)
      let rows = (pending?.height ?? 0) + band.count
      let whole = nextBand == bands.count ? rows : rows - rows % factor
      if factor == 1 { return read }
      var all = Image(width: level.width, height: rows, channels: level.channels)
      if let pending {
        all.paste(pending, from: PixelRectangle(x: 0, y: 0, width: pending.width, height: pending.height), atX: 0, y: 0)
      }
      all.paste(
        read, from: PixelRectangle(x: 0, y: 0, width: read.width, height: read.height), atX: 0, y: rows - band.count)
      pending =
        whole < rows
        ? all.cropped(to: PixelRectangle(x: 0, y: whole, width: level.width, height: rows - whole)) : nil
      guard whole > 0 else { continue }
      if whole < rows { all = all.cropped(to: PixelRectangle(x: 0, y: 0, width: level.width, height: whole)) }
      return all.reduced(by: factor)
    }
    return nil
  }

  /// Rows of the level; `NaN` where nothing of the grid is wanted.
  private func read(_ rows: Range<Int>) throws(ImagingError) -> Image {
    var result = Image(width: level.width, height: rows.count, channels: level.channels, filledWith: .nan)
    for columns in wantedColumns(in: rows) {
      let area = PixelRectangle(x: columns.lowerBound, y: rows.lowerBound, width: columns.count, height: rows.count)
      let part = try file.region(of: level, area)
      missing += part.missingShare * Double(area.width) * Double(area.height)
      guard missingShare <= toleratedMissing else {
        throw ImagingError(
          .malformed, path: file.path, page: level.pages[0],
          detail: "more than \(Int(100 * toleratedMissing)) % of it is missing or broken",
          remedy: "Copy or export it again, or tolerate more")
      }
      result.paste(
        part, from: PixelRectangle(x: 0, y: 0, width: area.width, height: area.height), atX: area.x, y: 0)
    }
    return result
  }

  /// Stretches of columns of the level, as long as can be decoded at once.
  private func wantedColumns(in rows: Range<Int>) -> [Range<Int>] {
    let page = file.pages[level.pages[0] - 1]
    let piece: Int
    if case .tiles(let width, let height) = page.layout {
      piece = page.orientation.isTransposed ? height : width
    } else {
      piece = Self.pieceWidth
    }
    let (top, bottom) = (rows.lowerBound / factor, (rows.upperBound - 1) / factor)
    var result: [Range<Int>] = []
    for start in stride(from: 0, to: level.width, by: piece) {
      let end = min(start + piece, level.width)
      let (left, right) = (start / factor, (end - 1) / factor)
      let cells = PixelRectangle(x: left, y: top, width: right - left + 1, height: bottom - top + 1)
      guard isWanted(cells) else { continue }
      if let last = result.last, last.upperBound == start, end - last.lowerBound <= Self.widest {
        result[result.count - 1] = last.lowerBound..<end
      } else {
        result.append(start..<end)
      }
    }
    return page.isTiled || result.isEmpty ? result : [result[0].lowerBound..<result[result.count - 1].upperBound]
  }
}
