import Foundation

/// A unit of length, recognized by the names that files use.
struct LengthUnit {
  let micrometers: Double

  var isInch: Bool { micrometers == 25_400 }

  init?(_ name: String) {
    switch name.trimmingCharacters(in: .whitespacesAndNewlines).lowercased() {
    // Programs that cannot write a micro sign put a question mark in its place.
    case "?m", "\u{FFFD}m": micrometers = 1
    case "µm", "μm", "um", "micron", "microns", "micrometer", "micrometers", "\\u00b5m", "micrometre": micrometers = 1
    case "nm", "nanometer": micrometers = 1e-3
    case "pm", "picometer": micrometers = 1e-6
    case "å", "angstrom": micrometers = 1e-4
    case "mm", "millimeter", "millimeters", "millimetre": micrometers = 1e3
    case "cm", "centimeter": micrometers = 1e4
    case "dm": micrometers = 1e5
    case "m", "meter": micrometers = 1e6
    case "in", "inch", "inches": micrometers = 25_400
    case "mil", "thou": micrometers = 25.4
    case "pt": micrometers = 25_400 / 72
    default: return nil
    }
  }
}

extension Double {
  /// A number as files note it, with a decimal point or, by programs that follow the language of their user, a comma.
  init?(noted text: some StringProtocol) {
    guard let value = Double(text.trimmingCharacters(in: .whitespaces).replacing(",", with: ".")) else { return nil }
    self = value
  }
}
