import Files

/// Names of cases in a message.
package enum NameList {
  /// Most names that a message lists; a lost shard, or a file of another study, would name thousands.
  private static let most = 20

  /// `a, b, c and 4 more`, with no character that a terminal would obey.
  package static func text(_ names: [String]) -> String {
    names.prefix(most).map(PrintableText.escaped).joined(separator: ", ")
      + (names.count > most ? " and \(names.count - most) more" : "")
  }

  /// A sentence on the cases of a report that left the study; `nil` without any.
  package static func absent(_ names: [String], areRemoved: Bool = false) -> String? {
    guard !names.isEmpty else { return nil }
    let verb = names.count == 1 ? "is" : "are"
    return "\(Count.of(names.count, "case")) that left the study \(verb) "
      + "\(areRemoved ? "removed" : "kept, and counted nowhere"): \(text(names))."
  }
}
