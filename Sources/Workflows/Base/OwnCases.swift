import Anomaly
import Files
import Reporting

/// Finds the cases of a report that say nothing new: the model learned from them or was calibrated on them, or they are
/// copies of others.
struct OwnCases {
  /// SHA-256 of the files of each examined case.
  private let digests: [String: [String]]

  /// Fewer shared names may be chance.
  private static let fewestNames = 3

  init(in index: CaseIndex) throws(NormaError) { digests = try index.fileDigests() }

  /// Sentences on such cases.
  ///
  /// - Parameter record: of the model; `nil` where it cannot be read any more.
  func notes(of record: Model.Record?) -> [String] {
    [record.flatMap(noteOnKnown), noteOnCopies].compactMap { $0 }
  }

  /// A note on the cases that the model knows, by the contents of their files; where the model is of an older norma, by
  /// their names.
  private func noteOnKnown(to record: Model.Record) -> String? {
    let meaning = "their scores and p-values say nothing about new cases"
    if let known = record.known {
      let own = digests.keys.filter { known.holds(digests[$0]!) }.sorted()
      guard !own.isEmpty else { return nil }
      let all = digests.count == 1 ? "the only case" : "all \(Count.of(digests.count, "case"))"
      let some = own.count < digests.count ? "\(own.count) of the \(Count.of(digests.count, "case"))" : all
      return
        "The model knows \(some): it learned from their files or was "
        + "calibrated on them, so that \(meaning): \(NameList.text(own))."
    }
    let shared = record.heldOutCases.filter { digests[$0] != nil }
    guard shared.count >= Self.fewestNames, 2 * shared.count >= record.heldOutCases.count else { return nil }
    return
      "\(shared.count) of the \(Count.of(record.heldOutCases.count, "case")) on which the model was calibrated have the "
      + "names of cases of this study. If they are the same, \(meaning)."
  }

  /// A note on cases that hold the same files.
  private var noteOnCopies: String? {
    let groups = Dictionary(grouping: digests.keys) { digests[$0]!.sorted() }.values.filter { $0.count > 1 }
    guard let first = groups.map({ $0.sorted() }).min(by: { $0[0] < $1[0] }) else { return nil }
    let extra = groups.reduce(0) { $0 + $1.count - 1 }
    return
      "\(Count.of(extra, "case holds", "cases hold")) the same files as another case, and \(extra == 1 ? "counts" : "count") "
      + "in every rate and figure all the same: \(NameList.text(first)) are one."
  }
}
