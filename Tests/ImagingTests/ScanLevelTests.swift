import Files
import Foundation
import Imaging
import Testing

struct ScanLevelTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var path: String { folder.path + "/slide.tif" }

  static func noise(width: Int, height: Int, channels: Int = 1) -> Image {
    var generator = SeededGenerator(seed: UInt64(width * 1000 + height))
    let samples = (0..<(width * height * channels)).map { _ in Float(Int.random(in: 0...255, using: &generator)) }
    return Image(
      width: width, height: height, channels: channels, samples: samples, pixelSize: PixelSize(x: 0.5, y: 0.5))
  }

  /// A pyramid as writers without tag 254 make them: tiled pages, ever smaller.
  private func writePyramid(of image: Image, factors: [Int]) throws -> TIFFFile {
    let pages = factors.map { TIFFWriter.Page(image.reduced(by: $0), as: .uint8) }
    try TIFFWriter.write(pages, tileSize: 64, to: path)
    return try TIFFFile(path: path)
  }

  @Test func `the levels of a pyramid come largest first, with the size of their pixels`() throws {
    let file = try writePyramid(of: Self.noise(width: 512, height: 384, channels: 3), factors: [1, 4, 8])
    let levels = file.levels(of: try #require(file.scans.first))
    #expect(levels.map(\.width) == [512, 128, 64])
    #expect(levels.map(\.pages) == [[1], [2], [3]])
    #expect(levels.map(\.channels) == [3, 3, 3])
    #expect(levels.map { $0.pixelSize?.x } == [0.5, 2, 4])
  }

  @Test func `a scan without smaller levels is its own only one`() throws {
    try TIFFWriter.write([.init(Self.noise(width: 40, height: 30), as: .uint8)], to: path)
    let file = try TIFFFile(path: path)
    #expect(file.levels(of: file.scans[0]).map(\.width) == [40])
  }

  @Test(arguments: [1, 2, 3, 5, 7, 64], [nil, 32])
  func `rows that are read one band after the other are those of the whole scan`(factor: Int, tileSize: Int?) throws {
    // Larger than a band, which holds some millions of samples.
    let image = Self.noise(width: 3001, height: 1403, channels: 3)
    try TIFFWriter.write([.init(image, as: .uint8)], tileSize: tileSize, to: path)
    let file = try TIFFFile(path: path)
    let rows = try ReducedRows(
      of: file.levels(of: file.scans[0])[0], inFile: path, limits: .default, reducedBy: factor)
    let expected = image.reduced(by: factor)
    #expect(rows.width == expected.width && rows.height == expected.height)
    var top = 0
    while let band = try rows.next() {
      #expect(band.top == top)
      var next = 0
      for part in band.parts {
        let area = PixelRectangle(x: part.x, y: top, width: part.image.width, height: band.height)
        #expect(part.x == next && part.image.samples == expected.cropped(to: area).samples)
        next += part.image.width
      }
      #expect(next == expected.width)
      top += band.height
    }
    #expect(top == expected.height)
    #expect(rows.missingShare == 0)
  }

  @Test func `tiles that nobody wants are not decoded`() throws {
    let image = Self.noise(width: 256, height: 192)
    try TIFFWriter.write([.init(image, as: .uint8)], tileSize: 64, to: path)
    // The first tile is destroyed; the one that is wanted is another.
    let wanted = PixelRectangle(x: 64, y: 32, width: 32, height: 32)
    let clean = try TIFFFile(path: path)
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for place in 8..<200 { bytes[place] ^= 0xFF }
    try Data(bytes).write(to: URL(filePath: path))
    let rows = try ReducedRows(
      of: clean.levels(of: clean.scans[0])[0], inFile: path, limits: .default, reducedBy: 2
    ) { area in
      area.x < wanted.x + wanted.width && wanted.x < area.x + area.width && area.y < wanted.y + wanted.height
        && wanted.y < area.y + area.height
    }
    let expected = image.reduced(by: 2)
    var top = 0
    while let band = try rows.next() {
      // Of a picture this small all rows are one band: columns are left out.
      let part = try #require(band.parts.first)
      #expect(band.parts.count == 1 && part.x == 64)
      #expect(
        part.image.samples
          == expected.cropped(to: PixelRectangle(x: 64, y: top, width: 32, height: band.height)).samples)
      top += band.height
    }
    #expect(top == 96)
  }

  @Test(arguments: [(0.0, true), (0.5, false)])
  func `what may be missing is a share of the whole level`(tolerated: Double, isRefused: Bool) throws {
    let image = Self.noise(width: 4096, height: 2048, channels: 3)
    try TIFFWriter.write([.init(image, as: .uint8)], tileSize: 1024, to: path)
    let file = try TIFFFile(path: path)
    let level = file.levels(of: file.scans[0])[0]
    // The first tile's bytes begin right behind the header.
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for place in 8..<4096 { bytes[place] = 0xFF }
    try Data(bytes).write(to: URL(filePath: path))
    func read() throws -> Double {
      let rows = try ReducedRows(
        of: level, inFile: path, limits: TIFFLimits(toleratedMissing: tolerated), reducedBy: 4)
      while try rows.next() != nil {}
      return rows.missingShare
    }
    if isRefused {
      #expect(throws: NormaError.self) { try read() }
    } else {
      #expect(abs(try read() - 1.0 / 8) < 1e-9)
    }
  }

  @Test(arguments: [(1, 1), (256, 256), (300, 700), (513, 255)])
  func `a picture written in tiles from top to bottom is read back`(size: (width: Int, height: Int)) throws {
    var image = Self.noise(width: size.width, height: size.height)
    image.samples[0] = .nan
    let writer = try TIFFTileWriter(
      path: path, width: size.width, height: size.height, pixelSize: PixelSize(x: 0.5, y: 2))
    var next = 0
    for rows in [1, 100, 3, 400, 7, 400] {
      let count = min(rows, size.height - next)
      try writer.append(
        Plane(image).cropped(to: PixelRectangle(x: 0, y: next, width: size.width, height: count)))
      next += count
    }
    #expect(!FileManager.default.fileExists(atPath: path), "a file has its name before it is complete")
    try writer.finish()
    let read = try TIFFFile(path: path).image()
    #expect(read.samples.dropFirst() == image.samples.dropFirst())
    #expect(read.samples[0].isNaN)
    #expect(read.pixelSize == PixelSize(x: 0.5, y: 2))
  }

  @Test func `a picture that is given up leaves nothing behind`() throws {
    do {
      let writer = try TIFFTileWriter(path: path, width: 300, height: 600, pixelSize: nil)
      try writer.append(Plane(width: 300, height: 300, filledWith: 1))
    }
    #expect(try folder.names == [])
  }
}
