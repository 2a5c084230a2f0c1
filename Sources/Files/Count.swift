/// Counts with their nouns, for sentences.
package enum Count {
  /// A count with its noun: `1 scan`, `2 scans`.
  ///
  /// - Parameter plural: the words for any count but 1, if adding an `s` does not make them: `2 patches show`.
  package static func of(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(count) \(count == 1 ? singular : plural ?? singular + "s")"
  }
}
