/// What a C library says of a failure, as a part of norma's sentence.
enum LibraryMessage {
  /// One line without the full stop at its end, since more follows.
  static func line(_ text: String) -> String {
    var line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    while line.hasSuffix(".") { line.removeLast() }
    return line
  }
}
