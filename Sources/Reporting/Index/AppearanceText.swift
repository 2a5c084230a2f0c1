import Anomaly
import Foundation

/// Appearances as the index holds them: a JSON array with a number or `null` a feature.
enum AppearanceText {
  static func text(_ appearance: Appearance) throws -> String {
    String(decoding: try JSONEncoder().encode(appearance.values), as: UTF8.self)
  }

  /// `nil` for what norma did not write.
  static func appearance(_ text: String) -> Appearance? {
    (try? JSONDecoder().decode([Double?].self, from: Data(text.utf8))).map(Appearance.init(values:))
  }
}
