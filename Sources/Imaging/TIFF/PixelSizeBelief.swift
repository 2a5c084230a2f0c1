import Files
import Foundation

/// Which sizes of a pixel are believed. A size that the file does not really know must not become an area in a report.
enum PixelSizeBelief {
  /// Dots per inch that programs write for a screen or for print, whatever the picture shows; 1 is written where nothing
  /// is known.
  private static let usualDots = [1.0, 72, 96, 300]
  /// Writers that count dots per centimeter round them.
  private static let rounding = 0.015

  /// The size that the resolution tags give, from pixels per `unit` micrometers.
  static func size(_ resolution: (x: Double, y: Double), per unit: Double) -> PixelSize {
    PixelSize(x: sevenDigits(unit / resolution.x), y: sevenDigits(unit / resolution.y))
  }

  /// Why a size in dots per inch measures nothing, as a clause; `nil` if it may.
  static func doubt(ofResolution size: PixelSize) -> String? {
    let dots = 25_400 / size.x
    guard size.x == size.y, let usual = usualDots.first(where: { abs(dots - $0) <= rounding * $0 }) else {
      return nil
    }
    return "\(Count.of(Int(usual), "dot")) per inch is what programs write where they know no size"
  }

  /// Why a pixel of a scan cannot be that large, as a clause; `nil` if it can.
  static func doubt(of size: PixelSize, from source: String) -> String? {
    guard !PixelSize.possible.contains(size.x) || !PixelSize.possible.contains(size.y) else { return nil }
    return String(format: "%.4g x %.4g µm (%@) is no size of a scan's pixel", size.x, size.y, source)
  }

  /// libtiff gives resolutions as 32-bit numbers, whose further digits mean nothing: a pixel written as 1700 um must not
  /// be read as 1700.0000324.
  private static func sevenDigits(_ value: Double) -> Double { Double(String(format: "%.7g", value)) ?? value }
}
