import Files

/// Counts the scans in which values were taken as padding, see `Image.markPadding`.
package struct PaddingCount: Sendable {
  private var scans = 0
  private var values: Set<Float> = []

  package init() {}

  /// - Parameter padding: the values of one scan; empty where it has none.
  package mutating func add(_ padding: [Float]) {
    if !padding.isEmpty { scans += 1 }
    values.formUnion(padding)
  }

  /// A sentence for the user; `nil` where no scan has padding.
  package var note: String? {
    guard !values.isEmpty else { return nil }
    let some = values.sorted().prefix(Self.mostShown).map { String(format: "%g", $0) }.joined(separator: ", ")
    return
      "In \(Count.of(scans, "scan")) a value stands apart from all others (\(some)"
      + (values.count > Self.mostShown ? ", ..." : "") + "); its pixels count as no data."
  }

  private static let mostShown = 5
}
