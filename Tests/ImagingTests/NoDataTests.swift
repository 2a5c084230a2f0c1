import Imaging
import Testing

/// Values that mean no data: noted by the file, stated by the user, or standing apart.
struct NoDataTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func image(_ tags: [UInt16: [Int]], noData: Float? = nil) throws -> Image {
    var limits = TIFFLimits.default
    limits.stated.noData = noData
    let file = TIFFBytes(TIFFBytes.Page(width: 3, height: 1, [0, 7, 255], tags: tags))
    return try TIFFFile(path: folder.write(file), limits: limits).image()
  }

  @Test func `the value that a file notes or the user states is no data`() throws {
    func note(_ text: String) -> [UInt16: [Int]] { [42113: Array(text.utf8).map(Int.init) + [0]] }
    #expect(try image(note("7")).samples.map(\.isNaN) == [false, true, false])
    #expect(try image(note(" 255 ")).samples.map(\.isNaN) == [false, false, true])
    #expect(try image(note("nan")).samples.map(\.isNaN) == [false, false, false])
    #expect(try image([:], noData: 0).samples.map(\.isNaN) == [true, false, false])
    #expect(try image(note("7"), noData: 0).samples.map(\.isNaN) == [true, true, false])
    // On a page where the smallest value means white, the stored value counts.
    #expect(try image([262: [0]], noData: 7).samples.map(\.isNaN) == [false, true, false])
  }

  /// A page of colours has none of the stored values; those of a mask are all data.
  @Test func `a value of no data is not looked for among converted colours, nor in masks`() throws {
    let zero: [UInt16: [Int]] = [42113: Array("0".utf8).map(Int.init) + [0]]
    var palette = TIFFBytes.Page(width: 3, height: 1, [1, 1, 1], tags: zero.merging([262: [3]]) { $1 })
    palette.tags[320] = [0, 65535] + [Int](repeating: 0, count: 766)
    let image = try TIFFFile(path: folder.write(TIFFBytes(palette))).image()
    #expect(image.samples == [255, 0, 0, 255, 0, 0, 255, 0, 0])
    var limits = TIFFLimits.default
    limits.stated = .ignoringNotes
    let mask = TIFFBytes(TIFFBytes.Page(width: 3, height: 1, [0, 255, 0], tags: zero))
    #expect(try TIFFFile(path: folder.write(mask), limits: limits).image().samples == [0, 255, 0])
  }

  // MARK: Padding

  /// A scan of 64 x 64 with a gradient from `low` to `high`, and a value in its corners.
  private static func scan(_ low: Float, _ high: Float, corners: Float? = nil, channels: Int = 1) -> Image {
    var image = Image(width: 64, height: 64, channels: channels)
    for y in 0..<64 {
      for x in 0..<64 {
        for c in 0..<channels {
          let value = low + (high - low) * Float((x * 5 + y * 3 + c) % 64) / 63
          image[x, y, c] = min(x, 63 - x) + min(y, 63 - y) < 6 ? corners ?? value : value
        }
      }
    }
    return image
  }

  @Test(arguments: [-2000, -3024, -32768, -9999, -3.4e38] as [Float])
  func `padding below all other values is no data`(value: Float) {
    var image = Self.scan(-1000, 1500, corners: value)
    let corners = image.samples.count { $0 == value }
    #expect(image.markPadding(bits: 16) == [value])
    #expect(image.samples.count(where: \.isNaN) == corners && image.samples.allSatisfy { $0 != value })
    var second = image
    #expect(second.markPadding(bits: 16).isEmpty)
  }

  @Test func `padding in every channel is found, and two paddings too`() {
    var image = Self.scan(-1000, 1500, corners: -2000, channels: 3)
    #expect(image.markPadding(bits: 16) == [-2000])
    var two = Self.scan(-1000, 1500, corners: -2000)
    for y in 0..<64 { for x in 60..<64 { two[x, y] = -30_000 } }
    #expect(two.markPadding(bits: 16) == [-30_000, -2000])
  }

  @Test(arguments: [65535, 32767] as [Float])
  func `text at the largest value that a sample can have is no data`(value: Float) {
    var image = Self.scan(100, value / 4, corners: value)
    #expect(image.markPadding(bits: 16) == [value])
  }

  @Test func `a scan's own values stay`() {
    // Air of a CT that is cut off at its least value, a dark background, bright lesions, few odd pixels, masks.
    var few = Self.scan(-1000, 1500)
    few[3, 3] = -2000
    var lesion = Self.scan(0, 1000)
    for y in 20..<30 { for x in 20..<30 { lesion[x, y] = 4000 } }
    // A constant lesion of a difference image is not at the border.
    var dark = Self.scan(-10, 10)
    for y in 20..<30 { for x in 20..<30 { dark[x, y] = -50 } }
    let scans = [
      Self.scan(-1000, 1500, corners: -1000), Self.scan(-1000, 1500, corners: -1100), Self.scan(30, 200, corners: 0),
      Self.scan(3000, 4090, corners: 4095), Self.scan(100, 1000, corners: 4095), few, lesion, dark,
      Image(width: 64, height: 64, channels: 1, filledWith: -5),
    ]
    for scan in scans {
      var marked = scan
      #expect(marked.markPadding(bits: 16).isEmpty && marked == scan)
    }
    var byte = Self.scan(0, 50, corners: 1023)
    #expect(byte.markPadding(bits: 8).isEmpty)
  }
}
