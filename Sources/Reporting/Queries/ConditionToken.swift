/// A word of a condition as it is typed after `--where`.
struct ConditionToken: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// A field, a keyword, or text that needs no quotes.
    case word
    /// Text that was in quotes, which are gone.
    case quoted
    case number(Double)
    case comparison(Condition.Comparison)
    case open, close
  }

  var kind: Kind
  var text: String
  /// Place of its first character, from 1.
  var position: Int

  /// For a message: `'text'`.
  var quoted: String { "'\(PrintableText.escaped(text))'" }

  /// Whether this is the keyword, in any letter case.
  func isKeyword(_ keyword: String) -> Bool { kind == .word && text.lowercased() == keyword }
}
