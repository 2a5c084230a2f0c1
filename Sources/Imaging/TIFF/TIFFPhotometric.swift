/// Which colours a page's samples stand for (TIFF tag 262).
package struct TIFFPhotometric: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let minIsWhite = TIFFPhotometric(rawValue: 0)
  package static let minIsBlack = TIFFPhotometric(rawValue: 1)
  package static let rgb = TIFFPhotometric(rawValue: 2)
  package static let palette = TIFFPhotometric(rawValue: 3)
  package static let mask = TIFFPhotometric(rawValue: 4)
  package static let separated = TIFFPhotometric(rawValue: 5)
  package static let yCbCr = TIFFPhotometric(rawValue: 6)
  package static let cieLab = TIFFPhotometric(rawValue: 8)
  package static let logL = TIFFPhotometric(rawValue: 32844)
  package static let logLuv = TIFFPhotometric(rawValue: 32845)
  package static let linearRaw = TIFFPhotometric(rawValue: 34892)

  package var name: String {
    switch rawValue {
    case 0: "MinIsWhite"
    case 1: "MinIsBlack"
    case 2: "RGB"
    case 3: "palette"
    case 4: "mask"
    case 5: "CMYK"
    case 6: "YCbCr"
    case 8: "CIE L*a*b*"
    case 9: "ICC L*a*b*"
    case 10: "ITU L*a*b*"
    case 32803: "CFA (raw sensor mosaic)"
    case 32844: "LogL"
    case 32845: "LogLuv"
    case 34892: "LinearRaw"
    case 51177: "depth map"
    default: "unknown photometric \(rawValue)"
    }
  }
}
