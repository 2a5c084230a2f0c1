/// Turns a C library's error message into a part of norma's sentence.
enum LibraryMessage {
  /// The message on one line without the full stop at its end, since more text follows.
  static func line(_ text: String) -> String {
    var line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    while line.hasSuffix(".") { line.removeLast() }
    return line
  }
}
