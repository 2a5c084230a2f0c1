import Foundation
import Imaging
import Testing

struct ImageJStackWriterTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/stack.tif" }

  init() throws { folder = try TemporaryFolder() }

  @Test func `a stack is read back plane by plane, with its pixel size`() throws {
    let values = (0..<2 * 3 * 4).map { Float($0) / 8 - 1 }
    let writer = try ImageJStackWriter(
      path: path, width: 4, height: 3, images: 2, pixelSize: PixelSize(x: 144, y: 0.25))
    try writer.append(Array(values[..<5]))
    try writer.append(Array(values[5...]))
    try writer.finish()
    let file = try TIFFFile(path: path)
    #expect(file.pages.count == 2)
    #expect(try file.image(page: 1).samples + file.image(page: 2).samples == values)
    let size = try #require(file.pages[0].pixelSize)
    #expect(abs(size.x - 144) < 1e-4 && abs(size.y - 0.25) < 1e-6)
    #expect(
      file.pages[0].description == "ImageJ=1.54f\nimages=2\nslices=2\nunit=micron\nmin=-1.0\nmax=1.875\n")
    #expect(try folder.names == ["stack.tif"])
  }

  @Test func `planes follow the header without a gap, as ImageJ expects them`() throws {
    let writer = try ImageJStackWriter(path: path, width: 1, height: 1, images: 2, pixelSize: nil)
    try writer.append([1, -2])
    try writer.finish()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(Array(bytes[..<16]) == [0x49, 0x49, 42, 0, 16, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0])
  }

  @Test func `without a pixel size there is no unit, and without a range none is named`() throws {
    let writer = try ImageJStackWriter(
      path: path, width: 2, height: 1, images: 1, pixelSize: nil, remark: (key: "pages", value: "2"))
    try writer.append([.nan, 3])
    try writer.finish()
    let page = try TIFFFile(path: path).pages[0]
    #expect(page.pixelSize == nil)
    #expect(page.description == "ImageJ=1.54f\nimages=1\nslices=1\npages=2\n")
  }

  @Test(arguments: [
    (1 << 15, 1 << 14, 1, false), (1 << 15, (1 << 14) - 1, 1, true), (46341, 46341, 1, false), (256, 256, 8191, true),
    (256, 256, 8192, false), (1 << 40, 1 << 40, 1, false), (1, 1, 1, true),
  ])
  func `less than two gigabytes fit`(width: Int, height: Int, images: Int, fits: Bool) {
    #expect(ImageJStackWriter.canHold(width: width, height: height, images: images) == fits)
  }

  @Test func `a mask of eight bits is written in tiles`() throws {
    let (width, height) = (300, 517)
    let values = (0..<width * height).map { Float($0 % 7 == 0 ? 255 : 0) }
    let writer = try TIFFTileWriter(
      path: path, width: width, height: height, pixelSize: PixelSize(x: 2, y: 2), as: .uint8)
    let map = Plane(width: width, height: height, values: values)
    for (first, rows) in [(0, 200), (200, height - 200)] {
      try writer.append(map.cropped(to: PixelRectangle(x: 0, y: first, width: width, height: rows)))
    }
    try writer.finish()
    let file = try TIFFFile(path: path)
    #expect(file.pages[0].bitsPerSample == 8 && file.pages[0].layout == .tiles(width: 256, height: 256))
    #expect(try file.image().samples == values)
  }
}
