/// The compression of a page's strips or tiles (TIFF tag 259).
package struct TIFFCompression: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  static let oldJPEG = TIFFCompression(rawValue: 6)
  package static let jpeg = TIFFCompression(rawValue: 7)
  package static let deflate = TIFFCompression(rawValue: 8)
  static let none = TIFFCompression(rawValue: 1)
  /// JPEG 2000 whose components are luminance and colour differences.
  static let aperioYCbCr = TIFFCompression(rawValue: 33003)

  /// Whether libtiff does not undo a predictor for this compression, so that samples stay differences between
  /// neighbours: none and PackBits.
  var hasNoPredictor: Bool { [1, 32773].contains(rawValue) }

  /// Whether this is a fax compression: runs of black and white for one sample per pixel. With more samples, libtiff
  /// leaves the rest of the buffer unwritten.
  var isFax: Bool { [2, 3, 4, 32771].contains(rawValue) }

  var isJPEG2000: Bool { [33003, 33004, 33005, 34712].contains(rawValue) }

  package var name: String {
    switch rawValue {
    case 1: "none"
    case 2: "CCITT RLE"
    case 3: "CCITT Group 3"
    case 4: "CCITT Group 4"
    case 5: "LZW"
    case 6: "old-style JPEG"
    case 7: "JPEG"
    case 8, 32946: "Deflate"
    case 9: "JBIG (T.85)"
    case 10: "JBIG (T.43)"
    case 32766: "NeXT"
    case 32771: "CCITT RLE, word-aligned"
    case 32773: "PackBits"
    case 32809: "ThunderScan"
    case 32908: "PixarFilm"
    case 32909: "PixarLog"
    case 33003: "JPEG 2000 (Aperio, YCbCr)"
    case 33004: "JPEG 2000 (Aperio, lossy)"
    case 33005: "JPEG 2000 (Aperio, RGB)"
    case 34661: "JBIG"
    case 34676: "SGILog"
    case 34677: "SGILog24"
    case 34712: "JPEG 2000"
    case 34887: "LERC"
    case 34892: "lossy JPEG (DNG)"
    case 34925: "LZMA"
    case 50000: "ZSTD"
    case 50001: "WebP"
    case 50002, 52546: "JPEG XL"
    default: "unknown compression \(rawValue)"
    }
  }
}
