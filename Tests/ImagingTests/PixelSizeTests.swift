import Imaging
import Testing

/// Which sizes of a pixel are believed. A size that the file does not really know must not become one in a report.
struct PixelSizeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func text(_ text: String) -> [Int] { Array(text.utf8).map(Int.init) + [0] }
  private static let inch: [UInt16: [Int]] = [296: [2]]

  private func page(_ tags: [UInt16: [Int]], stated: PixelSize? = nil) throws -> TIFFPage {
    let file = TIFFBytes(TIFFBytes.Page(width: 3, height: 2, [0, 1, 2, 3, 4, 5], tags: tags))
    var limits = TIFFLimits.default
    limits.stated.pixelSize = stated
    return try TIFFFile(path: folder.write(file), limits: limits).pages[0]
  }

  @Test(
    arguments: [72, 75, 96, 100, 120, 144, 150, 180, 200, 240, 300, 1].map { ($0, 2) }
      + [1, 10, 28, 37, 38, 39, 118].map { ($0, 3) } as [(Int, Int)])
  func `the resolution of a screen or of print measures nothing`(dots: Int, unit: Int) throws {
    let page = try page([282: [dots], 283: [dots], 296: [unit]])
    #expect(page.pixelSize == nil && page.pixelSizeSource == nil)
    #expect(page.pixelSizeDoubt?.hasSuffix("is what programs write where they know no size") == true)
  }

  @Test func `a resolution that only somebody who measured would write is believed`() throws {
    #expect(try page([282: [600], 283: [600], 296: [2]]).pixelSize != nil)
    // A CT of 180 mm over 512 pixels, in millimeters.
    #expect(try page([270: Self.text("ImageJ=1.53t\nunit=mm\n"), 282: [3], 283: [3], 296: [1]]).pixelSize != nil)
    #expect(try page([282: [72], 283: [36], 296: [2]]).pixelSize != nil)
    #expect(try page([282: [20000], 283: [20000], 296: [3]]).pixelSize == PixelSize(x: 0.5, y: 0.5))
  }

  @Test(arguments: ["pixel", "", "foo", "sec"])
  func `a unit that is no length makes the resolution tags meaningless`(unit: String) throws {
    let page = try page([270: Self.text("ImageJ=1.53t\nunit=\(unit)\n"), 282: [600], 283: [600], 296: [2]])
    #expect(page.pixelSize == nil && page.pixelSizeDoubt != nil)
  }

  @Test(arguments: ["micron", "?m", "\\u00B5m", "um"])
  func `a micrometer is understood however it is written`(unit: String) throws {
    let page = try page([270: Self.text("ImageJ=1.53t\nunit=\(unit)\n"), 282: [4], 283: [2], 296: [1]])
    #expect(page.pixelSize == PixelSize(x: 0.25, y: 0.5))
  }

  @Test func `a unit without a resolution leaves the size unknown, and blames nobody`() throws {
    let page = try page([270: Self.text("ImageJ=1.53t\nunit=um\n")])
    #expect(page.pixelSize == nil && page.pixelSizeDoubt == nil)
  }

  @Test func `an inch of ImageJ is believed as the tags are`() throws {
    let inch = Self.text("ImageJ=1.53t\nunit=inch\n")
    #expect(try page([270: inch, 282: [72], 283: [72], 296: [2]]).pixelSize == nil)
    #expect(try page([270: inch, 282: [127], 283: [127], 296: [2]]).pixelSize == PixelSize(x: 200, y: 200))
  }

  @Test func `a micrometer in Latin-1 is understood`() throws {
    let text = Array("ImageJ=1.53t\nunit=".utf8).map(Int.init) + [0xB5, 0x6D, 10, 0]
    #expect(try page([270: text, 282: [4], 283: [4], 296: [1]]).pixelSize == PixelSize(x: 0.25, y: 0.25))
  }

  private static func ome(_ sizes: String) -> [Int] {
    text(
      "<OME><Image><Pixels DimensionOrder=\"XYCZT\" SizeC=\"1\" SizeZ=\"1\" SizeT=\"1\" \(sizes)><TiffData IFD=\"0\"/>"
        + "</Pixels></Image></OME>")
  }

  @Test(
    arguments: [
      "PhysicalSizeX=\"0.5\"", "PhysicalSizeX=\"0.5\" PhysicalSizeY=\"0\"",
      "PhysicalSizeX=\"1\" PhysicalSizeXUnit=\"pixel\" PhysicalSizeY=\"1\" PhysicalSizeYUnit=\"pixel\"",
      "PhysicalSizeX=\"1e10\" PhysicalSizeY=\"1e10\"",
      "PhysicalSizeX=\"2\" PhysicalSizeXUnit=\"m\" PhysicalSizeY=\"2\" PhysicalSizeYUnit=\"m\"",
    ])
  func `an OME size that is half or none is not replaced by the resolution tags`(sizes: String) throws {
    let page = try page([270: Self.ome(sizes), 282: [600], 283: [600], 296: [2]])
    #expect(page.pixelSize == nil && page.pixelSizeDoubt != nil)
  }

  @Test func `decimal commas are understood, and without an OME size the resolution tags hold`() throws {
    let page = try page([270: Self.ome("PhysicalSizeX=\"0,5\" PhysicalSizeY=\"0,25\"")])
    #expect(page.pixelSize == PixelSize(x: 0.5, y: 0.25))
    #expect(
      try self.page([270: Self.ome(""), 282: [20000], 283: [20000], 296: [3]]).pixelSize == PixelSize(x: 0.5, y: 0.5))
    let aperio = Self.text("Aperio Image Library v11\r\n3x2 [0,0 3x2]|MPP = 0,4990")
    #expect(try self.page([270: aperio]).pixelSize == PixelSize(x: 0.499, y: 0.499))
  }

  @Test func `what the user states overrides the file`() throws {
    let stated = PixelSize(x: 0.5, y: 0.25)
    for tags in [[282: [72], 283: [72], 296: [2]], [282: [20000], 283: [20000], 296: [3]], [:]] as [[UInt16: [Int]]] {
      let page = try page(tags, stated: stated)
      #expect(page.pixelSize == stated && page.pixelSizeDoubt == nil)
      #expect(page.pixelSizeSource?.rawValue == "as stated with --pixel-size")
    }
  }
}
