import Files
import GRDB
import Imaging

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
    id = try row.decode(atIndex: 0)
    runID = try row.decode(atIndex: 1)
    name = try row.decode(atIndex: 2)
    status = Status(rawValue: try row.decode(atIndex: 3)) ?? .failed
    score = try row.decode(atIndex: 4)
    pValue = try row.decode(atIndex: 5)
    flagged = try row.decode(atIndex: 6)
    scanCount = try row.decode(atIndex: 7)
    failedScanCount = try row.decode(atIndex: 8)
    regionCount = try row.decode(atIndex: 9)
    reportPath = try row.decode(atIndex: 10)
    domainShiftP = try row.decode(atIndex: 11)
    domainShift = try row.decode(atIndex: 12)
    try IndexFault.check(
      ReportFolder.holds(reportPath) && FilePath.name(of: reportPath) == ReportFolder.studyPage,
      "case \(id) has a page that lies elsewhere than in the report's cases")
    try IndexFault.check(
      [scanCount, failedScanCount, regionCount].allSatisfy(IndexFault.counts.contains), "case \(id) has wrong counts")
  }
}

/// The word the index uses for how something ended.
package enum Status: String, Sendable, Codable {
  /// `stopped` is said of runs alone, that the user or a cluster ended before they were through.
  case running, done, failed, stopped
}
