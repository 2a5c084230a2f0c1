import Foundation
import Imaging
import Testing

/// The table of vendors: which of them recognizes a file, and which answers where several do.
struct VendorTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A page that bears a vendor's mark, by the tag that bears it: 270 is the description, 271 the make, 305 the
  /// software.
  private static func page(_ marks: [UInt16: String], tags: [UInt16: [Int]] = [:]) -> TIFFBytes.Page {
    let texts = marks.mapValues { Array($0.utf8).map(Int.init) + [0] }
    return TIFFBytes.Page(width: 3, height: 2, [0, 1, 2, 3, 4, 5], tags: tags.merging(texts) { $1 })
  }

  private func vendors(of marks: [UInt16: String]) throws -> [String] {
    try TIFFFile(path: folder.write(TIFFBytes(Self.page(marks)))).vendors
  }

  private static let ome = """
    <OME><Image Name="nuclei"><Pixels DimensionOrder="XYCZT" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" \
    PhysicalSizeY="0.25"><TiffData IFD="0"/></Pixels></Image></OME>
    """

  private static let leica = """
    <scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection sizeX="10" sizeY="20"><image><pixels>\
    <dimension sizeX="3" sizeY="2" r="0" ifd="0"/></pixels></image></collection></scn>
    """

  private static let marks: [(vendor: String, marks: [UInt16: String])] = [
    ("OME", [270: ome, 305: "OME Bio-Formats 6.6.0"]),
    ("ImageJ", [270: "ImageJ=1.53t\nimages=1\n"]),
    ("Aperio", [270: "Aperio Image Library v11.2.1\r\n3x2 [0,0 3x2]|MPP = 0.4990"]),
    ("Philips", [305: "Philips DP v1.0"]),
    ("Hamamatsu", [271: "Hamamatsu", 305: "NDP.scan 2.5.88"]),
    ("Akoya", [305: "PerkinElmer-QPI"]),
    ("Akoya", [270: "<?xml version=\"1.0\" encoding=\"utf-16\"?><PerkinElmer-QPI-ImageDescription/>"]),
    ("Ventana", [305: "iScan"]),
    ("Ventana", [305: "ScanOutputManager 1.1.0.15854"]),
    ("Ventana", [700: "<Metadata><iScan ScanRes=\"0.25\"/></Metadata>"]),
    ("Leica", [270: leica]),
  ]

  @Test(arguments: marks)
  func `a file is recognized by its vendor alone`(vendor: String, marks: [UInt16: String]) throws {
    #expect(try vendors(of: marks) == [vendor, "generic"])
  }

  @Test func `every vendor of the table has a name of its own and a file here, and the generic one is the last`() {
    #expect(Vendors.names.last == "generic")
    #expect(Set(Vendors.names).count == Vendors.names.count)
    #expect(Set(Vendors.names) == Set(Self.marks.map(\.vendor) + ["generic"]))
  }

  @Test(
    arguments: [
      [:], [270: "aperio"], [270: "made with Aperio"], [270: "ImageJ 1.53t"], [270: "<OME"], [270: "OME"],
      [305: "for Philips"], [305: "an iScan"], [270: "level=0 mag=40 quality=90"], [700: "<Scan/>"],
      [270: "<scn xmlns=\"http://example.org/scn\">"], [271: "Olympus"], [270: "Philips"],
      [305: "Hamamatsu"],
    ] as [[UInt16: String]])
  func `what only resembles a vendor's mark is none`(marks: [UInt16: String]) throws {
    #expect(try vendors(of: marks) == ["generic"])
  }

  /// Marks on later pages, and tags that only one vendor knows, are not looked at; what a page says it shows is.
  @Test func `an unknown file goes by tag 254, and its pixel size by the resolution tags`() throws {
    let file = try TIFFFile(
      path: folder.write(
        TIFFBytes(
          Self.page([305: "scanner"], tags: [282: [20000], 283: [10000], 296: [3], 65421: [-1]]),
          Self.page([270: "Label", 271: "Hamamatsu", 305: "Philips"], tags: [65421: [-1]]),
          Self.page([270: "Aperio\nmacro"], tags: [254: [1]]), Self.page([270: "ImageJ=1"], tags: [254: [4]]))))
    #expect(file.vendors == ["generic"])
    #expect(file.pages.map(\.role) == [.image, .label, .thumbnail, .mask])
    #expect(file.scans.map(\.pages) == [[1]])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.5, y: 1) && file.pages[0].pixelSizeSource == .resolutionTags)
    #expect(file.pages[1].pixelSize == nil && file.pages[1].pixelSizeSource == nil)
  }

  @Test func `of a file with the marks of two vendors each answers what the one before does not`() throws {
    let file = try TIFFFile(
      path: folder.write(TIFFBytes(Self.page([270: Self.ome, 305: "Philips DP v1.0"]), Self.page([270: "Label"]))))
    #expect(file.vendors == ["OME", "Philips", "generic"])
    #expect(file.pages.map(\.role) == [.image, .label])
    #expect(file.pages[0].pixelSize == PixelSize(x: 0.5, y: 0.25) && file.pages[0].pixelSizeSource == .omeXML)
  }

  @Test(.enabled(if: SharedData.hasCorpus, "skipped: no tiff-corpus in \(SharedData.path); set NORMA_DATA"))
  func `no file of the corpus is recognized by two vendors`() throws {
    var counts: [String: Int] = [:]
    for path in SharedData.files(in: "tiff-corpus/files") {
      guard let file = try? TIFFFile(path: path) else { continue }
      #expect(file.vendors.count <= 2 && file.vendors.last == "generic", "\(path): \(file.vendors)")
      counts[file.vendors[0], default: 0] += 1
    }
    #expect(counts.keys.sorted() == ["ImageJ", "generic"])
  }
}
