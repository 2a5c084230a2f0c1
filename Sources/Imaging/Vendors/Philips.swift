import Foundation

/// Slides from Philips's scanners.
///
/// Recognized by the first page's Software (tag 305), which begins with "Philips". Levels have tag 254; the
/// descriptions of the label and macro image begin with that word. The pixel size is the first page's DICOM pixel
/// spacing.
/// Source: openslide.org/formats/philips.
struct Philips: Vendor {
  static let name = "Philips"

  init?(firstPage page: TIFFPage) {
    guard page.software?.hasPrefix("Philips") == true else { return nil }
  }

  var omitsGlass: Bool { true }
  var hasVolumes: Bool { false }

  func role(of page: TIFFPage, in file: TIFFStructure) -> TIFFPage.Role? {
    guard page.number > 1 else { return nil }
    return TIFFPage.Role(named: (page.description ?? "").prefix { $0.isLetter }) ?? Generic.role(of: page, in: file)
  }

  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    let text = file.pages[0].description ?? ""
    guard let tag = text.range(of: "Name=\"DICOM_PIXEL_SPACING\""),
      let end = text[tag.upperBound...].range(of: "</Attribute>")
    else { return nil }
    // Millimeters between rows, then between columns, each in its own quotation marks.
    let numbers = text[tag.upperBound..<end.lowerBound].split { !("0"..."9" ~= $0 || ".,eE-+".contains($0)) }
      .compactMap { Double(noted: $0) }.suffix(2)
    guard numbers.count == 2, let y = numbers.first, let x = numbers.last, x > 0, y > 0, x.isFinite, y.isFinite else {
      return nil
    }
    return ([1: PixelSize(x: 1000 * x, y: 1000 * y)], .philips)
  }
}

extension TIFFPage.PixelSizeSource {
  package static let philips = Self(rawValue: "DICOM pixel spacing")
}
