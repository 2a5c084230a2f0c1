import Anomaly

/// A case as the index holds it, with its scans in the order of the study and their regions by rank.
package struct CaseRecord: Sendable {
  package var row: CaseRow
  package var scans: [(row: ScanRow, regions: [Region])]
  /// What the files of scans say in words, by the scan's row and the tag's name; empty unless it was kept.
  package var metadata: [Int64: [String: String]] = [:]
  /// What a reviewer said of it.
  package var review: Review?
}
