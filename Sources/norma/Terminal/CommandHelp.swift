/// The text below the summary of a command's help.
enum CommandHelp {
  /// - Parameters:
  ///   - text: paragraphs, with an empty line between two. Indented lines stay as they are; the others are joined, so that
  ///     they are wrapped once, at the terminal's width.
  ///   - example: a command line; `nil` where the text shows some.
  static func text(_ text: String = "", example: String? = nil) -> String {
    let paragraphs = text.split(separator: "\n\n", omittingEmptySubsequences: true).map { paragraph -> String in
      let lines = paragraph.split(separator: "\n")
      return lines.contains { $0.hasPrefix(" ") }
        ? lines.joined(separator: "\n") : lines.joined(separator: " ")
    }
    return (paragraphs + [example.map { "EXAMPLE: " + $0 }].compactMap { $0 }).joined(separator: "\n\n")
  }
}
