/// Slides from Ventana's and Roche's scanners (BIF, and TIFF with the same notes).
///
/// Recognized by the first page's Software (tag 305) or by an element `iScan` in its XMP packet. The descriptions of the
/// picture and its levels are like "level=0 mag=40 quality=90"; the label photograph and a map of tissue are pages of
/// their own. The pixel size is the attribute ScanRes of `iScan`. Neighbouring tiles of a BIF overlap by a few pixels,
/// which norma shows as they are stored.
/// Source: openslide.org/formats/ventana.
struct Ventana: Vendor {
  static let name = "Ventana"

  private let notes: [String: String]

  init?(firstPage page: TIFFPage) {
    var notes: [String: String]?
    _ = XMLElements.read(page.packet ?? "", visit: { if $0 == "iScan" { notes = $1 } })
    let software = page.software ?? ""
    guard notes != nil || ["iScan", "Ventana", "ScanOutputManager"].contains(where: software.hasPrefix) else {
      return nil
    }
    self.notes = notes ?? [:]
  }

  var omitsGlass: Bool { true }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    let description = page.description ?? ""
    if description.hasPrefix("level=") {
      return description.dropFirst("level=".count).prefix(while: \.isNumber) == "0" ? .image : .pyramidLevel
    }
    return TIFFPage.Role(named: description) ?? .unknown
  }

  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    guard let edge = notes["ScanRes"].flatMap({ Double(noted: $0) }), edge > 0,
      let picture = file.pages.first(where: { $0.role == .image })
    else { return nil }
    return ([picture.number: PixelSize(x: edge, y: edge)], .ventana)
  }
}

extension TIFFPage.PixelSizeSource {
  package static let ventana = Self(rawValue: "Ventana ScanRes")
}
