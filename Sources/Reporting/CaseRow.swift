import GRDB

/// A case as the index holds it.
package struct CaseRow: Sendable, Equatable, Codable, FetchableRecord {
  package var id: Int64
  package var runID: Int64
  package var name: String
  /// `failed` where no scan of the case could be scored.
  package var status: Status
  package var score: Double?
  package var pValue: Double?
  package var flagged: Bool
  package var scanCount: Int
  package var failedScanCount: Int
  package var regionCount: Int
  /// Relative to the report folder.
  package var reportPath: String

  enum CodingKeys: String, CodingKey {
    case id, name, status, score, flagged
    case runID = "run_id"
    case pValue = "p_value"
    case scanCount = "scan_count"
    case failedScanCount = "failed_scan_count"
    case regionCount = "region_count"
    case reportPath = "report_path"
  }
}

/// The word the index uses for how something ended.
package enum Status: String, Sendable, Codable {
  case running, done, failed
}
