/// What ImageJ notes in the description of a stack: lines of `key=value`, the first of them `ImageJ=version`.
struct ImageJDescription {
  private let values: [Substring: Substring]

  init?(_ text: String) {
    guard text.hasPrefix("ImageJ=") else { return nil }
    var values: [Substring: Substring] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let sign = line.firstIndex(of: "=") else { continue }
      values[line[..<sign]] = line[line.index(after: sign)...]
    }
    self.values = values
  }

  private func count(_ key: Substring) -> Int { values[key].flatMap { Int($0) }.map { max($0, 1) } ?? 1 }

  /// Planes of the stack; a page each, or one after the other behind a single page.
  var images: Int { count("images") }
  /// Channels vary fastest from plane to plane, then slices, then frames.
  var channels: Int { count("channels") }

  /// Unit of the length in which the resolution tags count pixels; `nil` where it measures no length.
  var unit: LengthUnit? { values["unit"].flatMap { LengthUnit(String($0)) } }
}
