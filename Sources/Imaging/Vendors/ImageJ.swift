import Files

/// Stacks from ImageJ and Fiji.
///
/// Recognized by the first page's description, which begins with "ImageJ=". It states how many planes there are and how
/// many channels a slice has. Planes have a page each, or all follow the only page. The pixel size is in the resolution
/// tags; the description names its unit.
struct ImageJ: Vendor {
  static let name = "ImageJ"

  private let description: ImageJDescription

  init?(firstPage page: TIFFPage) {
    guard let description = ImageJDescription(page.description ?? "") else { return nil }
    self.description = description
  }

  var planesOfOnlyPage: Int { description.images }

  /// The sizes in the description's unit. A description without a unit says nothing, so that the resolution tags hold;
  /// one whose unit is no length, such as "pixel", says that the tags measure nothing.
  func pixelSizes(in file: TIFFStructure) -> (ofPages: [Int: PixelSize?], source: TIFFPage.PixelSizeSource)? {
    var sizes: [Int: PixelSize?] = [:]
    if description.unitName != nil {
      for page in file.pages[..<file.chained] {
        let size = description.unit.flatMap { unit in
          page.resolution.map { PixelSize(x: unit.micrometers / $0.x, y: unit.micrometers / $0.y) }
        }
        sizes.updateValue(size, forKey: page.number)
      }
    }
    return (sizes, .imageJ)
  }

  func arrangeScans(of file: inout TIFFStructure) {
    let (chained, images, channels) = (file.chained, description.images, description.channels)
    if images > chained {
      file.lack = "ImageJ noted \(Count.of(images, "image")) in it, \(chained) can be found"
    }
    guard channels > 1, chained % channels == 0, chained == images else { return }
    for first in stride(from: 1, through: chained, by: channels) {
      file.join(Array(first..<first + channels), names: [])
    }
  }
}

extension TIFFPage.PixelSizeSource {
  package static let imageJ = Self(rawValue: "ImageJ description")
}
