import GRDB

/// A case as the index holds it.
package struct CaseRow: Sendable, Equatable, FetchableRecord {
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
  /// Share of held-out healthy cases that look as strange; `nil` where that was not tested.
  package var domainShiftP: Double?
  /// Why the score may mean nothing; `nil` where the case looks like the training cases.
  package var domainShift: String?

  /// The columns in the order `init(row:)` reads them.
  static let columns = """
    id, run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count, report_path,
    domain_shift_p, domain_shift
    """

  // By position: decoding by name takes three times as long, and ten thousand cases must answer at once.
  package init(row: Row) throws {
    id = row[0]
    runID = row[1]
    name = row[2]
    status = Status(rawValue: row[3]) ?? .failed
    score = row[4]
    pValue = row[5]
    flagged = row[6]
    scanCount = row[7]
    failedScanCount = row[8]
    regionCount = row[9]
    reportPath = row[10]
    domainShiftP = row[11]
    domainShift = row[12]
  }
}

/// The word the index uses for how something ended.
package enum Status: String, Sendable, Codable {
  case running, done, failed
}
