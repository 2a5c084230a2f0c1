import Anomaly

/// A case in the index, with its scans in the order of the study and their regions by rank.
package struct CaseRecord: Sendable {
  package var row: CaseRow
  package var scans: [(row: ScanRow, regions: [Region])]
  /// Text metadata of the scan files, by the scan's row id and then by tag name. Empty unless metadata was kept.
  package var metadata: [Int64: [String: String]] = [:]
  /// A reviewer's verdict on the case.
  package var review: Review?
}
