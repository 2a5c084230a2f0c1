/// Escapes text before a terminal shows it. A file name may hold escape sequences that a terminal must not obey, or
/// line breaks that would break a table.
package enum PrintableText {
  package static func escaped(_ text: String) -> String {
    if isPlain(text) { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar.properties.generalCategory {
      // The zero-width joiner is part of many emoji and harmless, unlike the marks that change the direction of text.
      case .format where scalar == "\u{200D}": result.unicodeScalars.append(scalar)
      case .control, .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  /// Whether the text is printable ASCII and needs no escaping, as nearly every name.
  static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20..<0x7f).contains($0) } }
}
