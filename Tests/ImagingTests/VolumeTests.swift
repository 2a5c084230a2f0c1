import Imaging
import Testing

/// Volumes in one page (tags 32997 and 32998).
struct VolumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let slices = 5
  private static let edge = 16

  private static func sample(_ slice: Int, _ x: Int, _ y: Int) -> UInt16 { UInt16(slice * 1000 + y * 20 + x) }

  /// The samples of a block of the volume, slice by slice and row by row, in little-endian order.
  private static func block(slices: Range<Int>, x: Int, y: Int, width: Int, height: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for slice in slices {
      for row in y..<y + height {
        for column in x..<x + width {
          let value = slice < Self.slices ? sample(slice, column, row) : 0
          bytes += [UInt8(value & 255), UInt8(value >> 8)]
        }
      }
    }
    return bytes
  }

  private static func page(_ tags: [UInt16: [Int]], _ chunks: [[UInt8]]) -> TIFFBytes {
    var page = TIFFBytes.Page(width: edge, height: edge, bits: 16, [], tags: tags.merging([32997: [slices]]) { $1 })
    page.chunks = chunks
    if tags[322] != nil { page.tags[278] = nil }
    return TIFFBytes(page)
  }

  private static let strips = page([:], [block(slices: 0..<slices, x: 0, y: 0, width: edge, height: edge)])

  /// Tiles of 16 x 16; the page is one tile wide, so that there is a tile for each block of slices.
  private static func tiles(deep depth: Int) -> TIFFBytes {
    let blocks = (slices + depth - 1) / depth
    return page(
      [322: [16], 323: [16], 32998: [depth]],
      (0..<blocks).map { block(slices: $0 * depth..<($0 + 1) * depth, x: 0, y: 0, width: edge, height: edge) })
  }

  @Test(arguments: [("strips", strips), ("1", tiles(deep: 1)), ("2", tiles(deep: 2)), ("5", tiles(deep: 5))])
  func `every slice of a volume is a scan`(layout: String, bytes: TIFFBytes) throws {
    let file = try TIFFFile(path: folder.write(bytes))
    #expect(file.defect == nil && file.scans.map(\.pages) == (1...Self.slices).map { [$0] })
    for slice in 0..<Self.slices {
      let image = try file.image(page: slice + 1)
      #expect(image[0, 0] == Float(Self.sample(slice, 0, 0)) && image[7, 9] == Float(Self.sample(slice, 7, 9)))
    }
    let part = try file.region(page: 4, x: 3, y: 5, width: 2, height: 1)
    #expect(part.samples == [Float(Self.sample(3, 3, 5)), Float(Self.sample(3, 4, 5))])
  }

  @Test func `a volume that cannot be read whole is told of`() throws {
    // PackBits, with a tile of several slices, which libtiff does not decode.
    var file = Self.tiles(deep: 5)
    file.pages[0].tags[259] = [32773]
    let opened = try TIFFFile(path: folder.write(file))
    #expect(opened.scans.map(\.pages) == [[1]])
    #expect(opened.defect?.found.hasPrefix("page 1 declares a volume of 5 slices (ImageDepth), of which") == true)
  }

  @Test func `a tile that is too short for its slices is broken`() throws {
    var file = Self.tiles(deep: 5)
    file.pages[0].chunks[0].removeLast(600)
    let opened = try TIFFFile(path: folder.write(file))
    #expect(throws: (any Error).self) { try opened.image(page: 1) }
  }

  @Test func `scanners write the tag into pictures, which stay pictures`() throws {
    var philips = Self.page([322: [16], 323: [16], 32998: [Self.slices]], [[UInt8](repeating: 1, count: 512)])
    philips.pages[0].tags[305] = Array("Philips DP v1.1".utf8).map(Int.init) + [0]
    let file = try TIFFFile(path: folder.write(philips))
    #expect(file.scans.map(\.pages) == [[1]] && file.defect == nil && file.notes.isEmpty)
    var jpeg = Self.tiles(deep: 5)
    jpeg.pages[0].tags[259] = [7]
    let noted = try TIFFFile(path: folder.write(jpeg))
    #expect(noted.scans.map(\.pages) == [[1]] && noted.notes.first?.contains("is read as a picture") == true)
  }
}
