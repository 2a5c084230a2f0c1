import Imaging
import Reporting
import Testing

struct TileTreeTests {
  /// A picture of one channel that grows to the right and down.
  private func picture(_ width: Int, _ height: Int) -> [UInt8] {
    (0..<width * height).map { UInt8(($0 % width / 4 + $0 / width / 4) % 256) }
  }

  /// Adds a picture band by band, each cut into two parts, and takes the tiles out as they come.
  private func tiles(
    _ width: Int, _ height: Int, band: Int, pixels: [UInt8], keepsLargest: Bool = false
  ) -> [TileTree.Tile] {
    var tree = TileTree(width: width, height: height, channels: 1, keepsLargest: keepsLargest)
    let blank: (TileTree.Tile) -> [UInt8] = { [UInt8](repeating: 7, count: $0.width * $0.height) }
    var result: [TileTree.Tile] = []
    for top in stride(from: 0, to: height, by: band) {
      let rows = min(band, height - top)
      for (left, columns) in [(0, width / 3), (width / 3, width - width / 3)] where columns > 0 {
        var part: [UInt8] = []
        for y in top..<top + rows {
          let start = y * width + left
          part += pixels[start..<start + columns]
        }
        tree.add(part, at: PixelRectangle(x: left, y: top, width: columns, height: rows), blank: blank)
      }
      result += tree.complete(above: top + rows, blank: blank)
    }
    return result
  }

  private func level(_ level: Int, of tiles: [TileTree.Tile]) -> [TileTree.Tile] { tiles.filter { $0.level == level } }

  @Test(arguments: [(700, 531, 100), (256, 256, 256), (257, 1, 1), (1, 1, 1), (1030, 300, 37)])
  func `however the rows come, the last level is the picture itself`(width: Int, height: Int, band: Int) throws {
    let pixels = picture(width, height)
    let found = tiles(width, height, band: band, pixels: pixels)
    let last = TileTree.levels(width: width, height: height) - 1
    var joined = [UInt8](repeating: 0, count: width * height)
    for tile in level(last, of: found) {
      for y in 0..<tile.height {
        for x in 0..<tile.width {
          joined[(tile.area.y + y) * width + tile.area.x + x] = tile.pixels[y * tile.width + x]
        }
      }
    }
    #expect(joined == pixels)
    #expect(level(0, of: found).count == 1)
    #expect(Set(found.map { "\($0.level)/\($0.column)_\($0.row)" }).count == found.count)
  }

  @Test func `levels halve until one pixel is left, sizes rounded up`() {
    #expect(TileTree.levels(width: 1, height: 1) == 1)
    #expect(TileTree.levels(width: 257, height: 100) == 10)
    #expect(TileTree.size(ofLevel: 9, width: 257, height: 100) == (257, 100))
    #expect(TileTree.size(ofLevel: 8, width: 257, height: 100) == (129, 50))
    #expect(TileTree.size(ofLevel: 0, width: 257, height: 100) == (1, 1))
  }

  @Test func `a smaller level holds means, or the largest of each four`() throws {
    var pixels = [UInt8](repeating: 10, count: 600 * 300)
    pixels[0] = 50
    pixels[600 + 1] = 110
    let means = tiles(600, 300, band: 64, pixels: pixels)
    let largest = tiles(600, 300, band: 64, pixels: pixels, keepsLargest: true)
    let last = TileTree.levels(width: 600, height: 300) - 1
    func corner(_ tiles: [TileTree.Tile], _ level: Int) throws -> UInt8 {
      try #require(tiles.first { $0.level == level && $0.column == 0 && $0.row == 0 }).pixels[0]
    }
    #expect(try corner(means, last - 1) == 45)
    #expect(try corner(largest, last - 1) == 110)
    #expect(try corner(largest, 0) == 110)
    #expect(try corner(means, 0) == 10)
  }

  @Test func `tiles that no part reached are not made on large levels, and said not to be there`() throws {
    var tree = TileTree(width: 2000, height: 2000, channels: 1, keepsLargest: false)
    let blank: (TileTree.Tile) -> [UInt8] = { [UInt8](repeating: 7, count: $0.width * $0.height) }
    tree.add(
      [UInt8](repeating: 90, count: 20 * 20), at: PixelRectangle(x: 600, y: 300, width: 20, height: 20), blank: blank)
    let found = tree.complete(above: 2000, blank: blank)
    let last = TileTree.levels(width: 2000, height: 2000) - 1
    let tile = try #require(level(last, of: found).first)
    #expect(level(last, of: found).count == 1 && tile.column == 2 && tile.row == 1)
    #expect(tile.pixels[0] == 7 && tile.pixels[(300 - 256) * 256 + 600 - 512] == 90)
    #expect(level(last - 1, of: found).map(\.column) == [1])
    let rest = tree.missing(upTo: 500, blank: blank)
    #expect(level(last - 1, of: rest).isEmpty && level(last - 2, of: rest).count == 3)
    let presence = tree.presence
    // 8 columns: row 1, column 2.
    #expect(presence[last] == [0, 0b100, 0, 0, 0, 0, 0, 0])
    #expect(presence[last - 2] == [0b1111])
  }
}
