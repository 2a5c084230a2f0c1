import Foundation
import Imaging
import Testing

/// Descriptions as scanners and programs write them, on pages of a few pixels.
struct TIFFStructureTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func text(_ text: String) -> [Int] { Array(text.utf8).map(Int.init) + [0] }

  private static func strips(_ width: Int, _ height: Int, _ description: String = "", tags: [UInt16: [Int]] = [:])
    -> TIFFBytes.Page
  {
    var tags = tags
    if !description.isEmpty { tags[270] = text(description) }
    return TIFFBytes.Page(
      width: width, height: height, (0..<width * height).map { UInt8(truncatingIfNeeded: $0) }, tags: tags)
  }

  private static func tiles(_ width: Int, _ height: Int, _ description: String = "", tags: [UInt16: [Int]] = [:])
    -> TIFFBytes.Page
  {
    var page = strips(width, height, description, tags: tags)
    page.tags[278] = nil
    page.tags[322] = [16]
    page.tags[323] = [16]
    let count = ((width + 15) / 16) * ((height + 15) / 16)
    page.chunks = [[UInt8]](repeating: [UInt8](repeating: 9, count: 256), count: count)
    return page
  }

  private func open(_ file: TIFFBytes) throws -> TIFFFile { try TIFFFile(path: folder.write(file)) }

  @Test func `an Aperio slide is its largest page; levels, thumbnail, label and macro are told apart`() throws {
    let head = "Aperio Image Library v11.2.1\r\n"
    let file = try open(
      TIFFBytes(
        Self.tiles(64, 48, head + "64x48 [0,0 64x48] (16x16) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 25.6"),
        Self.strips(20, 15, head + "64x48 -> 20x15 - |AppMag = 20|MPP = 0.4990"),
        Self.tiles(16, 12, head + "64x48 [0,0 64x48] (16x16) -> 16x12 JPEG/RGB Q=30"),
        Self.strips(10, 10, head + "label 10x10", tags: [254: [1]]),
        Self.strips(30, 10, head + "macro 30x10", tags: [254: [9]])))
    #expect(file.pages.map(\.role) == [.image, .thumbnail, .pyramidLevel, .label, .macro])
    #expect(file.scans.map(\.pages) == [[1]])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.499, y: 0.499) && file.pages[0].pixelSizeSource == .aperio)
    let level = try #require(file.pages[2].pixelSize)
    #expect(abs(level.x - 1.996) < 1e-9 && abs(level.y - 1.996) < 1e-9)
    #expect(file.pages[3].pixelSize == nil)
  }

  @Test func `levels that a page owns are found, and its pixel size is spread over them`() throws {
    var base = Self.tiles(64, 64, tags: [282: [20000], 283: [10000], 296: [3]])
    base.owned = [Self.tiles(32, 32, tags: [254: [1]]), Self.tiles(16, 16, tags: [254: [1]])]
    let file = try open(TIFFBytes(base, Self.strips(12, 9)))
    #expect(file.pages.map(\.number) == [1, 2, 3, 4])
    #expect(file.pages.map(\.width) == [64, 12, 32, 16])
    #expect(file.pages.map(\.role) == [.image, .unknown, .pyramidLevel, .pyramidLevel])
    #expect(file.pages.map(\.owner) == [nil, nil, 1, 1])
    #expect(file.pages[3].pixelSize == PixelSize(x: 2, y: 4))
    #expect(try file.image(page: 4).samples == [Float](repeating: 9, count: 256))
    #expect(try file.image(page: 2).samples.prefix(3) == [0, 1, 2])
  }

  @Test func `tiled pages that halve are a pyramid though no tag says so, and others are pictures`() throws {
    let file = try open(TIFFBytes(Self.tiles(64, 40), Self.tiles(32, 20), Self.tiles(16, 10)))
    #expect(file.pages.map(\.role) == [.image, .pyramidLevel, .pyramidLevel])
    let stack = try open(TIFFBytes(Self.tiles(64, 40), Self.tiles(64, 40), Self.tiles(32, 20)))
    #expect(stack.pages.map(\.role) == [.image, .image, .image])
    let strips = try open(TIFFBytes(Self.strips(64, 40), Self.strips(32, 20)))
    #expect(strips.scans.map(\.pages) == [[1], [2]])
  }

  @Test func `a copy that is far smaller than the picture is a thumbnail`() throws {
    let file = try open(TIFFBytes(Self.strips(10, 10, tags: [254: [1]]), Self.strips(200, 200)))
    #expect(file.pages.map(\.role) == [.thumbnail, .image])
    #expect(file.scans.map(\.pages) == [[2]])
  }

  /// Every page is strips, and none says that it is reduced.
  @Test func `of a Hamamatsu slide the largest page is analyzed`() throws {
    let make = Self.text("Hamamatsu")
    func page(_ width: Int, _ lens: Int) -> TIFFBytes.Page {
      Self.strips(width, width / 2, tags: [271: make, 65421: [lens], 282: [20000], 283: [20000], 296: [3]])
    }
    let file = try open(TIFFBytes(page(64, 40), page(16, 10), page(4, 2), page(30, -1), page(20, -2)))
    #expect(file.pages.map(\.role) == [.image, .pyramidLevel, .pyramidLevel, .macro, .thumbnail])
    #expect(file.scans.map(\.pages) == [[1]])
    #expect(file.pages[1].pixelSize == PixelSize(x: 2, y: 2))
  }

  @Test func `Philips names its macro image`() throws {
    let philips = """
      <?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport"><Attribute \
      Name="DICOM_PIXEL_SPACING" Group="0x0028" Element="0x0030" PMSVR="IDoubleArray">&quot;0.0005&quot; \
      &quot;0.00025&quot;</Attribute></DataObject>
      """
    let software = Self.text("Philips DP v1.0")
    let file = try open(
      TIFFBytes(
        Self.tiles(64, 64, philips, tags: [305: software]), Self.tiles(32, 32, "level=1", tags: [254: [1]]),
        Self.strips(20, 9, "Macro", tags: [254: [1]]), Self.strips(8, 9, "Label", tags: [254: [1]])))
    #expect(file.pages.map(\.role) == [.image, .pyramidLevel, .macro, .label])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.25, y: 0.5) && file.pages[0].pixelSizeSource == .philips)
  }

  private static func ome(_ pixels: String, channels: String = "", data: String = "<TiffData/>") -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">\
    <Image ID="Image:0" Name="nuclei"><Pixels ID="Pixels:0" Type="uint8" SizeX="3" SizeY="2" \(pixels)>\(channels)\(data)\
    </Pixels></Image></OME>
    """
  }

  private static let twoNames = "<Channel ID=\"C:0\" Name=\"DAPI\"/><Channel ID=\"C:1\" Name=\"CD8 &amp; more\"/>"

  @Test(
    arguments: [("XYCZT", [[1, 2], [3, 4], [5, 6]]), ("XYZCT", [[1, 4], [2, 5], [3, 6]])] as [(String, [[Int]])])
  func `planes of an OME stack become scans whose channels have names`(order: String, expected: [[Int]]) throws {
    let text = Self.ome(
      "DimensionOrder=\"\(order)\" SizeC=\"2\" SizeZ=\"3\" SizeT=\"1\" PhysicalSizeX=\"0.5\" PhysicalSizeY=\"250\""
        + " PhysicalSizeYUnit=\"nm\"", channels: Self.twoNames)
    var file = TIFFBytes(Self.strips(3, 2, text))
    for k in 1..<6 { file.pages.append(TIFFBytes.Page(width: 3, height: 2, [UInt8](repeating: UInt8(k), count: 6))) }
    let opened = try open(file)
    #expect(opened.scans.map(\.pages) == expected)
    #expect(opened.scans.allSatisfy { $0.channelNames == ["DAPI", "CD8 & more"] })
    #expect(opened.pages[0].pixelSize == PixelSize(x: 0.5, y: 0.25) && opened.pages[0].pixelSizeSource == .omeXML)
    let last = try opened.image(of: opened.scans[2])
    #expect(last.channels == 2)
    #expect(last.samples.prefix(2) == [Float(expected[2][0] - 1), Float(expected[2][1] - 1)])
  }

  /// Eight slices of two channels, of which each claims a page of the next one; the pages behind them belong to none.
  @Test func `of slices that claim the same page the first by time and plane has it`() throws {
    let data = (0..<8).map { "<TiffData IFD=\"\($0)\" FirstT=\"\($0 / 4)\" FirstZ=\"\($0 % 4)\" PlaneCount=\"2\"/>" }
    let text = Self.ome(
      "DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"4\" SizeT=\"2\"", data: data.reversed().joined())
    var file = TIFFBytes(Self.strips(3, 2, text))
    for _ in 1..<17 { file.pages.append(Self.strips(3, 2)) }
    for _ in 0..<4 {
      let pages = try open(file).scans.map(\.pages)
      #expect(pages == [[1, 2], [3, 4], [5, 6], [7, 8]] + (9...17).map { [$0] })
    }
  }

  @Test func `blocks say which page a plane is, and those of other files are left out`() throws {
    let data = """
      <TiffData IFD="1" FirstZ="0"/><TiffData IFD="0" FirstZ="1"/>\
      <TiffData IFD="0" FirstZ="2" PlaneCount="1"><UUID FileName="other.tif">urn:uuid:0</UUID></TiffData>
      """
    let text = Self.ome("DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"3\" SizeT=\"1\"", data: data)
    let file = try open(TIFFBytes(Self.strips(3, 2, text), Self.strips(3, 2)))
    #expect(Set(file.scans.map(\.pages)) == [[1], [2]])
    #expect(file.defect == nil)
  }

  @Test func `channels without a page are told of, and what is declared without end costs nothing`() throws {
    let text = Self.ome("DimensionOrder=\"XYZCT\" SizeC=\"3\" SizeZ=\"1000000000\" SizeT=\"1000000000\"")
    let file = try open(TIFFBytes(Self.strips(3, 2, text), Self.strips(3, 2)))
    #expect(file.defect?.found == "its OME-XML describes 3 channels a slice, of which some have no page")
    #expect(file.scans.map(\.pages) == [[1], [2]])
    let broken = try open(TIFFBytes(Self.strips(3, 2, "<OME><Image><Pixels SizeC=")))
    #expect(broken.scans.map(\.pages) == [[1]] && broken.defect == nil)
  }

  private static let hostile = [
    ome("DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\"", data: "<TiffData IFD=\"-1\"/>"),
    ome(
      "DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\"", data: "<TiffData IFD=\"-9223372036854775808\"/>"),
    "<!DOCTYPE OME [<!ENTITY a \"Z\">]>" + ome("DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\""),
    "<?a" + ome("DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\""),
    ome("DimensionOrder=\"XYZZZ\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\""),
    ome("DimensionOrder=\"XYZCT\" SizeC=\"9223372036854775807\" SizeZ=\"2\" SizeT=\"1\""),
    ome(
      "DimensionOrder=\"XYZCT\" SizeC=\"2\" SizeZ=\"2\" SizeT=\"1\"",
      channels: "<Channel SamplesPerPixel=\"9223372036854775807\"/><Channel SamplesPerPixel=\"9223372036854775807\"/>"),
    ome(
      "DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"2\" SizeT=\"1\"",
      data: "<TiffData IFD=\"0\" FirstZ=\"0\"/><TiffData IFD=\"0\" FirstZ=\"1\"/>"),
    ome(
      "DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"99999\" SizeT=\"1\"",
      data: String(repeating: "<TiffData IFD=\"0\" PlaneCount=\"99999\"/>", count: 500)),
    "ImageJ=1\nimages=9223372036854775807\nchannels=9223372036854775807\n",
  ]

  @Test(arguments: hostile)
  func `descriptions that cannot be true leave every page in one scan at most`(text: String) throws {
    let file = try open(TIFFBytes(Self.strips(3, 2, text), Self.strips(3, 2)))
    let pages = file.scans.flatMap(\.pages)
    #expect(Set(pages).count == pages.count && Set(pages).isSubset(of: [1, 2]))
    for scan in file.scans { #expect(try file.image(of: scan).width == 3) }
  }

  @Test func `a description within the limits of XML is understood, one beyond them is not`() throws {
    func pages(_ pixels: String, data: String = "<TiffData/>") throws -> [[Int]] {
      let text = Self.ome("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\" \(pixels)", data: data)
      return try open(TIFFBytes(Self.strips(3, 2, text), Self.strips(3, 2))).scans.map(\.pages)
    }
    // Pixels has eight attributes of its own here, and lies at depth 3.
    func attributes(_ count: Int) -> String { (0..<count - 8).map { "a\($0)=\"\"" }.joined(separator: " ") }
    func nested(_ depth: Int) -> String {
      String(repeating: "<a>", count: depth - 3) + String(repeating: "</a>", count: depth - 3) + "<TiffData/>"
    }
    #expect(try pages(attributes(256)) == [[1, 2]])
    #expect(try pages(attributes(257)) == [[1], [2]])
    #expect(try pages("", data: nested(64)) == [[1, 2]])
    #expect(try pages("", data: nested(65)) == [[1], [2]])
  }

  @Test func `a renamed OME file is still understood`() throws {
    let data = "<TiffData IFD=\"0\" PlaneCount=\"2\"><UUID FileName=\"before.ome.tif\">urn:uuid:0</UUID></TiffData>"
    let text = Self.ome("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\"", data: data)
    let file = try open(TIFFBytes(Self.strips(3, 2, text), Self.strips(3, 2)))
    #expect(file.scans.map(\.pages) == [[1, 2]])
  }

  /// Files of a set have the whole set's description.
  private static func set(_ channels: Int, identity: Int? = nil, names: [String]) -> String {
    let data = names.enumerated().map { k, name in
      "<TiffData IFD=\"0\" FirstC=\"\(k)\" PlaneCount=\"1\"><UUID FileName=\"\(name)\">urn:uuid:\(k)</UUID></TiffData>"
    }
    let text = ome(
      "DimensionOrder=\"XYZCT\" SizeC=\"\(channels)\" SizeZ=\"1\" SizeT=\"1\" PhysicalSizeX=\"0.5\" PhysicalSizeY=\"0.5\"",
      channels: (0..<channels).map { "<Channel ID=\"C:\($0)\" Name=\"channel \($0)\"/>" }.joined(),
      data: data.joined())
    return identity.map { text.replacing("<OME ", with: "<OME UUID=\"urn:uuid:\($0)\" ") } ?? text
  }

  private func open(_ text: String, as name: String) throws -> TIFFFile {
    try TIFFFile(path: folder.write(TIFFBytes(Self.strips(3, 2, text)).bytes, as: name))
  }

  @Test func `a file of a set is read by itself with a note, by its name or its identity`() throws {
    let names = ["c0.ome.tif", "c1.ome.tif", "c2.ome.tif"]
    for (name, identity) in [("c1.ome.tif", nil), ("renamed.tif", 1), ("c0.ome.tif", 1)] as [(String, Int?)] {
      let file = try open(Self.set(3, identity: identity, names: names), as: name)
      #expect(file.defect == nil && file.scans.map(\.pages) == [[1]])
      #expect(file.scans[0].channelNames == ["channel 1"])
      #expect(file.pages[0].pixelSize == PixelSize(x: 0.5, y: 0.5))
      #expect(file.notes.count == 1 && file.notes[0].contains("some are in other files"))
    }
  }

  @Test func `what cannot be matched in a renamed file of a set is said to be lost`() throws {
    let file = try open(Self.set(2, names: ["c0.ome.tif", "c1.ome.tif"]), as: "renamed.tif")
    #expect(file.defect == nil && file.scans.map(\.pages) == [[1]] && file.scans[0].channelNames.isEmpty)
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.5, y: 0.5))
    #expect(file.notes.contains { $0.contains("describes files of other names") })
    let companion = try open(
      "<OME><BinaryOnly MetadataFile=\"set.companion.ome\" UUID=\"urn:uuid:9\"/></OME>", as: "b.tif")
    #expect(companion.vendors == ["OME", "generic"] && companion.scans.map(\.pages) == [[1]])
    #expect(companion.notes == [companion.notes[0]] && companion.notes[0].contains("is in set.companion.ome"))
  }

  @Test func `what is missing of a channel is missing of the scan`() throws {
    var second = Self.strips(3, 2, tags: [278: [1], 279: [3, 0]])
    second.chunks = [[0, 1, 2], []]
    let text = Self.ome("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\"")
    let path = try folder.write(TIFFBytes(Self.strips(3, 2, text), second))
    let file = try TIFFFile(path: path, limits: TIFFLimits(toleratedMissing: 1))
    let image = try file.image(of: file.scans[0])
    #expect(image.missingShare == 0.25 && image.samples.map(\.isNaN) == (0..<12).map { $0 > 6 && $0 % 2 == 1 })
  }

  @Test func `an ImageJ hyperstack has its channels together, and its unit is that of the resolution`() throws {
    let text = "ImageJ=1.53t\nimages=4\nchannels=2\nslices=2\nhyperstack=true\nunit=micron\nspacing=2.0\n"
    let resolution: [UInt16: [Int]] = [282: [4], 283: [2], 296: [1]]
    let file = try open(
      TIFFBytes(
        Self.strips(3, 2, text, tags: resolution), Self.strips(3, 2, tags: resolution), Self.strips(3, 2),
        Self.strips(3, 2)))
    #expect(file.scans.map(\.pages) == [[1, 2], [3, 4]])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.25, y: 0.5) && file.pages[0].pixelSizeSource == .imageJ)
    #expect(file.defect == nil)
    let pixels = try open(
      TIFFBytes(Self.strips(3, 2, "ImageJ=1.53t\nunit=pixel\n", tags: [282: [1], 283: [1], 296: [1]])))
    #expect(pixels.pages[0].pixelSize == nil)
  }

  @Test func `an ImageJ hyperstack whose slices come before its channels is read in that order`() throws {
    let text = "ImageJ=1.53t\nimages=12\nchannels=2\nslices=3\nframes=2\nhyperstack=true\norder="
    func pages(_ order: String) throws -> [[Int]] {
      var file = TIFFBytes(Self.strips(3, 2, text + order + "\n"))
      for _ in 1..<12 { file.pages.append(Self.strips(3, 2)) }
      return try open(file).scans.map(\.pages)
    }
    #expect(try pages("zct") == [[1, 4], [2, 5], [3, 6], [7, 10], [8, 11], [9, 12]])
    let usual = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]
    for order in ["czt", "", "what", "ccz"] { #expect(try pages(order) == usual) }
  }

  /// Older programs describe a colour picture as one channel, or three, without its samples.
  @Test func `an OME stack of colour pages that does not state their samples has a scan a page`() throws {
    let text = Self.ome("DimensionOrder=\"XYCZT\" SizeC=\"3\" SizeZ=\"3\" SizeT=\"1\"")
    func page(_ description: String = "") -> TIFFBytes.Page {
      var page = Self.strips(3, 2, description, tags: [258: [8, 8, 8], 262: [2], 277: [3]])
      page.chunks = [[UInt8](repeating: 1, count: 18)]
      return page
    }
    let file = try open(TIFFBytes(page(text), page(), page()))
    #expect(file.scans.map(\.pages) == [[1], [2], [3]] && file.defect == nil)
  }

  @Test func `pictures of an OME file are scans whatever their sizes, and a series named like a label is none`() throws
  {
    func series(_ name: String, _ page: Int) -> String {
      "<Image Name=\"\(name)\"><Pixels DimensionOrder=\"XYCZT\" SizeC=\"1\" SizeZ=\"1\" SizeT=\"1\"><TiffData IFD=\"\(page)\"/>"
        + "</Pixels></Image>"
    }
    func roles(_ names: [String]) throws -> [TIFFPage.Role] {
      let text = "<OME>" + names.enumerated().map { series($1, $0) }.joined() + "</OME>"
      return try open(TIFFBytes(Self.tiles(64, 64, text), Self.tiles(32, 32), Self.strips(9, 7))).pages.map(\.role)
    }
    #expect(try roles(["a", "b", "c"]) == [.image, .image, .image])
    for name in ["slide.czi [label image]", "Label 1", "SlideLabel", "barcode"] {
      #expect(try roles(["slide", "part", name]) == [.image, .image, .label])
    }
    #expect(try roles(["slide", "Slide Preview", "Overview image"]) == [.image, .macro, .macro])
    #expect(try roles(["slide", "Macrophages", "unlabelled GFP-labelled"]) == [.image, .image, .image])
    // A page that no series names says itself what it is.
    let two = "<OME>" + series("a", 0) + series("b", 1) + "</OME>"
    let file = try open(
      TIFFBytes(Self.tiles(64, 64, two), Self.tiles(32, 32), Self.strips(9, 7, "Label image")))
    #expect(file.pages.map(\.role) == [.image, .image, .label])
  }

  @Test(arguments: [false, true])
  func `planes that ImageJ puts behind the only page are read, in either byte order`(isBigEndian: Bool) throws {
    let planes = (0..<3).map { plane in (0..<6).map { UInt16(plane * 1000 + $0) } }
    func bytes(_ values: [UInt16]) -> [UInt8] {
      values.flatMap { isBigEndian ? [UInt8($0 >> 8), UInt8($0 & 255)] : [UInt8($0 & 255), UInt8($0 >> 8)] }
    }
    var page = TIFFBytes.Page(
      width: 3, height: 2, bits: 16, bytes(planes[0]), tags: [270: Self.text("ImageJ=1.53t\nimages=3\nslices=3\n")])
    page.tags[279] = [12]
    page.chunks = [planes.flatMap(bytes)]
    var file = TIFFBytes(page)
    file.isBigEndian = isBigEndian
    let opened = try open(file)
    #expect(opened.scans.map(\.pages) == [[1], [2], [3]] && opened.defect == nil)
    for k in 0..<3 { #expect(try opened.image(page: k + 1).samples == planes[k].map(Float.init)) }
    #expect(try opened.region(page: 3, x: 1, y: 1, width: 2, height: 1).samples == [2004, 2005])
  }

  @Test func `an ImageJ stack that breaks off says how much of it is there`() throws {
    var page = Self.strips(3, 2, "ImageJ=1.53t\nimages=50\nslices=50\n")
    page.tags[279] = [6]
    page.chunks = [page.chunks[0] + page.chunks[0]]
    let file = try open(TIFFBytes(page))
    #expect(file.pages.count < 50)
    #expect(file.defect?.found == "ImageJ noted 50 images in it, \(file.pages.count) can be found")
  }
}
