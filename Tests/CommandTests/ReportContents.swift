import Files
import Foundation
import GRDB
import Imaging

/// What a report says of its scans: all that has to be the same however often its making was stopped.
struct ReportContents: Equatable {
  /// Rows of the tables by name, without their numbers and those of the run.
  var rows: [String: [[String]]] = [:]
  /// What lies in the folders of the cases, pages aside, which name the run.
  var files: [String: Data] = [:]
  /// Files that a run should have removed.
  var unfinished: [String] = []

  private static let queries = [
    "cases": "SELECT cases.* FROM cases ORDER BY name",
    "scans": """
    SELECT cases.name AS case_name, scans.* FROM scans JOIN cases ON cases.id = case_id
    ORDER BY cases.name, scans.name
    """,
    "regions": """
    SELECT cases.name AS case_name, scans.name AS scan_name, regions.* FROM regions JOIN scans ON scans.id = scan_id
    JOIN cases ON cases.id = case_id ORDER BY cases.name, scans.name, rank
    """,
  ]

  init(of report: String) throws {
    let queue = try DatabaseQueue(path: report + "/cases.sqlite")
    rows = try queue.read { database in
      try Self.queries.mapValues { sql in
        try Row.fetchAll(database, sql: sql).map { row in
          zip(row.columnNames, row.databaseValues).filter { !["id", "run_id", "case_id", "scan_id"].contains($0.0) }
            .map { "\($0.0) \($0.1)" }
        }
      }
    }
    try queue.close()
    for case let name as String in FileManager.default.enumerator(atPath: report) ?? .init() {
      let file = FilePath.name(of: name)
      if AtomicFile.isUnfinished(file) || file == ".norma.lock" { unfinished.append(name) }
      guard name.hasPrefix("cases/"), file != "index.html" else { continue }
      files[name] = FileManager.default.contents(atPath: report + "/" + name)
    }
  }

  /// What is wrong with the index, by SQLite's own checks; `ok` where nothing is.
  static func integrity(of report: String) throws -> [String] {
    try DatabaseQueue(path: report + "/cases.sqlite").read { database in
      try String.fetchAll(database, sql: "PRAGMA integrity_check")
        + Row.fetchAll(database, sql: "PRAGMA foreign_key_check").map { "\($0)" }
    }
  }

  static func statuses(of report: String) throws -> [String] {
    try DatabaseQueue(path: report + "/cases.sqlite").read {
      try String.fetchAll($0, sql: "SELECT status FROM runs ORDER BY id")
    }
  }

  /// How many cases a run is replacing, or was when it was killed.
  static func unfinishedCases(of report: String) throws -> Int {
    try DatabaseQueue(path: report + "/cases.sqlite").read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM cases WHERE scoring = 'unfinished'") ?? 0
    }
  }

  static func cases(of report: String) throws -> Int {
    try DatabaseQueue(path: report + "/cases.sqlite").read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM cases") ?? 0
    }
  }
}
