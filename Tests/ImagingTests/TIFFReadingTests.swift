import Imaging
import Testing

struct TIFFReadingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func image(_ file: TIFFBytes, page: Int = 1) throws -> Image {
    try TIFFFile(path: folder.write(file)).image(page: page)
  }

  @Test(arguments: [false, true], [false, true])
  func `both byte orders and BigTIFF read the same`(isBigEndian: Bool, isBigTIFF: Bool) throws {
    let words: [UInt16] = [0, 1, 256, 65535, 1000, 40000]
    let bytes = words.flatMap { word in
      let bytes = [UInt8(word & 0xFF), UInt8(word >> 8)]
      return isBigEndian ? bytes.reversed() : bytes
    }
    var file = TIFFBytes(.init(width: 3, height: 2, bits: 16, bytes))
    file.isBigEndian = isBigEndian
    file.isBigTIFF = isBigTIFF
    #expect(try image(file) == Image(width: 3, height: 2, channels: 1, samples: words.map(Float.init)))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 20, 31])
  func `samples of any number of bits are unpacked`(bits: Int) throws {
    // Three pixels a row, so that rows end within a byte: 1, 0, largest; largest, 1, 0.
    let largest = (UInt64(1) << UInt64(bits)) - 1
    let rows: [[UInt64]] = [[1, 0, largest], [largest, 1, 0]]
    let bytes = rows.flatMap { row -> [UInt8] in
      let digits = row.flatMap { value in (0..<bits).reversed().map { UInt8(value >> UInt64($0) & 1) } }
      let padded = digits + [UInt8](repeating: 0, count: (8 - digits.count % 8) % 8)
      return stride(from: 0, to: padded.count, by: 8).map { padded[$0..<($0 + 8)].reduce(0) { $0 << 1 | $1 } }
    }
    let image = try image(TIFFBytes(.init(width: 3, height: 2, bits: bits, bytes)))
    #expect(image.samples == rows.joined().map(Float.init))
  }

  @Test func `signed samples keep their sign`() throws {
    let image = try image(TIFFBytes(.init(width: 2, height: 1, bits: 16, [0x18, 0xFC, 0xE8, 0x03], tags: [339: [2]])))
    #expect(image.samples == [-1000, 1000])
  }

  @Test func `infinities and NaN become no data`() throws {
    let values: [Float] = [1.5, .infinity, .nan, -.infinity]
    let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
    let image = try image(TIFFBytes(.init(width: 4, height: 1, bits: 32, bytes, tags: [339: [3]])))
    #expect(image.samples.map(\.isNaN) == [false, true, true, true])
    #expect(image.samples[0] == 1.5)
  }

  @Test func `floats of 16, 24 and 64 bits are numbers`() throws {
    let half = TIFFBytes(.init(width: 2, height: 1, bits: 16, [0x00, 0x3C, 0x00, 0xC0], tags: [339: [3]]))
    #expect(try image(half).samples == [1, -2])
    // 24 bits: sign, exponent less 63 in seven bits, fraction in sixteen.
    let odd = TIFFBytes(.init(width: 2, height: 1, bits: 24, [0, 0, 0x3F, 0, 0x80, 0xC0], tags: [339: [3]]))
    #expect(try image(odd).samples == [1, -3])
    let bytes = [0.25, -1e300].flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
    let double = try image(TIFFBytes(.init(width: 2, height: 1, bits: 64, bytes, tags: [339: [3]])))
    #expect(double.samples[0] == 0.25)
    #expect(double.samples[1].isNaN)
  }

  @Test func `pages where the smallest value is white are inverted`() throws {
    #expect(try image(TIFFBytes(.init(width: 2, height: 1, [0, 200], tags: [262: [0]]))).samples == [255, 55])
  }

  @Test func `a palette becomes RGB`() throws {
    // Entries of a 1-bit table: all reds, then all greens, then all blues.
    let table = [0, 65535, 257 * 10, 257 * 20, 257 * 7, 0]
    let page = TIFFBytes.Page(width: 2, height: 1, bits: 1, [0b0100_0000], tags: [262: [3], 320: table])
    let image = try image(TIFFBytes(page))
    #expect(image.channels == 3)
    #expect(image.samples == [0, 10, 7, 255, 20, 0])
  }

  @Test func `inks become light`() throws {
    let page = TIFFBytes.Page(
      width: 2, height: 1, [0, 255, 0, 0, 0, 0, 0, 255], tags: [258: [8, 8, 8, 8], 262: [5], 277: [4]])
    #expect(try image(TIFFBytes(page)).samples == [255, 0, 255, 0, 0, 0])
  }

  @Test(arguments: [0, 1, 2])
  func `a fourth sample beside RGB is not data`(kind: Int) throws {
    let page = TIFFBytes.Page(
      width: 1, height: 1, [1, 2, 3, 4], tags: [258: [8, 8, 8, 8], 262: [2], 277: [4], 338: [kind]])
    #expect(try image(TIFFBytes(page)).samples == [1, 2, 3])
  }

  @Test func `many unspecified samples are the channels of a multiplexed scan, alpha apart`() throws {
    let page = TIFFBytes.Page(
      width: 1, height: 1, [1, 2, 3, 4, 5], tags: [258: [8, 8, 8, 8, 8], 262: [1], 277: [5], 338: [0, 0, 0, 2]])
    #expect(try image(TIFFBytes(page)).samples == [1, 2, 3, 4])
  }

  @Test func `separate planes are interleaved`() throws {
    var page = TIFFBytes.Page(
      width: 2, height: 1, [], tags: [258: [8, 8, 8], 262: [2], 277: [3], 284: [2]])
    page.chunks = [[1, 2], [3, 4], [5, 6]]
    #expect(try image(TIFFBytes(page)).samples == [1, 3, 5, 2, 4, 6])
  }

  /// Predictor 2 on pages that are not compressed, where libtiff hands the differences out.
  @Test(
    arguments: [(8, [10, 5, 250, 1, 2, 3]), (16, [10, 0, 5, 0, 0xFF, 0xFF]), (4, [0x1F, 0x30])] as [(Int, [UInt8])])
  func `differences of uncompressed samples are added up`(bits: Int, bytes: [UInt8]) throws {
    let expected: [Float] = bits == 8 ? [10, 15, 9, 10, 12, 15] : bits == 16 ? [10, 15, 14] : [1, 0, 3]
    let page = TIFFBytes.Page(width: expected.count, height: 1, bits: bits, bytes, tags: [317: [2]])
    #expect(try image(TIFFBytes(page)).samples == expected)
    // Of several samples a pixel each adds to its own.
    if bits == 8 {
      let color = TIFFBytes.Page(width: 2, height: 1, bytes, tags: [317: [2], 277: [3], 262: [2], 258: [8, 8, 8]])
      #expect(try image(TIFFBytes(color)).samples == [10, 5, 250, 11, 7, 253])
    }
  }

  @Test func `every orientation is turned upright`() throws {
    // The upright picture is 123/456; what each orientation stores follows from TIFF 6.0, tag 274.
    let stored: [(orientation: Int, width: Int, pixels: [UInt8])] = [
      (1, 3, [1, 2, 3, 4, 5, 6]), (2, 3, [3, 2, 1, 6, 5, 4]), (3, 3, [6, 5, 4, 3, 2, 1]), (4, 3, [4, 5, 6, 1, 2, 3]),
      (5, 2, [1, 4, 2, 5, 3, 6]), (6, 2, [3, 6, 2, 5, 1, 4]), (7, 2, [6, 3, 5, 2, 4, 1]), (8, 2, [4, 1, 5, 2, 6, 3]),
    ]
    for (orientation, width, pixels) in stored.filter({ $0.orientation != 6 && $0.orientation != 8 }) {
      let page = TIFFBytes.Page(width: width, height: 6 / width, pixels, tags: [274: [orientation]])
      #expect(try image(TIFFBytes(page)).samples == [1, 2, 3, 4, 5, 6], "orientation \(orientation)")
    }
    // 6: the first stored row is the right side, the first column the top: rows are the upright columns from the right.
    let right = TIFFBytes.Page(width: 2, height: 3, [3, 6, 2, 5, 1, 4], tags: [274: [6]])
    #expect(try image(TIFFBytes(right)).samples == [1, 2, 3, 4, 5, 6])
    // 8: the first stored row is the left side, the first column the bottom.
    let left = TIFFBytes.Page(width: 2, height: 3, [4, 1, 5, 2, 6, 3], tags: [274: [8]])
    #expect(try image(TIFFBytes(left)).samples == [1, 2, 3, 4, 5, 6])
  }

  @Test func `pixel size follows the resolution and its unit`() throws {
    func size(_ tags: [UInt16: [Int]]) throws -> PixelSize? {
      let page = TIFFBytes.Page(width: 1, height: 1, [0], tags: tags)
      return try TIFFFile(path: folder.write(TIFFBytes(page))).pages[0].pixelSize
    }
    #expect(try size([282: [20000], 283: [10000], 296: [3]]) == PixelSize(x: 0.5, y: 1))
    #expect(try size([282: [254], 283: [127], 296: [2]]) == PixelSize(x: 100, y: 200))
    #expect(try size([282: [254], 283: [127], 296: [2], 274: [6]]) == PixelSize(x: 200, y: 100))
    // A file holds 32-bit numbers: what follows their seven digits is noise.
    #expect(try size([282: [15], 283: [7], 296: [2]]) == PixelSize(x: 1693.333, y: 3628.571))
    #expect(try size([282: [254], 283: [127], 296: [1]]) == nil)
    #expect(try size([282: [0], 283: [0], 296: [2]]) == nil)
    #expect(try size([:]) == nil)
  }

  @Test func `pages of a stack are told from masks and smaller copies`() throws {
    let file = TIFFBytes(
      .init(width: 2, height: 1, [1, 2]), .init(width: 1, height: 1, [7], tags: [254: [1]]),
      .init(width: 8, height: 1, bits: 1, [0xF0], tags: [254: [4], 262: [4]]))
    let opened = try TIFFFile(path: folder.write(file))
    #expect(opened.pages.map(\.role) == [.image, .thumbnail, .mask])
    #expect(opened.pages.map(\.number) == [1, 2, 3])
    // Out of order, to leave the current page and come back.
    #expect(try opened.image(page: 3).samples == [1, 1, 1, 1, 0, 0, 0, 0])
    #expect(try opened.image(page: 1).samples == [1, 2])
    #expect(try opened.image(page: 2).samples == [7])
  }

  @Test(arguments: 1...8)
  func `regions are cuts of the page in every layout and orientation`(orientation: Int) throws {
    let (width, height) = (37, 29)
    let pixels = (0..<(width * height)).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 37) }
    var strips = TIFFBytes.Page(width: width, height: height, [], tags: [278: [5], 274: [orientation]])
    strips.chunks = stride(from: 0, to: height, by: 5).map {
      Array(pixels[($0 * width)..<(min($0 + 5, height) * width)])
    }
    var tiles = strips
    tiles.tags[278] = nil
    tiles.tags[322] = [16]
    tiles.tags[323] = [16]
    tiles.chunks = [0, 16].flatMap { top in
      [0, 16, 32].map { left in
        (0..<256).map { index in
          let (x, y) = (left + index % 16, top + index / 16)
          return x < width && y < height ? pixels[y * width + x] : 99
        }
      }
    }
    let whole = try image(TIFFBytes(strips))
    #expect(try image(TIFFBytes(tiles)) == whole)
    for page in [strips, tiles] {
      let file = try TIFFFile(path: folder.write(TIFFBytes(page)))
      for (x, y, w, h) in [(0, 0, 1, 1), (3, 4, 20, 18), (15, 15, 2, 2), (whole.width - 1, whole.height - 1, 1, 1)] {
        let region = try file.region(page: 1, x: x, y: y, width: w, height: h)
        let expected = (0..<h).flatMap { row in (0..<w).map { whole[x + $0, y + row] } }
        #expect(region.samples == expected, "\(w)x\(h) at \(x),\(y)")
      }
    }
  }

  @Test func `a region within one large strip is found by its rows`() throws {
    // PackBits: a row is 31 runs of 128 equal bytes and one of 32.
    let (width, height) = (4000, 1200)
    let packed = (0..<height).flatMap { row -> [UInt8] in
      let value = UInt8(row % 251)
      return (0..<31).flatMap { _ in [UInt8(129), value] } + [UInt8(225), value]
    }
    let page = TIFFBytes.Page(width: width, height: height, packed, tags: [259: [32773]])
    let file = try TIFFFile(path: folder.write(TIFFBytes(page)))
    let region = try file.region(page: 1, x: 3990, y: 700, width: 10, height: 3)
    #expect(region.samples == [198, 199, 200].flatMap { [Float](repeating: $0, count: 10) })
    // Again from further up: the strip is begun anew.
    #expect(try file.region(page: 1, x: 0, y: 2, width: 1, height: 1).samples == [2])
    #expect(try file.image()[17, 1199] == Float(1199 % 251))
  }
}
