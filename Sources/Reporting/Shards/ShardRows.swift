import Files
import Foundation
import GRDB
import Imaging

/// Copies rows from the indexes of shards into the index of the whole study.
extension CaseIndex {
  /// Opens a new index that no other program reads before it is complete.
  init(mergingTo path: String) throws(NormaError) {
    self.path = path
    do {
      var configuration = Configuration()
      // After a crash the file is thrown away, so it needs no journal and no syncing before the end.
      configuration.prepareDatabase { database in
        try database.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
      }
      queue = try DatabaseQueue(path: Self.address(path, .networkWithoutLocks), configuration: configuration)
      try IndexSchema.migrator.migrate(queue)
    } catch { throw .index(path, error) }
  }

  /// Copies the finished cases of all shards.
  ///
  /// - Throws: `NormaError` that names the shard that cannot be read or holds invalid data.
  func take(
    _ parts: [ShardPart], run: Int64, sharing: Sharing, progress: (Int) throws -> Void
  ) throws {
    try place(parts, sharing: sharing)
    for (number, part) in parts.enumerated() {
      try progress(number)
      try attached(part, sharing) { try Self.copy(part, run: run, in: $0) }
    }
    try write { database in
      try database.execute(sql: "DROP TABLE temp.places")
      // A shard written by an older version of norma says of cases that were not examined that they are not flagged.
      try database.execute(sql: "UPDATE cases SET flagged = NULL, region_count = NULL WHERE score IS NULL")
      let sealed = try String.fetchAll(
        database, sql: "SELECT name FROM cases WHERE name NOT IN (SELECT name FROM seals WHERE kind = 'case')")
      for name in sealed { try Self.seal(caseNamed: name, in: database) }
    }
  }

  /// Numbers every case and its first scan by the case's name, as in one run over the whole study.
  private func place(_ parts: [ShardPart], sharing: Sharing) throws {
    try write { database in
      try database.execute(
        sql:
          "CREATE TABLE temp.found (name TEXT NOT NULL, shard INTEGER NOT NULL, id INTEGER NOT NULL, scans INTEGER NOT NULL)"
      )
    }
    for part in parts {
      try attached(part, sharing) { database in
        try database.execute(
          sql: """
            INSERT INTO temp.found
              SELECT name, ?, id, (SELECT count(*) FROM shard.scans WHERE case_id = cases.id) FROM shard.cases
              WHERE scoring <> ?
            """, arguments: [part.shard.number, Self.unfinished])
      }
    }
    try write { database in
      try database.execute(
        sql: """
          CREATE TABLE temp.places (
            shard INTEGER NOT NULL, id INTEGER NOT NULL, new_id INTEGER NOT NULL, first_scan INTEGER NOT NULL,
            PRIMARY KEY (shard, id)) WITHOUT ROWID;
          INSERT INTO temp.places
            SELECT shard, id, row_number() OVER by_name, 1 + sum(scans) OVER by_name - scans FROM temp.found
            WINDOW by_name AS (ORDER BY name ROWS UNBOUNDED PRECEDING);
          DROP TABLE temp.found;
          """)
    }
  }

  private func attached(_ part: ShardPart, _ sharing: Sharing, _ body: (Database) throws -> Void) throws {
    do {
      try queue.writeWithoutTransaction { database in
        try database.execute(sql: "ATTACH DATABASE ? AS shard", arguments: [Self.address(part.index, sharing)])
        defer { try? database.execute(sql: "DETACH DATABASE shard") }
        try database.inTransaction {
          try body(database)
          return .commit
        }
      }
    } catch { throw NormaError.index(part.index, error) }
  }

