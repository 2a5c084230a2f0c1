import Foundation
import Imaging

/// The smallest area of a region, as a user states it: `5mm2` or `12px`.
package struct RegionArea: Sendable, Equatable, CustomStringConvertible {
  package enum Unit: String, Sendable, CaseIterable {
    case squareMillimeters = "mm2"
    /// Pixels of the scan.
    case pixels = "px"
  }

  package let value: Double
  package let unit: Unit

  /// - Returns: `nil` unless the text is a positive number with its unit.
  package init?(_ text: String) {
    let trimmed = text.replacingOccurrences(of: "²", with: "2").filter { $0 != " " }
    guard let unit = Unit.allCases.first(where: { trimmed.hasSuffix($0.rawValue) }),
      let value = Double(trimmed.dropLast(unit.rawValue.count)), value > 0, value.isFinite, value <= 1e9
    else { return nil }
    self.value = value
    self.unit = unit
  }

  package var description: String {
    let number = value.rounded() == value ? String(Int(value)) : "\(value)"
    return number + unit.rawValue
  }

  /// The smallest number of pixels of a region; `nil` if this depends on the pixel size, which is not known.
  package func pixels(ofSize size: PixelSize?) -> Int? {
    switch unit {
    case .pixels: return Int(value.rounded(.up))
    case .squareMillimeters:
      guard let size, size.squareMillimeters > 0 else { return nil }
      // The small term keeps rounding errors from adding a pixel; the upper bound is more pixels than any scan can
      // have.
      return Int(min((value / size.squareMillimeters - 1e-9).rounded(.up), 1e15))
    }
  }
}
