import Anomaly
import Files
import Reporting

/// Finds the cases of a report that the model knows already: it learned from them or was calibrated on them.
enum OwnCases {
  /// Fewer shared names may be chance.
  private static let fewestNames = 3

  /// A note on such cases, by the contents of their files; where the model is of an older norma, by their names.
  ///
  /// - Returns: `nil` without any.
  static func note(in index: CaseIndex, of record: Model.Record) throws(NormaError) -> String? {
    let meaning = "their scores and p-values say nothing about new cases"
    let digests = try index.fileDigests()
    if let known = record.known {
      let own = digests.keys.filter { known.holds(digests[$0]!) }.sorted()
      guard !own.isEmpty else { return nil }
      return
        "The model knows \(own.count) of the \(Count.of(digests.count, "case")): it learned from their files or was "
        + "calibrated on them, so that \(meaning): \(NameList.text(own))."
    }
    let shared = record.heldOutCases.filter { digests[$0] != nil }
    guard shared.count >= fewestNames, 2 * shared.count >= record.heldOutCases.count else { return nil }
    return
      "\(shared.count) of the \(Count.of(record.heldOutCases.count, "case")) on which the model was calibrated have the "
      + "names of cases of this study. If they are the same, \(meaning)."
  }

  /// A note on cases that hold the same files; `nil` without any.
  static func noteOnCopies(in index: CaseIndex) throws(NormaError) -> String? {
    let digests = try index.fileDigests()
    let groups = Dictionary(grouping: digests.keys) { digests[$0]!.sorted() }.values.filter { $0.count > 1 }
    guard let first = groups.map({ $0.sorted() }).min(by: { $0[0] < $1[0] }) else { return nil }
    let extra = groups.reduce(0) { $0 + $1.count - 1 }
    return
      "\(Count.of(extra, "case holds", "cases hold")) the same files as another case, and \(extra == 1 ? "counts" : "count") "
      + "in every rate and figure all the same: \(NameList.text(first)) are one."
  }
}