  private static func copy(_ part: ShardPart, run: Int64, in database: Database) throws {
    // A shard written by an older version of norma lacks the newest columns.
    func columns(_ table: String, but others: Set<String>) throws -> [String] {
      let known = Set(try database.columns(in: table, in: "shard").map(\.name))
      return try database.columns(in: table, in: "main").map(\.name).filter {
        known.contains($0) && !others.contains($0)
      }
    }
    func list(_ columns: [String], of table: String) -> String {
      columns.map { "\(table).\($0)" }.joined(separator: ", ")
    }
    let cases = try columns("cases", but: ["id", "run_id"])
    try database.execute(
      sql: """
        INSERT INTO main.cases (id, run_id, \(cases.joined(separator: ", ")))
          SELECT places.new_id, ?, \(list(cases, of: "cases")) FROM shard.cases AS cases
          JOIN temp.places AS places ON places.shard = ? AND places.id = cases.id
          ORDER BY places.new_id
        """, arguments: [run, part.shard.number])
    let scans = try columns("scans", but: ["id", "case_id"])
    try database.execute(
      sql: """
        CREATE TABLE temp.scan_places (id INTEGER PRIMARY KEY, new_id INTEGER NOT NULL, case_id INTEGER NOT NULL);
        """)
    try database.execute(
      sql: """
        INSERT INTO temp.scan_places
          SELECT scans.id, places.first_scan + row_number() OVER (PARTITION BY scans.case_id ORDER BY scans.id) - 1,
            places.new_id
          FROM shard.scans AS scans JOIN temp.places AS places ON places.shard = ? AND places.id = scans.case_id
        """, arguments: [part.shard.number])
    try database.execute(
      sql: """
        INSERT INTO main.scans (id, case_id, \(scans.joined(separator: ", ")))
          SELECT places.new_id, places.case_id, \(list(scans, of: "scans")) FROM shard.scans AS scans
          JOIN temp.scan_places AS places ON places.id = scans.id ORDER BY places.new_id
        """)
    for table in ["regions", "scan_metadata"] {
      let others = try columns(table, but: ["scan_id"])
      try database.execute(
        sql: """
          INSERT INTO main.\(table) (scan_id, \(others.joined(separator: ", ")))
            SELECT places.new_id, \(list(others, of: table)) FROM shard.\(table) AS \(table)
            JOIN temp.scan_places AS places ON places.id = \(table).scan_id
          """)
    }
    try database.execute(sql: "DROP TABLE temp.scan_places")
    // The rows have other numbers here, and so another digest. What could not be checked there cannot be here.
    let hasSeals = try database.tableExists("seals", in: "shard")
    try database.execute(
      sql: """
        INSERT INTO main.seals SELECT 'case', name, '' FROM shard.cases
          WHERE name IN (SELECT name FROM main.cases)
        """ + (hasSeals ? " AND name IN (SELECT name FROM shard.seals WHERE kind = 'case' AND sha256 = '')" : ""))
  }

  /// Copies the data that belong to the whole report and survive every merge: its identity and its reviews.
  func takeIdentityAndReviews(from path: String, sharing: Sharing) throws(NormaError) {
    let (identity, reviews) = try CaseIndex(updating: path, sharing: sharing).read { database in
      (
        try String.fetchOne(database, sql: "SELECT id FROM report"),
        try Row.fetchAll(database, sql: "SELECT * FROM reviews")
      )
    }
    try write { database in
      try database.execute(sql: "UPDATE report SET id = coalesce(?, id)", arguments: [identity])
      for review in reviews {
        let names = review.columnNames.joined(separator: ", ")
        let marks = Array(repeating: "?", count: review.count).joined(separator: ", ")
        try database.execute(
          sql: "INSERT INTO reviews (\(names)) VALUES (\(marks))",
          arguments: StatementArguments(review.databaseValues))
      }
    }
  }

  /// Replaces a report's index by this one.
  func becomeIndex(of folder: ReportFolder, sharing: Sharing) throws(NormaError) {
    do {
      if FileManager.default.fileExists(atPath: folder.index) {
        let old = try CaseIndex(updating: folder.index, sharing: sharing)
        old.becomePlainFile()
        try old.queue.close()
        // SQLite would mistake the old index's log for the new index's log.
        guard !FileManager.default.fileExists(atPath: folder.index + "-wal") else {
          throw NormaError(
            .system, subject: folder.index, found: "another program has the index open",
            remedy: "Close it and run norma merge again")
        }
      }
      try queue.close()
      try AtomicFile.syncAll(in: folder.path)
      guard rename(path, folder.index) == 0 else {
        throw NormaError.writing(folder.index, POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO))
      }
    } catch { throw .index(folder.index, error) }
  }
}
