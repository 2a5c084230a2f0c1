import Anomaly
import Files
import GRDB

/// The scan with the highest score in a case, and the region with the highest peak in the whole case.
struct WorstFinding: Sendable {
  var scan: String
  var region: Region?
}

/// How many scans and cases of the study a report holds, how many of them were examined, and how many of these are
/// flagged.
package struct StudyCounts: Sendable, Equatable {
  package var cases: Int
  /// Cases of which at least one scan was scored.
  package var examinedCases: Int
  package var flaggedCases: Int
  package var scans: Int
  /// Scans that `VerdictRule` flags.
  package var flaggedScans: Int
  package var failedScans: Int
  /// Scans in which there is nothing to score.
  package var emptyScans: Int

  package init(
    cases: Int, examinedCases: Int, flaggedCases: Int, scans: Int, flaggedScans: Int, failedScans: Int, emptyScans: Int
  ) {
    self.cases = cases
    self.examinedCases = examinedCases
    self.flaggedCases = flaggedCases
    self.scans = scans
    self.flaggedScans = flaggedScans
    self.failedScans = failedScans
    self.emptyScans = emptyScans
  }

  /// Whether every case was examined, and no scan failed.
  package var isComplete: Bool { failedScans == 0 && unexaminedCases == 0 }
  package var unexaminedCases: Int { cases - examinedCases }
  var examinedScans: Int { scans - failedScans - emptyScans }
}

extension CaseIndex {
  package func counts(falsePositiveRate: Double) throws(NormaError) -> StudyCounts {
    try read { database in
      let cases = "cases WHERE in_study = 1"
      let scans = "scans JOIN cases ON cases.id = scans.case_id WHERE cases.in_study = 1"
      func count(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: "SELECT count(*) FROM " + sql) ?? 0 }
      return StudyCounts(
        cases: try count(cases), examinedCases: try count("\(cases) AND status = 'done'"),
        flaggedCases: try count("\(cases) AND flagged = 1"), scans: try count(scans),
        flaggedScans: try Self.flaggedScans(in: database, by: VerdictRule(rate: falsePositiveRate)),
        failedScans: try count("\(scans) AND scans.status = 'failed'"),
        emptyScans: try count("\(scans) AND scans.status = 'empty'"))
    }
  }

  private static func flaggedScans(in database: Database, by rule: VerdictRule) throws -> Int {
    let scans = try Row.fetchCursor(
      database,
      sql: """
        SELECT scans.p_value, scans.score = max(scans.score) OVER (PARTITION BY case_id)
        FROM scans JOIN cases ON cases.id = scans.case_id
        WHERE cases.flagged = 1 AND cases.in_study = 1 AND scans.status = 'done'
        """)
    var count = 0
    while let scan = try scans.next() {
      let pValue = try scan.decode(Double?.self, atIndex: 0) ?? 1
      let isHighest = try scan.decode(Bool?.self, atIndex: 1) ?? false
      if rule.flagsScan(pValue: pValue, isHighest: isHighest, caseIsFlagged: true) { count += 1 }
    }
    return count
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
