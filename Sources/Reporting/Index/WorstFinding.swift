import Anomaly
import Files
import GRDB

/// The scan with the highest score in a case, and the region with the highest peak in the whole case.
struct WorstFinding: Sendable {
  var scan: String
  var region: Region?
}

/// How many scans and cases of the study a report holds, and how many of them are flagged or failed.
package struct StudyCounts: Sendable, Equatable {
  package var cases: Int
  package var flaggedCases: Int
  package var scans: Int
  /// Scans in flagged cases whose own p-value is at most the false-positive rate.
  package var flaggedScans: Int
  package var failedScans: Int
}

extension CaseIndex {
  package func counts(falsePositiveRate: Double) throws(NormaError) -> StudyCounts {
    try read { database in
      func count(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT count(*) FROM " + sql, arguments: arguments) ?? 0
      }
      let scans = "scans JOIN cases ON cases.id = scans.case_id WHERE cases.in_study = 1"
      return StudyCounts(
        cases: try count("cases WHERE in_study = 1"),
        flaggedCases: try count("cases WHERE flagged = 1 AND in_study = 1"), scans: try count(scans),
        flaggedScans: try count("\(scans) AND cases.flagged = 1 AND scans.p_value <= ?", [falsePositiveRate]),
        failedScans: try count("\(scans) AND scans.status = 'failed'"))
    }
  }

  /// The worst findings of the scored cases with the highest scores, by the case's `id`.
  func worstFindings(ofWorst count: Int) throws(NormaError) -> [Int64: WorstFinding] {
    try read { database in
      var worst: [Int64: WorstFinding] = [:]
      let scans = try Row.fetchCursor(
        database,
        sql: """
          SELECT case_id, name FROM scans WHERE status = 'done' AND case_id IN (\(Self.worstCases))
          ORDER BY case_id, score DESC, id
          """, arguments: [count])
      while let row = try scans.next() {
        let id: Int64 = try row.decode(forColumn: "case_id")
        if worst[id] == nil { worst[id] = WorstFinding(scan: try row.decode(forColumn: "name")) }
      }
      let regions = try Row.fetchCursor(
        database,
        sql: """
          SELECT scans.case_id, regions.* FROM scans JOIN regions ON regions.scan_id = scans.id
          WHERE scans.case_id IN (\(Self.worstCases))
          """, arguments: [count])
      while let row = try regions.next() {
        let id: Int64 = try row.decode(forColumn: "case_id")
        let region = try Self.region(row)
        if region.peak > worst[id]?.region?.peak ?? -.infinity { worst[id]?.region = region }
      }
      return worst
    }
  }

  private static let worstCases = "SELECT id FROM cases WHERE in_study = 1 ORDER BY score DESC, name LIMIT ?"
}
