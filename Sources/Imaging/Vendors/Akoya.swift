/// Slides from the scanners of Akoya, formerly PerkinElmer (QPTIFF).
///
/// Recognized by the first page's Software (tag 305), which begins with "PerkinElmer-QPI", or by the root element of its
/// description. Every page has an XML description with its kind and, for fluorescence, the name of its channel. Each
/// channel has a page of its own; the pages of a level follow each other in the same order. The pixel size is in the
/// resolution tags.
/// Source: the QPTIFF specification of Akoya Biosciences, and Bio-Formats' description of the format.
struct Akoya: Vendor {
  static let name = "Akoya"

  init?(firstPage page: TIFFPage) {
    guard
      page.software?.hasPrefix("PerkinElmer-QPI") == true
        || page.description?.contains("<PerkinElmer-QPI-ImageDescription") == true
    else { return nil }
  }

  var omitsGlass: Bool { true }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    switch Self.values(of: page)["ImageType"] {
    case "FullResolution": .image
    case "ReducedResolution": .pyramidLevel
    case "Thumbnail": .thumbnail
    case "Overview": .macro
    case "Label": .label
    default: .unknown
    }
  }

  func arrangeScans(of file: inout TIFFStructure) {
    let pictures = file.pages[..<file.chained].filter { $0.role == .image }
    guard pictures.count > 1 else { return }
    let names = pictures.compactMap { Self.values(of: $0)["Name"] }
    file.join(pictures.map(\.number), names: names.count == pictures.count ? names : [])
  }

  /// The texts of the elements of a page's description, the first where a name occurs twice.
  private static func values(of page: TIFFPage) -> [String: String] {
    var values: [String: String] = [:]
    _ = XMLElements.read(
      page.description ?? "", visit: { _, _ in }, content: { if values[$0] == nil { values[$0] = $1 } })
    return values
  }
}
