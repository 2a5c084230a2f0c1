import Foundation

/// Slides from Aperio's scanners (SVS), and from programs that write the same format.
///
/// Recognized by the first page's description, which begins with "Aperio". Tiled pages are the picture and its levels.
/// The descriptions of the label and macro image name them; the second page is the thumbnail if it is stored in strips.
/// The pixel size is the description's MPP. Source: openslide.org/formats/aperio.
struct Aperio: Vendor {
  static let name = "Aperio"

  init?(firstPage page: TIFFPage) {
    guard page.description?.hasPrefix("Aperio") == true else { return nil }
  }

  var omitsGlass: Bool { true }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    // The second line of the description begins with the kind. The thumbnail's has no kind; it is the only other
    // picture in strips.
    let line = page.description?.split(whereSeparator: \.isNewline).dropFirst().first ?? ""
    if let named = TIFFPage.Role(named: line.prefix { $0 != " " }) { return named }
    if page.number == 2, !page.isTiled { return .thumbnail }
    // If neither applies, decide by sizes and tag 254; tags of other scanners mean nothing in this format.
    let role = Generic.role(of: page, in: file)
    let first = file.pages[0]
    return role == .image && (page.width, page.height) != (first.width, first.height) ? .unknown : role
  }

  /// Reads the pixel size in micrometers, one number for both directions, from a field such as `|MPP = 0.4990|`.
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    for field in (file.pages[0].description ?? "").split(separator: "|") {
      let parts = field.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 2, parts[0] == "MPP", let value = Double(noted: parts[1]), value > 0, value.isFinite {
        return ([1: PixelSize(x: value, y: value)], .aperio)
      }
    }
    return nil
  }
}

extension TIFFPage.PixelSizeSource {
  package static let aperio = Self(rawValue: "Aperio MPP")
}
