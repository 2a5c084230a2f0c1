import Anomaly
import Files
import Foundation
import GRDB

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

extension CaseIndex {
  /// What the cases look like that are recorded with an appearance, by name; those taken over from an earlier run too.
  package func appearances() throws(NormaError) -> [String: Appearance] {
    try read { database in
      let rows = try Row.fetchAll(database, sql: "SELECT name, appearance FROM cases WHERE appearance IS NOT NULL")
      return rows.reduce(into: [:]) { $0[$1["name"]] = AppearanceText.appearance($1["appearance"]) }
    }
  }

  /// Names of the cases that do not look like those the model was trained on.
  package func strangeCases() throws(NormaError) -> [String] {
    try read { try String.fetchAll($0, sql: "SELECT name FROM cases WHERE domain_shift IS NOT NULL ORDER BY name") }
  }
}
