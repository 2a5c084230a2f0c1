import Imaging
import Threads

/// Builds the levels of a Deep Zoom pyramid from parts that arrive from top to bottom.
///
/// Level 0 is one pixel. Each level is twice as large as the level before, and the last level has the picture's size.
/// Only one row of tiles is held for each level, and of that row only the tiles that a part overlaps.
/// Source: Microsoft, "Deep Zoom File Format Overview" (the format that OpenSeadragon reads).
package struct TileTree {
  package static let edge = 256

  let width: Int
  let height: Int
  let channels: Int
  /// Whether a pixel of the next smaller level is the largest of four pixels; otherwise it is their mean.
  let keepsLargest: Bool

  package struct Tile: Sendable {
    package let level: Int
    package let column: Int
    package let row: Int
    package let width: Int
    package let height: Int
    /// `[height, width, channels]`
    package var pixels: [UInt8]

    /// The tile's area, in pixels of its level.
    package var area: PixelRectangle {
      PixelRectangle(x: column * TileTree.edge, y: row * TileTree.edge, width: width, height: height)
    }
  }

  /// The incomplete tiles of each level, by key: `row * columns + column`.
  private var rows: [[Int: Tile]]
  /// The keys of all tiles that were made, by level: `row * columns + column`.
  private var seen: [Set<Int>]

  package init(width: Int, height: Int, channels: Int, keepsLargest: Bool) {
    self.width = width
    self.height = height
    self.channels = channels
    self.keepsLargest = keepsLargest
    let count = Self.levels(width: width, height: height)
    rows = [[Int: Tile]](repeating: [:], count: count)
    seen = [Set<Int>](repeating: [], count: count)
  }

  package static func levels(width: Int, height: Int) -> Int {
    var (levels, size) = (1, max(width, height))
    while size > 1 { (levels, size) = (levels + 1, (size + 1) / 2) }
    return levels
  }

  private func size(ofLevel level: Int) -> (width: Int, height: Int) {
    Self.size(ofLevel: level, width: width, height: height)
  }

  /// - Parameters:
  ///   - width: width of the last level.
  ///   - height: height of the last level.
  package static func size(ofLevel level: Int, width: Int, height: Int) -> (width: Int, height: Int) {
    let shift = levels(width: width, height: height) - 1 - level
    return ((width + (1 << shift) - 1) >> shift, (height + (1 << shift) - 1) >> shift)
  }

  /// Adds a part of the picture.
  ///
  /// - Parameters:
  ///   - pixels: `[area.height, area.width, channels]`
  ///   - area: the part's area on the last level, not above any earlier part.
  ///   - blank: returns the pixels of a tile that no part has reached yet.
  package mutating func add(_ pixels: [UInt8], at area: PixelRectangle, blank: (Tile) -> [UInt8]) {
    let last = rows.count - 1
    for row in area.y / Self.edge...(area.y + area.height - 1) / Self.edge {
      for column in area.x / Self.edge...(area.x + area.width - 1) / Self.edge {
        let key = row * columns(ofLevel: last) + column
        var tile = rows[last].removeValue(forKey: key) ?? makeTile(level: last, column: column, row: row, blank: blank)
        let (left, top) = (column * Self.edge, row * Self.edge)
        let xs = max(area.x, left)..<min(area.x + area.width, left + tile.width)
        for y in max(area.y, top)..<min(area.y + area.height, top + tile.height) {
          let from = ((y - area.y) * area.width + xs.lowerBound - area.x) * channels
          let to = ((y - top) * tile.width + xs.lowerBound - left) * channels
          tile.pixels.replaceSubrange(to..<to + xs.count * channels, with: pixels[from..<from + xs.count * channels])
        }
        rows[last][key] = tile
      }
    }
  }

  /// Removes and returns the tiles of all levels that are complete once all parts above a row have arrived.
  ///
  /// - Parameter row: a row of the last level. The picture's height completes all tiles.
  package mutating func complete(above row: Int, blank: (Tile) -> [UInt8]) -> [Tile] {
    var result: [Tile] = []
    var done = row
    for level in rows.indices.reversed() {
      let height = size(ofLevel: level).height
      let isWhole = row >= self.height
      var finished: [Tile] = []
      for (key, tile) in rows[level] where isWhole || tile.row * Self.edge + tile.height <= done {
        finished.append(tile)
        rows[level].removeValue(forKey: key)
      }
      finished.sort { ($0.row, $0.column) < ($1.row, $1.column) }
      if level > 0 {
        let halves = Parallel.map(finished.count) { [channels, finished, keepsLargest] k in
          Self.reduced(finished[k], channels: channels, keepsLargest: keepsLargest)
        }
        for (tile, half) in zip(finished, halves) { add(half, of: tile, blank: blank) }
      }
      result += finished
      // The next level is complete as far down as this level has complete rows of tiles.
      let rowsOfTiles = done >= height ? height : done / Self.edge * Self.edge
      done = rowsOfTiles >= height ? (height + 1) / 2 : rowsOfTiles / 2
    }
    return result
  }

  /// Tiles that no part reached, of all levels whose longest side is at most `longest`.
  package mutating func missing(upTo longest: Int, blank: (Tile) -> [UInt8]) -> [Tile] {
    var result: [Tile] = []
    for level in rows.indices {
      let size = size(ofLevel: level)
      guard max(size.width, size.height) <= longest else { continue }
      let columns = columns(ofLevel: level)
      for key in 0..<count(ofLevel: level) where !seen[level].contains(key) {
        result.append(makeTile(level: level, column: key % columns, row: key / columns, blank: blank))
      }
    }
    return result
  }

  /// One array per level, with one bit per tile, set if the tile was made. Tiles are in row order, the lowest bit of
  /// each byte first.
  package var presence: [[UInt8]] {
    rows.indices.map { level in
      var bits = [UInt8](repeating: 0, count: (count(ofLevel: level) + 7) / 8)
      for key in seen[level] { bits[key / 8] |= 1 << UInt8(key % 8) }
      return bits
    }
  }

  // MARK: - Tiles

  private func columns(ofLevel level: Int) -> Int { (size(ofLevel: level).width + Self.edge - 1) / Self.edge }

  private func count(ofLevel level: Int) -> Int {
    columns(ofLevel: level) * ((size(ofLevel: level).height + Self.edge - 1) / Self.edge)
  }

  private func bare(level: Int, column: Int, row: Int, blank: (Tile) -> [UInt8]) -> Tile {
    let size = size(ofLevel: level)
    var tile = Tile(
      level: level, column: column, row: row, width: min(Self.edge, size.width - column * Self.edge),
      height: min(Self.edge, size.height - row * Self.edge), pixels: [])
    tile.pixels = blank(tile)
    return tile
  }

  private mutating func makeTile(level: Int, column: Int, row: Int, blank: (Tile) -> [UInt8]) -> Tile {
    seen[level].insert(row * columns(ofLevel: level) + column)
    return bare(level: level, column: column, row: row, blank: blank)
  }

  /// Copies a tile's pixels at half size into the tile of the next smaller level that covers the same place.
  private mutating func add(_ half: [UInt8], of tile: Tile, blank: (Tile) -> [UInt8]) {
    let level = tile.level - 1
    let (column, row) = (tile.column / 2, tile.row / 2)
    let key = row * columns(ofLevel: level) + column
    var parent = rows[level].removeValue(forKey: key) ?? makeTile(level: level, column: column, row: row, blank: blank)
    let (left, top) = (tile.column % 2 * Self.edge / 2, tile.row % 2 * Self.edge / 2)
    let line = (tile.width + 1) / 2 * channels
    for y in 0..<(tile.height + 1) / 2 {
      let to = ((top + y) * parent.width + left) * channels
      parent.pixels.replaceSubrange(to..<to + line, with: half[y * line..<(y + 1) * line])
    }
    rows[level][key] = parent
  }

  private static func reduced(_ tile: Tile, channels: Int, keepsLargest: Bool) -> [UInt8] {
    let (width, height) = ((tile.width + 1) / 2, (tile.height + 1) / 2)
    var half = [UInt8](repeating: 0, count: width * height * channels)
    tile.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<height {
        // If the number of rows or columns is odd, the last one is paired with itself.
        let (top, bottom) = (2 * y * tile.width, min(2 * y + 1, tile.height - 1) * tile.width)
        for x in 0..<width {
          let (left, right) = (2 * x, min(2 * x + 1, tile.width - 1))
          for channel in 0..<channels {
            func value(_ place: Int) -> UInt8 { pixels[place * channels + channel] }
            let (a, b, c, d) = (value(top + left), value(top + right), value(bottom + left), value(bottom + right))
            half[(y * width + x) * channels + channel] =
              keepsLargest ? max(max(a, b), max(c, d)) : UInt8((Int(a) + Int(b) + Int(c) + Int(d) + 2) / 4)
          }
        }
      }
    }
    return half
  }
}
