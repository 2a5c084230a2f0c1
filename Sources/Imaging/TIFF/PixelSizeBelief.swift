import Foundation

/// Which sizes of a pixel are believed. A size that the file does not really know must not become an area in a report.
enum PixelSizeBelief {
  /// Dots per inch that programs write for a screen or for print, whatever the picture shows; 1 is written where nothing
  /// is known, 25.4 by programs that know a millimeter.
  private static let usualDots = [1.0, 25.4, 72, 75, 96, 100, 120, 144, 150, 180, 200, 240, 300]
  /// Dots per centimeter, the same rounded, or for a pixel of a millimeter or a centimeter.
  private static let usualDotsPerCentimeter = [1.0, 10, 28, 37, 38, 39, 118]
  private static let tolerance = 0.001

  /// The size that the resolution tags give, from pixels per `unit` micrometers.
  static func size(_ resolution: (x: Double, y: Double), per unit: Double) -> PixelSize {
    PixelSize(x: sevenDigits(unit / resolution.x), y: sevenDigits(unit / resolution.y))
  }

  /// Why a size in dots per inch measures nothing, as a clause; `nil` if it may.
  static func doubt(ofResolution size: PixelSize) -> String? {
    func usual(of dots: [Double], per unit: Double) -> Double? {
      dots.first { usual in
        [size.x, size.y].allSatisfy { abs(unit / $0 - usual) <= tolerance * usual }
      }
    }
    if let dots = usual(of: usualDots, per: 25_400) {
      return String(format: "a resolution of %g per inch is", dots) + meaning
    }
    if let dots = usual(of: usualDotsPerCentimeter, per: 10_000) {
      return String(format: "a resolution of %g per centimeter is", dots) + meaning
    }
    return nil
  }

  private static let meaning = " what programs write where they know no size"

  /// Why a pixel of a scan cannot be that large, as a clause; `nil` if it can.
  static func doubt(of size: PixelSize, from source: String) -> String? {
    guard !PixelSize.possible.contains(size.x) || !PixelSize.possible.contains(size.y) else { return nil }
    return String(format: "%.4g x %.4g µm (%@) is no size of a scan's pixel", size.x, size.y, source)
  }

  /// libtiff gives resolutions as 32-bit numbers, whose further digits mean nothing: a pixel written as 1700 um must not
  /// be read as 1700.0000324.
  private static func sevenDigits(_ value: Double) -> Double { Double(String(format: "%.7g", value)) ?? value }
}
