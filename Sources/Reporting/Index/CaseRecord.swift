import Anomaly

/// A case as the index holds it, with its scans in the order of the study and their regions by rank.
package struct CaseRecord: Sendable {
  package var row: CaseRow
  package var scans: [(row: ScanRow, regions: [Region])]
  /// What a reviewer said of it.
  package var review: Review?
}
