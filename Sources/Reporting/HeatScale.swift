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
    let position = place * Double(Self.magma.count - 1)
    let lower = min(Self.magma.count - 2, Int(position))
    let share = position - Double(lower)
    func mixed(_ channel: Int) -> UInt8 {
      let (from, to) = (Self.magma[lower][channel], Self.magma[lower + 1][channel])
      return UInt8((Double(from) + (Double(to) - Double(from)) * share).rounded())
    }
    return (mixed(0), mixed(1), mixed(2))
  }

  private static let magma: [[UInt8]] = [
    [0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
    [254, 194, 135], [252, 253, 191],
  ]
}
