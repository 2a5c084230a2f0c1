/// Text that a terminal can show: a file name may hold escape sequences, which a terminal must not obey, nor may a table
/// lose its lines.
package enum PrintableText {
  package static func escaped(_ text: String) -> String {
    if isPlain(text) { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar.properties.generalCategory {
      // The joiner holds many emoji together and is harmless, unlike the marks that turn the direction of text.
      case .format where scalar == "\u{200D}": result.unicodeScalars.append(scalar)
      case .control, .format, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  /// Printable ASCII, which nearly every name is, needs no second look.
  static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20..<0x7f).contains($0) } }
}
