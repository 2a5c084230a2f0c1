import Files

/// Reads a level from top to bottom, some rows at a time, on a grid reduced by a whole factor. A page that can only be
/// decoded at once, such as one strip stored from bottom to top, is held in memory whole.
package final class ReducedRows {
  /// Some rows of the grid; it contains only the parts that are wanted.
  package struct Band: Sendable {
    package let top: Int
    package let height: Int
    package let parts: [Part]
  }

  package struct Part: Sendable {
    package let x: Int
    package let image: Image
  }

  package let width: Int
  package let height: Int
  private let file: TIFFFile
  private let level: ScanLevel
  private let factor: Int
  private let isWanted: (PixelRectangle) -> Bool
  private let toleratedMissing: Double
  private let bands: [Range<Int>]
  private var nextBand = 0
  /// Shares of the level that were found broken so far, and left out on purpose, in 0...1.
  private var (broken, omitted) = (0.0, 0.0)

  /// Most columns of the level that are decoded at once.
  private static let widest = 8192
  /// Width of the pieces in which columns are checked by `isWanted` when strips span the whole width; tiled pages use
  /// the tile width.
  private static let pieceWidth = 256

  /// - Parameters:
  ///   - limits: the tolerated missing share applies to the whole level, not to each piece that is read.
  ///   - isWanted: whether any part of this rectangle of the grid is wanted; if not, it may be left out undecoded, as
  ///     no data.
  package init(
    of level: ScanLevel, inFile path: String, limits: TIFFLimits, reducedBy factor: Int,
    where isWanted: @escaping (PixelRectangle) -> Bool = { _ in true }
  ) throws(NormaError) {
    file = try TIFFFile(path: path, limits: limits.forPieces)
    toleratedMissing = limits.toleratedMissing
    self.level = level
    self.factor = factor
    self.isWanted = isWanted
    width = (level.width + factor - 1) / factor
    height = (level.height + factor - 1) / factor
    bands = try file.bands(ofPage: level.pages[0], multipleOf: factor, channels: level.channels)
  }

  /// Share of the level that was found missing or broken so far, in 0...1.
  package var missingShare: Double { broken + omitted }

  /// The next rows of the grid; `nil` after the last ones.
  package func next() throws(NormaError) -> Band? {
    guard nextBand < bands.count else { return nil }
    let rows = bands[nextBand]
    nextBand += 1
    var parts: [Part] = []
    for columns in wantedColumns(in: rows) {
      let area = PixelRectangle(x: columns.lowerBound, y: rows.lowerBound, width: columns.count, height: rows.count)
      let read = try file.region(of: level, area)
      let share = Double(area.width) * Double(area.height) / level.pixels
      broken += (read.missingShare - read.omittedShare) * share
      omitted += read.omittedShare * share
      for (found, most) in [(broken, toleratedMissing), (omitted, max(TIFFLimits.mostOmitted, toleratedMissing))]
      where found > most {
        throw NormaError(
          .malformed, subject: file.path, page: level.pages[0],
          found: "more than \(Int(100 * most)) % of it is missing or broken",
          remedy: "Copy or export it again, or tolerate more")
      }
      parts.append(Part(x: columns.lowerBound / factor, image: read.reduced(by: factor)))
    }
    return Band(top: rows.lowerBound / factor, height: (rows.count + factor - 1) / factor, parts: parts)
  }

  /// Ranges of the level's columns that contain the wanted parts. Each covers whole columns of the grid and is as long
  /// as may be decoded at once.
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
      let (left, right) = (start / factor, (min(start + piece, level.width) - 1) / factor)
      let cells = PixelRectangle(x: left, y: top, width: right - left + 1, height: bottom - top + 1)
      guard isWanted(cells) else { continue }
      let columns = left * factor..<min((right + 1) * factor, level.width)
      guard let last = result.last, last.upperBound >= columns.lowerBound else {
        result.append(columns)
        continue
      }
      if columns.upperBound - last.lowerBound <= Self.widest {
        result[result.count - 1] = last.lowerBound..<columns.upperBound
      } else if last.upperBound < columns.upperBound {
        result.append(last.upperBound..<columns.upperBound)
      }
    }
    return page.isTiled || result.isEmpty ? result : [result[0].lowerBound..<result[result.count - 1].upperBound]
  }
}
