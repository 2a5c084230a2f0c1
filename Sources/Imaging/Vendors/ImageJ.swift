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
        guard let unit = description.unit else {
          sizes.updateValue(nil, forKey: page.number)
          continue
        }
        guard let (x, y) = page.resolution else { continue }
        let size = PixelSize(x: unit.micrometers / x, y: unit.micrometers / y)
        // ImageJ takes the resolution tags over, in inches, when it opens a file.
        let isDoubted = unit.isInch && PixelSizeBelief.doubt(ofResolution: size) != nil
        sizes.updateValue(isDoubted ? nil : size, forKey: page.number)
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
    let slices = chained / channels
    for slice in 0..<slices {
      file.join(description.pages(ofSlice: slice, of: slices), names: [])
    }
  }
}

extension TIFFPage.PixelSizeSource {
  package static let imageJ = Self(rawValue: "ImageJ description")
}
