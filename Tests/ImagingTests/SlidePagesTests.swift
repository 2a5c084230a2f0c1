import Files
import Foundation
import Imaging
import Testing

/// Slides of vendors that keep labels, macro images, channels and levels as pages of one file: which pages are the scan.
struct SlidePagesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func text(_ text: String) -> [Int] { Array(text.utf8).map(Int.init) + [0] }

  private static func strips(_ width: Int, _ height: Int, _ tags: [UInt16: [Int]] = [:], value: UInt8 = 200)
    -> TIFFBytes.Page
  {
    TIFFBytes.Page(width: width, height: height, [UInt8](repeating: value, count: width * height), tags: tags)
  }

  private static func tiles(_ width: Int, _ height: Int, _ tags: [UInt16: [Int]] = [:], value: UInt8 = 9)
    -> TIFFBytes.Page
  {
    var page = strips(width, height, tags)
    page.tags[278] = nil
    page.tags.merge([322: [16], 323: [16]]) { $1 }
    let count = ((width + 15) / 16) * ((height + 15) / 16)
    page.chunks = [[UInt8]](repeating: [UInt8](repeating: value, count: 256), count: count)
    return page
  }

  private func open(_ pages: [TIFFBytes.Page]) throws -> TIFFFile {
    var file = TIFFBytes()
    file.pages = pages
    return try TIFFFile(path: folder.write(file))
  }

  // MARK: Akoya

  private static func akoya(_ kind: String, _ channel: String? = nil, more: [UInt16: [Int]] = [:]) -> [UInt16: [Int]] {
    let name = channel.map { "<Name>\($0)</Name>" } ?? ""
    let xml = """
      <?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription><ImageType>\(kind)</ImageType>\(name)\
      </PerkinElmer-QPI-ImageDescription>
      """
    return [270: text(xml), 305: text("PerkinElmer-QPI"), 282: [20000], 283: [20000], 296: [3]].merging(more) { $1 }
  }

  @Test func `channels of a QPTIFF are one scan with its levels, and its label is none`() throws {
    let channels = ["DAPI", "CD8", "PanCK"]
    func level(_ edge: Int, _ kind: String, _ more: [UInt16: [Int]] = [:]) -> [TIFFBytes.Page] {
      channels.enumerated().map { k, name in
        Self.tiles(edge, edge, Self.akoya(kind, name, more: more), value: UInt8(10 * (k + 1) + 64 / edge))
      }
    }
    let file = try open(
      level(64, "FullResolution") + [Self.strips(8, 8, Self.akoya("Thumbnail"))]
        + level(32, "ReducedResolution", [254: [1]]) + level(16, "ReducedResolution", [254: [1]])
        + [Self.strips(20, 30, Self.akoya("Overview")), Self.strips(9, 7, Self.akoya("Label"))])
    #expect(
      file.pages.map(\.role) == [.image, .image, .image, .thumbnail]
        + [TIFFPage.Role](repeating: .pyramidLevel, count: 6) + [.macro, .label])
    let scan = try #require(file.scans.first)
    #expect(file.scans.count == 1 && scan.pages == [1, 2, 3] && scan.channelNames == channels)
    let levels = file.levels(of: scan)
    #expect(levels.map(\.pages) == [[1, 2, 3], [5, 6, 7], [8, 9, 10]])
    #expect(levels.map { $0.pixelSize?.x } == [0.5, 1, 2])
    for (level, first) in zip(levels, [11, 12, 14] as [Float]) {
      let image = try file.region(of: level, PixelRectangle(x: 0, y: 0, width: 1, height: 1))
      #expect(image.samples == [first, first + 10, first + 20])
    }
  }

  @Test func `a page of a QPTIFF whose kind is not known is no scan`() throws {
    let file = try open([
      Self.tiles(64, 64, Self.akoya("FullResolution")), Self.tiles(64, 64, Self.akoya("Something new")),
    ])
    #expect(file.pages.map(\.role) == [.image, .unknown] && file.scans.map(\.pages) == [[1]])
  }

  // MARK: Ventana

  @Test func `a Ventana slide begins with its label; the scan is the page of level 0`() throws {
    func page(_ edge: Int, _ level: Int) -> TIFFBytes.Page {
      Self.tiles(edge, edge, [270: Self.text("level=\(level) mag=\(40 >> level) quality=90")])
    }
    let xmp = Array("<Metadata><iScan ScanRes=\"0,25\" Magnification=\"40\"/></Metadata>".utf8).map(Int.init)
    for name in ["Label Image", "Label_Image"] {
      let file = try open([
        Self.strips(18, 30, [270: Self.text(name), 305: Self.text("iScan"), 700: xmp]),
        Self.strips(12, 12, [270: Self.text("Probability_Image")]), page(64, 0), page(32, 1), page(16, 2),
      ])
      #expect(file.pages.map(\.role) == [.label, .unknown, .image, .pyramidLevel, .pyramidLevel])
      #expect(file.scans.map(\.pages) == [[3]])
      #expect(file.levels(of: file.scans[0]).map(\.width) == [64, 32, 16])
      #expect(file.pages[2].pixelSize == PixelSize(x: 0.25, y: 0.25) && file.pages[2].pixelSizeSource == .ventana)
      #expect(file.pages[4].pixelSize == PixelSize(x: 1, y: 1))
    }
  }

  // MARK: Leica

  @Test func `an area of a Leica slide is a scan, and the area as large as the slide is the macro image`() throws {
    func area(_ view: String, _ planes: [(page: Int, level: Int, channel: Int)], channels: String = "") -> String {
      let dimensions = planes.map { "<dimension r=\"\($0.level)\" c=\"\($0.channel)\" ifd=\"\($0.page)\"/>" }
      return "<image><pixels>\(dimensions.joined())</pixels><view \(view)/>\(channels)</image>"
    }
    let xml =
      "<scn xmlns=\"http://www.leica-microsystems.com/scn/2010/10/01\">"
      + "<collection sizeX=\"100000\" sizeY=\"200000\">"
      + area("sizeX=\"100000\" sizeY=\"200000\" offsetX=\"0\" offsetY=\"0\"", [(0, 0, 0), (1, 1, 0)])
      + area("sizeX=\"32000\" sizeY=\"32000\" offsetX=\"9\" offsetY=\"9\"", [(2, 0, 0), (3, 1, 0)])
      + area(
        "sizeX=\"24000\" sizeY=\"12000\" offsetX=\"0\" offsetY=\"90\"",
        [(4, 0, 0), (5, 0, 1), (6, 1, 0), (7, 1, 1)],
        channels: "<channel name=\"DAPI\"/><channel name=\"FITC\"/>") + "</collection></scn>"
    let file = try open([
      Self.strips(32, 48, [270: Self.text(xml)]), Self.strips(16, 24), Self.tiles(64, 64), Self.tiles(32, 32),
      Self.tiles(48, 24, value: 1), Self.tiles(48, 24, value: 2), Self.tiles(24, 12, value: 3),
      Self.tiles(24, 12, value: 4), Self.strips(7, 7),
    ])
    #expect(
      file.pages.map(\.role) == [
        .macro, .macro, .image, .pyramidLevel, .image, .image, .pyramidLevel, .pyramidLevel, .unknown,
      ])
    #expect(file.scans.map(\.pages) == [[3], [5, 6]] && file.scans[1].channelNames == ["DAPI", "FITC"])
    #expect(file.levels(of: file.scans[0]).map(\.pages) == [[3], [4]])
    #expect(file.levels(of: file.scans[1]).map(\.pages) == [[5, 6], [7, 8]])
    #expect(file.pages[2].pixelSize == PixelSize(x: 0.5, y: 0.5) && file.pages[2].pixelSizeSource == .leica)
    #expect(file.pages[7].pixelSize == PixelSize(x: 1, y: 1))
  }

  private static func scn(_ content: String, collection: String = "sizeX=\"100000\" sizeY=\"200000\"") -> [UInt16:
    [Int]]
  {
    [
      270: text(
        "<scn xmlns=\"http://www.leica-microsystems.com/scn/2010/10/01\"><collection \(collection)>\(content)</collection></scn>"
      )
    ]
  }

  @Test func `a macro image of a Leica slide is told though its size is off, and a page without notes is no scan`()
    throws
  {
    let macro = "<image><pixels><dimension r=\"0\" ifd=\"0\"/></pixels><view sizeX=\"99999\" sizeY=\"200000\"/></image>"
    let scan = "<image><pixels><dimension r=\"0\" ifd=\"1\"/></pixels><view sizeX=\"32000\" sizeY=\"32000\"/></image>"
    func roles(_ tags: [UInt16: [Int]]) throws -> [TIFFPage.Role] {
      try open([Self.strips(32, 48, tags), Self.tiles(64, 64)]).pages.map(\.role)
    }
    #expect(try roles(Self.scn(macro + scan)) == [.macro, .image])
    #expect(try roles(Self.scn(macro + scan, collection: "")) == [.macro, .macro])
    #expect(try roles(Self.scn(macro)) == [.macro, .unknown])
    #expect(try roles(Self.scn(macro + scan + "<")) == [.macro, .image])
    #expect(try roles(Self.scn("<")) == [.unknown, .unknown])
  }

  @Test(arguments: ["7", "-1", "9223372036854775807", "9223372036854775806", "16383", "99999999999999999999"])
  func `a page that a Leica slide names and the file lacks is told of, and nothing else happens`(page: String) throws {
    let areas = [0, 1].map { level in
      "<image><pixels><dimension r=\"\(level)\" ifd=\"\(page)\"/><dimension r=\"0\" c=\"1\" ifd=\"0\"/>"
        + "<dimension r=\"1\" c=\"0\" ifd=\"1\"/></pixels><view sizeX=\"9\" sizeY=\"9\"/></image>"
    }
    let file = try open([Self.tiles(64, 64, Self.scn(areas.joined())), Self.tiles(32, 32)])
    #expect(file.pages.count == 2)
    for scan in file.scans { #expect(!file.levels(of: scan).isEmpty) }
    if let number = Int(page), (2..<1 << 14).contains(number) {
      #expect(file.defect?.found == "its XML names page \(number + 1), 2 pages can be found")
    }
  }

  // MARK: Writers without notes

  @Test(arguments: ["label", "Label Image", "macro", "Slide_Label", "barcode", "overview image", " thumbnail\n"])
  func `a page that says what it shows is no scan, however it is stored`(name: String) throws {
    for page in [Self.strips(18, 30, [270: Self.text(name)]), Self.tiles(18, 30, [270: Self.text(name)])] {
      for pages in [[Self.tiles(64, 64), page], [page, Self.tiles(64, 64)], [page, Self.strips(64, 64)]] {
        let file = try open(pages)
        #expect(file.scans.count == 1 && file.pages[file.scans[0].pages[0] - 1].width == 64)
      }
    }
  }

  @Test func `levels of several channels are those of their channels though no tag says so`() throws {
    let file = try open([64, 64, 64, 32, 32, 32, 16, 16, 16].map { Self.tiles($0, $0) })
    #expect(file.scans.map(\.pages) == [[1], [2], [3]])
    #expect(
      file.scans.map { file.levels(of: $0).map(\.pages) } == [[[1], [4], [7]], [[2], [5], [8]], [[3], [6], [9]]])
  }

  @Test func `a tiled page that is no level of a pyramid is not taken for a scan, wherever it stands`() throws {
    let pyramid = [Self.tiles(64, 64), Self.tiles(32, 32)]
    #expect(try open(pyramid + [Self.tiles(18, 30)]).pages.map(\.role) == [.image, .pyramidLevel, .unknown])
    #expect(try open([Self.tiles(18, 30)] + pyramid).pages.map(\.role) == [.unknown, .image, .pyramidLevel])
  }

  @Test func `beside a tiled picture a page in strips of another size is not taken for a scan, wherever it stands`()
    throws
  {
    let label = Self.strips(18, 30)
    let pyramid = [Self.tiles(64, 64), Self.tiles(32, 32), Self.tiles(16, 16)]
    let before = try open([label] + pyramid)
    #expect(before.pages.map(\.role) == [.unknown, .image, .pyramidLevel, .pyramidLevel])
    #expect(before.scans.map(\.pages) == [[2]] && before.levels(of: before.scans[0]).map(\.width) == [64, 32, 16])
    let behind = try open(pyramid + [label])
    #expect(behind.pages.map(\.role) == [.image, .pyramidLevel, .pyramidLevel, .unknown])
    #expect(behind.scans.map(\.pages) == [[1]])
    // Slices that happen to be stored in another way are as large as the picture.
    let stack = try open([Self.tiles(64, 64), Self.strips(64, 64)])
    #expect(stack.scans.map(\.pages) == [[1], [2]])
  }

  // MARK: Glass

  private static func omitting(_ file: TIFFBytes.Page, tile: Int, offset: Int = 0) -> TIFFBytes.Page {
    var page = file
    page.tags[324] = page.chunks.indices.map { $0 == tile ? offset : 8 }
    page.tags[325] = page.chunks.map(\.count)
    page.tags[325]![tile] = 0
    return page
  }

  @Test func `tiles that a slide leaves out are white glass, and no data in other files`() throws {
    let color: [UInt16: [Int]] = [258: [8, 8, 8], 262: [2], 277: [3]]
    var page = Self.tiles(32, 16, color)
    page.chunks = [[UInt8]](repeating: [UInt8](repeating: 7, count: 768), count: 2)
    var slide = page
    slide.tags[305] = Self.text("Philips DP v1.1")
    let white = try open([Self.omitting(slide, tile: 1)]).image()
    #expect(white.missingShare == 0 && white[0, 0, 0] == 7 && white[16, 0, 0] == 255 && white[31, 15, 2] == 255)
    let plain = try open([Self.omitting(page, tile: 1)]).image()
    #expect(plain.missingShare == 0.5 && plain[0, 0, 0] == 7 && plain[16, 0, 0].isNaN)
    // In fluorescence, nothing shines where nothing was scanned.
    let dark = try open([
      Self.omitting(Self.tiles(32, 16, [305: Self.text("PerkinElmer-QPI"), 270: Self.text("")]), tile: 1)
    ])
    #expect(dark.pages[0].role == .unknown && dark.scans.isEmpty)
    let channel = try open([Self.omitting(Self.tiles(32, 16, Self.akoya("FullResolution")), tile: 1)]).image()
    #expect(channel[0, 0, 0] == 9 && channel[16, 0, 0] == 0)
  }

  @Test func `a tile that lost its bytes is broken in a slide too, and a file that holds no tile was never finished`()
    throws
  {
    var slide = Self.tiles(32, 16)
    slide.tags[305] = Self.text("Philips DP v1.1")
    let lost = try open([Self.omitting(slide, tile: 1, offset: 8)])
    let broken = #expect(throws: NormaError.self) { try lost.image() }
    #expect(broken?.found == "tile 2 is missing; the file gives it no bytes")
    for page in [slide, Self.tiles(32, 16)] {
      var empty = page
      (empty.tags[324], empty.tags[325]) = ([0, 0], [0, 0])
      let error = #expect(throws: NormaError.self) { try open([empty]).image() }
      #expect(error?.found == "the file holds none of its 2 tiles; its writer did not finish it")
    }
  }

  @Test func `a file of which more than half is left out is taken for an unfinished one, unless that is tolerated`()
    throws
  {
    var page = Self.tiles(64, 16)
    (page.tags[324], page.tags[325]) = ([8, 0, 0, 0], [256, 0, 0, 0])
    let path = try folder.write(TIFFBytes(page))
    let error = #expect(throws: NormaError.self) { try TIFFFile(path: path).image() }
    #expect(error?.found == "75 % of its tiles are not in it; its writer may not have finished it")
    #expect(try TIFFFile(path: path, limits: TIFFLimits(toleratedMissing: 0.8)).image().missingShare == 0.75)
    page.tags[305] = Self.text("Philips DP v1.1")
    #expect(try open([page]).image().missingShare == 0)
  }

  // MARK: Large NDPI

  @Test func `a Hamamatsu slide of more than 4 GB is called what it is`() throws {
    let path = try folder.write([])
    let file = try #require(FileHandle(forWritingAtPath: path))
    // The directory lies beyond 4 GB; the file is sparse.
    let offset = UInt64(1) << 32 + 5000
    try file.write(contentsOf: [0x49, 0x49, 42, 0] + (0..<8).map { UInt8(truncatingIfNeeded: offset >> ($0 * 8)) })
    try file.truncate(atOffset: offset + 100)
    try file.close()
    let error = #expect(throws: NormaError.self) { try TIFFFile(path: path) }
    #expect(error?.found.hasPrefix("it is a Hamamatsu slide (NDPI) of more than 4 GB") == true)
  }
}
