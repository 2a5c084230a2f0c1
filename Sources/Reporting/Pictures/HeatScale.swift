import Imaging

/// The one colour scale of a study. It begins at the threshold and ends at the `z` that lesions planted in held-out
/// healthy scans reach; values below the threshold have no colour.
///
/// A scale stretched to each picture would light up healthy scans. A fixed scale makes scans comparable.
package struct HeatScale: Sendable, Equatable {
  package let threshold: Double
  package let top: Double

  /// The widths of a scale in units of `z`: `HeatLevels` tells no more apart.
  private static let spans = 1.0...9.0
  private static let usualSpan = 6.0

  /// - Parameter reach: the `z` that is to have the last colour; `nil` if it is not known.
  package init(threshold: Double, reach: Double? = nil) {
    self.threshold = threshold
    let span = reach.map { $0 - threshold } ?? Self.usualSpan
    top = threshold + min(max(span, Self.spans.lowerBound), Self.spans.upperBound)
  }

  var span: Double { top - threshold }

  /// The colour of a value. All values above the scale have its last colour.
  func color(of z: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
    // The darkest third of magma is left out: it looks like a dark scan beneath it.
    let place = 0.32 + 0.66 * min(1, max(0, (z - threshold) / span))
    return ColorMap.magma.rgb(at: Float(place))
  }
}
