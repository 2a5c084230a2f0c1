internal import CTIFF
import Files
import Foundation

/// A page's tags, read before anything is decoded.
package struct TIFFPage: Sendable {
  package enum Layout: Sendable, Equatable {
    case strips(rows: Int)
    case tiles(width: Int, height: Int)
  }

  package enum Role: String, Sendable, Codable {
    case image
    case pyramidLevel = "pyramid level"
    case thumbnail, label, macro, mask
    /// A page of a slide that is no part of its pyramid and of which nothing says what it shows; it may show a
    /// patient's name.
    case unknown
  }

  /// Where a page's pixel size was found, as words for the user; each vendor adds its own.
  package struct PixelSizeSource: RawRepresentable, Equatable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let resolutionTags = Self(rawValue: "resolution tags")
    static let user = Self(rawValue: "as stated with --pixel-size")
  }

  /// One-based page number.
  package let number: Int
  /// Width of the upright page, after the orientation is applied; `height` likewise.
  package let width: Int
  package let height: Int
  /// Width as stored, before the orientation is applied; `storedHeight` likewise.
  let storedWidth: Int
  let storedHeight: Int
  /// Samples per pixel in the file, including alpha and other extra samples.
  package let samplesPerPixel: Int
  /// Meaning of the last samples of a pixel (tag 338): 0 unspecified, 1 and 2 alpha.
  package let extraSamples: [UInt16]
  package let bitsPerSample: Int
  package let sampleFormat: TIFFSampleFormat?
  package let photometric: TIFFPhotometric
  package let compression: TIFFCompression
  /// Whether each colour is stored in separate strips or tiles.
  package let isPlanar: Bool
  package let layout: Layout
  package let orientation: TIFFOrientation
  /// Size of a pixel of the upright page; `nil` if the file does not state it. It is first taken from the resolution
  /// tags; `TIFFStructure` replaces it if descriptions state it more precisely.
  package internal(set) var pixelSize: PixelSize?
  package internal(set) var pixelSizeSource: PixelSizeSource?
  /// Why a pixel size that the file states is not believed, as a clause; `nil` if it is, or if it states none.
  package internal(set) var pixelSizeDoubt: String?
  /// Pixels per unit along a stored row and column; the page says which unit.
  let resolution: (x: Double, y: Double)?
  package let isReducedResolution: Bool
  package let isMask: Bool
  package let description: String?
  /// Whether the page owns other pages (tag 330).
  let hasOwnedPages: Bool
  let software: String?
  let make: String?
  /// Text of the XMP packet (tag 700) of the first page; `nil` for other pages.
  let packet: String?
  /// First values of the vendors' private tags, by tag; see `Vendor.privateTags`.
  let privateNumbers: [UInt32: Float]
  /// The page's role among the pages. It is first taken from tag 254; `TIFFStructure` corrects it with the whole file
  /// in view.
  package internal(set) var role: Role
  /// Number of the page that owns this one (tag 330); `nil` for pages in the chain.
  package let owner: Int?
  /// Number of the picture that this page shows at a lower resolution; `nil` unless it is a level.
  package internal(set) var picture: Int?
  /// The value that means no data, which geographic programs note (tag 42113); `nil` if the file notes none.
  let noData: Float?
  /// Number of slices in a page that is a volume (tag 32997), as it is declared; 1 for a picture.
  let depth: Int
  /// Number of slices in a tile (tag 32998), as it is declared.
  let tileDepth: Int
  /// Zero-based slice of its volume that this page is; `nil` for a picture.
  var slice: Int?
  /// Whether strips or tiles that the file leaves out show empty glass, as those of slides do; if not, they are no
  /// data.
  var omittedIsGlass = false
  /// Whether samples are stored as differences that libtiff does not undo: it supports predictors (tag 317) only with
  /// dictionary codecs.
  let holdsDifferences: Bool
  /// Offset of the page's rows in the file, if they follow those of the previous page and have no directory.
  let contiguousOffset: UInt64?
  /// Offset of the page's directory in the file.
  let offset: UInt64

  var isTiled: Bool { if case .tiles = layout { true } else { false } }

  /// Width times height; a `Double`, since an integer could overflow.
  package var area: Double { Double(width) * Double(height) }

  /// "strips of 16 rows" or "tiles of 256x256", and whether colours are stored in separate planes.
  package var layoutDescription: String {
    let pieces =
      switch layout {
      case .strips(let rows): "strips of \(Count.of(rows, "row"))"
      case .tiles(let width, let height): "tiles of \(width)x\(height)"
      }
    return isPlanar ? pieces + ", separate planes" : pieces
  }

  /// Reads the handle's current page.
  ///
  /// - Parameters:
  ///   - owner: number of the page that owns this one.
  ///   - contiguousOffset: see the property.
  ///   - slice: see the property.
  init(
    number: Int, of handle: TIFFHandle, privateTags: Set<UInt32>, owner: Int? = nil, contiguousOffset: UInt64? = nil,
    slice: Int? = nil
  ) {
    self.number = number
    self.owner = owner
    self.contiguousOffset = contiguousOffset
    self.slice = slice
    offset = handle.pageOffset
    storedWidth = Int(handle.wideInteger(TIFFTAG_IMAGEWIDTH) ?? 0)
    storedHeight = Int(handle.wideInteger(TIFFTAG_IMAGELENGTH) ?? 0)
    let samples = Int(handle.integer(TIFFTAG_SAMPLESPERPIXEL) ?? 1)
    samplesPerPixel = samples
    extraSamples = handle.extraSamples
    bitsPerSample = Int(handle.integer(TIFFTAG_BITSPERSAMPLE) ?? 1)
    sampleFormat = TIFFSampleFormat(rawValue: handle.integer(TIFFTAG_SAMPLEFORMAT) ?? 1)
    compression = TIFFCompression(rawValue: handle.integer(TIFFTAG_COMPRESSION) ?? 1)
    // Without the tag, three or more samples are taken as colours; fax pages are black on white.
    let isFax = (2...4).contains(compression.rawValue)
    photometric =
      handle.integer(TIFFTAG_PHOTOMETRIC).map(TIFFPhotometric.init(rawValue:))
      ?? (samples >= 3 ? .rgb : isFax ? .minIsWhite : .minIsBlack)
    isPlanar = handle.integer(TIFFTAG_PLANARCONFIG) == UInt16(PLANARCONFIG_SEPARATE) && samples > 1
    if handle.isTiled {
      layout = .tiles(
        width: Int(handle.wideInteger(TIFFTAG_TILEWIDTH) ?? 0), height: Int(handle.wideInteger(TIFFTAG_TILELENGTH) ?? 0)
      )
    } else {
      // If the tag is absent, it reads as 2^32 - 1: one strip.
      layout = .strips(rows: min(Int(handle.wideInteger(TIFFTAG_ROWSPERSTRIP) ?? .max), storedHeight))
    }
    orientation = TIFFOrientation(rawValue: Int(handle.integer(TIFFTAG_ORIENTATION) ?? 1)) ?? .topLeft
    width = orientation.isTransposed ? storedHeight : storedWidth
    height = orientation.isTransposed ? storedWidth : storedHeight
    resolution = Self.resolution(of: handle)
    noData = handle.privateText(Self.noDataTag, limit: 64).flatMap {
      Float($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    depth = max(1, Int(handle.wideInteger(TIFFTAG_IMAGEDEPTH) ?? 1))
    tileDepth = max(1, Int(handle.wideInteger(TIFFTAG_TILEDEPTH) ?? 1))
    let kind = Int32(bitPattern: handle.wideInteger(TIFFTAG_SUBFILETYPE) ?? 0)
    isReducedResolution = kind & FILETYPE_REDUCEDIMAGE != 0
    isMask = kind & FILETYPE_MASK != 0 || photometric == .mask
    role = isMask ? .mask : isReducedResolution ? .pyramidLevel : .image
    description = handle.text(TIFFTAG_IMAGEDESCRIPTION)
    hasOwnedPages = !handle.ownedPages.isEmpty
    software = handle.text(TIFFTAG_SOFTWARE)
    make = handle.text(TIFFTAG_MAKE)
    packet = number == 1 ? handle.privateText(UInt32(TIFFTAG_XMLPACKET), limit: Self.longestPacket) : nil
    privateNumbers = privateTags.reduce(into: [:]) { $0[$1] = handle.privateFloat($1) }
    holdsDifferences =
      compression.hasNoPredictor && handle.rawInteger(TIFFTAG_PREDICTOR) == UInt16(PREDICTOR_HORIZONTAL)
    if let resolution, let unit = Self.unit(of: handle) {
      let size = PixelSizeBelief.size(resolution, per: unit)
      set(storedPixelSize: size, from: .resolutionTags)
      if let doubt = PixelSizeBelief.doubt(ofResolution: size) { disbelievePixelSize(doubt) }
    }
  }

  /// Sets the size of a pixel from what the file states of the page as stored, before the orientation is applied. A
  /// size that no scan can have is not believed.
  mutating func set(storedPixelSize size: PixelSize, from source: PixelSizeSource) {
    if let doubt = PixelSizeBelief.doubt(of: size, from: source.rawValue) { return disbelievePixelSize(doubt) }
    pixelSize = orientation.isTransposed ? PixelSize(x: size.y, y: size.x) : size
    pixelSizeSource = source
    pixelSizeDoubt = nil
  }

  /// Makes the pixel size unknown, because what the file states is not believed.
  mutating func disbelievePixelSize(_ doubt: String) {
    (pixelSize, pixelSizeSource, pixelSizeDoubt) = (nil, nil, doubt)
  }

  private static func resolution(of handle: TIFFHandle) -> (x: Double, y: Double)? {
    guard let x = handle.float(TIFFTAG_XRESOLUTION), let y = handle.float(TIFFTAG_YRESOLUTION),
      x.isFinite, y.isFinite, x > 0, y > 0
    else { return nil }
    return (Double(x), Double(y))
  }

  /// Micrometers of the unit of the resolution tags; `nil` if it is no length.
  private static func unit(of handle: TIFFHandle) -> Double? {
    switch Int32(handle.integer(TIFFTAG_RESOLUTIONUNIT) ?? 0) {
    case RESUNIT_INCH: 25_400
    case RESUNIT_CENTIMETER: 10_000
    default: nil
    }
  }

  /// Tag for the value that means no data. Source: gdal.org/drivers/raster/gtiff.html.
  private static let noDataTag: UInt32 = 42113
  private static let longestPacket = 1 << 26
}
