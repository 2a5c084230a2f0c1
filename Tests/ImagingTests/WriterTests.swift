import Files
import Foundation
import Imaging
import Testing

struct WriterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func gradient(width: Int, height: Int, channels: Int) -> Image {
    let samples = (0..<(width * height * channels)).map { Float(($0 * 31) % 251) }
    return Image(width: width, height: height, channels: channels, samples: samples, pixelSize: PixelSize(x: 0.5, y: 2))
  }

  @Test(arguments: [1, 2, 3, 4, 5], [nil, 16, 64])
  func `what is written is read back`(channels: Int, tileSize: Int?) throws {
    let image = gradient(width: 83, height: 41, channels: channels)
    for samples in TIFFWriter.Samples.allCases {
      let path = folder.path + "/scan.tif"
      try TIFFWriter.write([.init(image, as: samples)], tileSize: tileSize, to: path)
      #expect(try TIFFFile(path: path).image() == image)
    }
  }

  @Test func `a heatmap keeps its fractions, its missing pixels, its pixel size and its description`() throws {
    var image = Image(width: 3, height: 1, channels: 1, samples: [-0.25, 3.0900002, .nan])
    image.pixelSize = PixelSize(x: 0.25, y: 0.25)
    let path = folder.path + "/heat.tif"
    try TIFFWriter.write(image, as: .float32, description: "norma z", to: path)
    let file = try TIFFFile(path: path)
    let read = try file.image()
    #expect(Array(read.samples[..<2]) == [-0.25, 3.0900002])
    #expect(read.samples[2].isNaN)
    #expect(read.pixelSize == image.pixelSize)
    #expect(file.pages[0].description == "norma z")
    #expect(file.pages[0].compression == .deflate)
  }

  @Test func `what a killed writer left is told from other files, and from that of other writers`() throws {
    let leftovers = [".m.1a2b.part", ".m.safetensors.3c4d.part", ".m.x.safetensors.5e.part"]
    let others = ["m.safetensors", ".hidden", "x.part"]
    func left() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    for name in leftovers + others { try Data("x".utf8).write(to: URL(filePath: "\(folder.path)/\(name)")) }
    AtomicFile.removeUnfinished(in: folder.path, of: "m.safetensors")
    #expect(try left() == (others + [leftovers[0], leftovers[2]]).sorted())
    AtomicFile.removeUnfinished(in: folder.path)
    #expect(try left() == others.sorted())
  }

  @Test func `a stack has a page for each picture`() throws {
    let first = gradient(width: 5, height: 4, channels: 1)
    let second = gradient(width: 7, height: 3, channels: 3)
    let path = folder.path + "/stack.tif"
    try TIFFWriter.write([.init(first, as: .uint8), .init(second, as: .uint16)], to: path)
    let file = try TIFFFile(path: path)
    #expect(file.pages.count == 2)
    #expect(try file.image(page: 2) == second)
    #expect(try file.image(page: 1) == first)
  }

  @Test func `integers are rounded and clipped`() throws {
    let image = Image(width: 5, height: 1, channels: 1, samples: [-3, 1.5, 254.6, 900, .nan])
    let path = folder.path + "/scan.tif"
    try TIFFWriter.write(image, as: .uint8, to: path)
    #expect(try TIFFFile(path: path).image().samples == [0, 2, 255, 255, 0])
  }

  @Test func `nothing but the finished file is left in the folder`() throws {
    try TIFFWriter.write(gradient(width: 4, height: 4, channels: 1), as: .uint8, to: folder.path + "/a.tif")
    try PNGWriter.write([0, 128, 255, 3], width: 2, height: 2, color: .gray, to: folder.path + "/a.png")
    #expect(try folder.names == ["a.png", "a.tif"])
  }

  @Test func `a folder that is not there is an error of the system`() throws {
    let image = gradient(width: 4, height: 4, channels: 1)
    let error = #expect(throws: NormaError.self) { try TIFFWriter.write(image, as: .uint8, to: "/nowhere/a.tif") }
    #expect(
      error?.description
        == "/nowhere/a.tif: the file cannot be created: No such file or directory."
        + " Check that its folder exists and is writable.")
    #expect(error?.kind == .system)
  }

  @Test func `a PNG has its signature, its size and its colour type`() {
    let bytes = PNGWriter.encode([UInt8](repeating: 7, count: 5 * 3 * 3), width: 5, height: 3, color: .rgb)
    #expect(Array(bytes[..<8]) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    #expect(Array(bytes[16..<26]) == [0, 0, 0, 5, 0, 0, 0, 3, 8, 2])
  }

  @Test func `an indexed PNG has its colours and how clear they are`() {
    let bytes = PNGWriter.encode(
      [0, 1, 1, 0], width: 2, height: 2, color: .indexed([[1, 2, 3, 0], [4, 5, 6, 255]]), effort: .repetitions)
    #expect(Array(bytes[24..<26]) == [8, 3])
    let text = String(decoding: bytes, as: Unicode.ASCII.self)
    #expect(text.contains("PLTE") && text.contains("tRNS"))
    #expect(bytes.indices.contains { Array(bytes[$0...].prefix(6)) == [1, 2, 3, 4, 5, 6] })
  }

  @Test func `incompressible pixels fit the PNG buffer`() {
    var generator = SystemRandomNumberGenerator()
    let pixels = (0..<(301 * 211 * 4)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    #expect(PNGWriter.encode(pixels, width: 301, height: 211, color: .rgba).count > pixels.count)
  }
}
