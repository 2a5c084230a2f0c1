import Anomaly
import Files
import GRDB
import Numerics
import Threads

extension CaseIndex {
  /// Computes the q-values of the regions of all scans in the index, and calls `beforeCommit` for each case whose
  /// q-values have changed.
  ///
  /// The q-values are computed over all cases of the report: a reader goes through the whole report, so cases with
  /// false regions should be few in the whole report. A case is one family, since its scans are alike and the p-values
  /// are adjusted for all of them. They are computed at the end of a run from the p-values in the index, which also
  /// holds cases reused from earlier runs, so the number of runs makes no difference. Every scored case of the study
  /// counts, with or without regions; cases that left the study keep the q-values they had.
  ///
  /// - Parameter beforeCommit: writes the pages that show the q-values of a case. If it throws, no q-value changes. It
  ///   is called on all threads.
  func adjustRegions(beforeCommit: @Sendable (CaseRecord) throws -> Void) throws(NormaError) {
    do {
      try queue.write { database in
        let changed = try Self.adjust(in: database)
        for first in stride(from: 0, to: changed.count, by: Self.recordsAtOnce) {
          let records = try changed[first..<min(first + Self.recordsAtOnce, changed.count)].map {
            try Self.record(of: $0, in: database)
          }
          _ = try Parallel.map(records.count) { try beforeCommit(records[$0]) }
        }
      }
    } catch { throw .index(path, error) }
  }

  private static let recordsAtOnce = 16

  private struct Entry {
    var scan: Int64
    var rank: Int
    var caseID: Int64
    var p: Double?
    var q: Double?
  }

  /// Computes and stores all q-values.
  ///
  /// - Returns: the ids of the cases whose q-values changed, in ascending order.
  private static func adjust(in database: Database) throws -> [Int64] {
    let cases =
      try Int.fetchOne(database, sql: "SELECT count(*) FROM cases WHERE status = 'done' AND in_study = 1") ?? 0
    let entries = try Row.fetchAll(
      database,
      sql: """
        SELECT regions.scan_id, regions.rank, scans.case_id, regions.p_value, regions.q_value
        FROM regions JOIN scans ON scans.id = regions.scan_id JOIN cases ON cases.id = scans.case_id
        WHERE cases.in_study = 1 ORDER BY scans.case_id, regions.scan_id, regions.rank
        """
    ).map { row in
      Entry(
        scan: try row.decode(atIndex: 0), rank: try row.decode(atIndex: 1), caseID: try row.decode(atIndex: 2),
        p: try row.decode(atIndex: 3), q: try row.decode(atIndex: 4))
    }
    var families: [[Entry]] = []
    for entry in entries {
      if families.last?.first?.caseID == entry.caseID {
        families[families.count - 1].append(entry)
      } else {
        families.append([entry])
      }
    }
    let empty = [[Double]](repeating: [], count: max(0, cases - families.count))
    let q = MultipleTesting.qValues(ofFamilies: families.map { $0.map { $0.p ?? 1 } } + empty)
    let statement = try database.cachedStatement(
      sql: "UPDATE regions SET q_value = ? WHERE scan_id = ? AND rank = ?")
    var changed: Set<Int64> = []
    for (family, values) in zip(families, q) {
      for (entry, value) in zip(family, values) {
        let new = entry.p == nil ? nil : value
        guard new != entry.q else { continue }
        try statement.execute(arguments: [new, entry.scan, entry.rank])
        changed.insert(entry.caseID)
      }
    }
    try reseal(cases: changed, in: database)
    return changed.sorted()
  }

  /// The number of scored scans whose pixel size is unknown.
  package func scansWithoutPixelSize() throws(NormaError) -> Int {
    try read { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM scans JOIN cases ON cases.id = case_id
          WHERE scans.status = 'done' AND micrometers_per_pixel IS NULL AND in_study = 1
          """) ?? 0
    }
  }
}
