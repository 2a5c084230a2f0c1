import Imaging

/// The one colour scale of a study: from the threshold up six units of `z`, nothing below.
///
/// A scale stretched to each picture would light up healthy scans; a fixed one makes two scans comparable.
package struct HeatScale: Sendable, Equatable {
  package let threshold: Double

  package init(threshold: Double) {
    self.threshold = threshold
  }

  package static let span = 6.0

  package var top: Double { threshold + Self.span }

  /// The colour of a value; those above the scale share its last colour.
  func color(of z: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
    // The darkest third of magma cannot be told from a dark scan beneath it.
    let place = 0.32 + 0.66 * min(1, max(0, (z - threshold) / Self.span))
    return ColorMap.magma.rgb(at: Float(place))
  }
}
