import Anomaly
import Foundation

/// Converts appearances to and from the text in the index: a JSON array with one number or `null` per feature.
enum AppearanceText {
  static func text(_ appearance: Appearance) throws -> String {
    String(decoding: try JSONEncoder().encode(appearance.values), as: UTF8.self)
  }

  /// Returns `nil` if norma did not write the text.
  static func appearance(_ text: String) -> Appearance? {
    (try? JSONDecoder().decode([Double?].self, from: Data(text.utf8))).map(Appearance.init(values:))
  }
}
