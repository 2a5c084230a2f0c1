import Files
import GRDB
import Imaging

/// A row of the index's table of cases.
package struct CaseRow: Sendable, Equatable, FetchableRecord {
  package var id: Int64
  package var runID: Int64
  package var name: String
  /// `done` if a scan of the case was scored. Otherwise the case was not examined: `failed` if a scan failed, `empty`
  /// if there is nothing to score in any scan.
  package var status: Status
  /// `worstPlaceScore` and `wholeScore` together.
  package var score: Double?
  /// How abnormal the most abnormal place is.
  package var worstPlaceScore: Double?
  /// How unusual the scans are as a whole; `nil` where the model cannot say.
  package var wholeScore: Double?
  package var pValue: Double?
  /// `false`, and no verdict, if the case was not examined.
  package var flagged: Bool
  package var scanCount: Int
  package var failedScanCount: Int
  /// Scans in which there is nothing to score.
  package var emptyScanCount: Int
  /// 0, and no finding, if the case was not examined.
  package var regionCount: Int
  /// Path of the case's page, relative to the report folder.
  package var reportPath: String
  /// Share of held-out healthy cases that look as strange as this case; `nil` if that was not tested.
  package var domainShiftP: Double?
  /// Why the score may mean nothing; `nil` if the case looks like the training cases.
  package var domainShift: String?
  /// Whether the case is in the study, as the last run found it. The results of a case that left it are kept, and count
  /// in no number.
  package var isInStudy: Bool

  /// The columns, in the order in which `init(row:)` reads them.
  static let columns = """
    id, run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count, report_path,
    domain_shift_p, domain_shift, in_study, empty_scan_count, worst_place_score, whole_score
    """

  /// The columns that may hold numbers other than counts, with their places.
  private static let numbers: [(name: String, index: Int)] = {
    let names = columns.split { $0 == "," || $0.isWhitespace }.map(String.init)
    return ["score", "p_value", "domain_shift_p", "worst_place_score", "whole_score"]
      .map { ($0, names.firstIndex(of: $0)!) }
  }()

  // Decodes by position: decoding by name takes three times as long, and listing ten thousand cases must feel instant.
  package init(row: Row) throws {
    id = try row.decode(atIndex: 0)
    runID = try row.decode(atIndex: 1)
    name = try row.decode(atIndex: 2)
    status = Status(rawValue: try row.decode(atIndex: 3)) ?? .failed
    score = try row.decode(atIndex: 4)
    pValue = try row.decode(atIndex: 5)
    flagged = try row.decode(Bool?.self, atIndex: 6) ?? false
    scanCount = try row.decode(atIndex: 7)
    failedScanCount = try row.decode(atIndex: 8)
    regionCount = try row.decode(Int?.self, atIndex: 9) ?? 0
    reportPath = try row.decode(atIndex: 10)
    domainShiftP = try row.decode(atIndex: 11)
    domainShift = try row.decode(atIndex: 12)
    isInStudy = try row.decode(atIndex: 13)
    emptyScanCount = try row.decode(atIndex: 14)
    worstPlaceScore = try row.decode(atIndex: 15)
    wholeScore = try row.decode(atIndex: 16)
    try IndexFault.check(
      ReportFolder.holds(reportPath) && FilePath.name(of: reportPath) == ReportFolder.studyPage,
      "case \(id) has a page that lies elsewhere than in the report's cases")
    try IndexFault.check(
      [scanCount, failedScanCount, emptyScanCount, regionCount].allSatisfy(IndexFault.counts.contains),
      "case \(id) has wrong counts")
    // A text would be read as 0.
    for (name, index) in Self.numbers {
      if case .string = (row[index] as DatabaseValue).storage {
        throw IndexFault(detail: "case \(id) has a text as its \(name)")
      }
    }
    try IndexFault.check(shares: [pValue, domainShiftP], of: "case \(id)")
    try IndexFault.check(finite: [score, worstPlaceScore, wholeScore], of: "case \(id)", named: "score")
  }
}

/// The word in the index for the state of a run, case or scan.
package enum Status: String, Sendable, Codable {
  /// Only runs can be `running` or `stopped`: the user or a cluster ended them before they were complete. Only cases
  /// and scans can be `empty`: there is nothing to score in them.
  case running, done, failed, stopped, empty
}
