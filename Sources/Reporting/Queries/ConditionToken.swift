/// A token of the condition that is typed after `--where`.
struct ConditionToken: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    /// A field, a keyword, or text that needs no quotes.
    case word
    /// Text that was in quotes. The quotes are removed.
    case quoted
    case number(Double)
    case comparison(Condition.Comparison)
    case open, close
  }

  var kind: Kind
  var text: String
  /// Place of the token's first character in the condition, from 1.
  var position: Int

  /// The token in quotes for a message: `'text'`.
  var quoted: String { "'\(PrintableText.escaped(text))'" }

  /// Whether the token is this keyword, in any letter case.
  func isKeyword(_ keyword: String) -> Bool { kind == .word && text.lowercased() == keyword }
}
