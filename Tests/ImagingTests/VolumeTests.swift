import Files
import Imaging
import Testing

/// Volumes in one page (tags 32997 and 32998).
struct VolumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let slices = 5
  /// Two tiles wide and high.
  private static let edge = 32

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

  /// Tiles of 16 x 16 and some slices: by slices, then rows, then columns.
  private static func tiles(deep depth: Int) -> TIFFBytes {
    let blocks = (slices + depth - 1) / depth
    let tiles = (0..<blocks).flatMap { block in
      [(0, 0), (16, 0), (0, 16), (16, 16)].map { x, y in
        Self.block(slices: block * depth..<(block + 1) * depth, x: x, y: y, width: 16, height: 16)
      }
    }
    return page([322: [16], 323: [16], 32998: [depth]], tiles)
  }

  @Test(arguments: [("strips", strips), ("1", tiles(deep: 1)), ("2", tiles(deep: 2)), ("5", tiles(deep: 5))])
  func `every slice of a volume is a scan`(layout: String, bytes: TIFFBytes) throws {
    let file = try TIFFFile(path: folder.write(bytes))
    #expect(file.defect == nil && file.scans.map(\.pages) == (1...Self.slices).map { [$0] })
    for slice in 0..<Self.slices {
      let image = try file.image(page: slice + 1)
      for (x, y) in [(0, 0), (7, 9), (20, 3), (5, 31), (31, 31)] {
        #expect(image[x, y] == Float(Self.sample(slice, x, y)), "slice \(slice) at \(x), \(y)")
      }
    }
    let part = try file.region(page: 4, x: 15, y: 17, width: 2, height: 1)
    #expect(part.samples == [Float(Self.sample(3, 15, 17)), Float(Self.sample(3, 16, 17))])
  }

  @Test func `a volume that cannot be read whole is told of`() throws {
    // PackBits, with a tile of several slices, which libtiff does not decode.
    var file = Self.tiles(deep: 5)
    file.pages[0].tags[259] = [32773]
    let opened = try TIFFFile(path: folder.write(file))
    #expect(opened.scans.map(\.pages) == [[1]])
    #expect(opened.defect?.found.hasPrefix("page 1 declares a volume of 5 slices (ImageDepth), of which") == true)
  }

  @Test func `slices in strips of their own may lie anywhere, and are not guessed`() throws {
    var file = Self.strips
    file.pages[0].tags[279] = [Self.edge * Self.edge * 2]
    let opened = try TIFFFile(path: folder.write(file))
    #expect(opened.scans.map(\.pages) == [[1]])
    #expect(opened.defect?.found.hasPrefix("page 1 declares a volume of 5 slices (ImageDepth), of which") == true)
  }

  @Test func `planes behind the only page of which nothing tells are told of`() throws {
    var page = TIFFBytes.Page(width: 64, height: 64, [UInt8](repeating: 3, count: 4096))
    #expect(try TIFFFile(path: folder.write(TIFFBytes(page))).notes.isEmpty)
    page.chunks[0] += [UInt8](repeating: 4, count: 4 * 4096)
    page.tags[279] = [4096]
    let notes = try TIFFFile(path: folder.write(TIFFBytes(page))).notes
    #expect(notes.count == 1 && notes[0].hasPrefix("its only page is less than half of it"), "\(notes)")
  }

  @Test func `a tile that is too short for its slices is broken`() throws {
    var file = Self.tiles(deep: 5)
    file.pages[0].chunks[0].removeLast(600)
    let opened = try TIFFFile(path: folder.write(file))
    let error = #expect(throws: NormaError.self) { try opened.image(page: 1) }
    #expect(error?.found.hasSuffix("bytes; 5 slices need 2560") == true)
  }

  @Test func `scanners write the tag into pictures, which stay pictures`() throws {
    var philips = Self.page(
      [322: [16], 323: [16], 32998: [Self.slices]], [[UInt8]](repeating: [UInt8](repeating: 1, count: 512), count: 4))
    philips.pages[0].tags[305] = Array("Philips DP v1.1".utf8).map(Int.init) + [0]
    let file = try TIFFFile(path: folder.write(philips))
    #expect(file.scans.map(\.pages) == [[1]] && file.defect == nil && file.notes.isEmpty)
    var jpeg = Self.tiles(deep: 5)
    jpeg.pages[0].tags[259] = [7]
    let noted = try TIFFFile(path: folder.write(jpeg))
    #expect(noted.scans.map(\.pages) == [[1]] && noted.notes.first?.contains("is read as a picture") == true)
  }
}
