import Imaging

/// The one colour scale of a study. It begins at the threshold and spans six units of `z`; values below the threshold
/// have no colour.
///
/// A scale stretched to each picture would light up healthy scans. A fixed scale makes scans comparable.
package struct HeatScale: Sendable, Equatable {
  package let threshold: Double

  package init(threshold: Double) {
    self.threshold = threshold
  }

  package static let span = 6.0

  package var top: Double { threshold + Self.span }

  /// The colour of a value. All values above the scale have its last colour.
  func color(of z: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
    // The darkest third of magma is left out: it looks like a dark scan beneath it.
    let place = 0.32 + 0.66 * min(1, max(0, (z - threshold) / Self.span))
    return ColorMap.magma.rgb(at: Float(place))
  }
}
