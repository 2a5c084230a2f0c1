import Files
import Foundation
import GRDB

/// Loads the index of a report into a PostgreSQL database that holds the indexes of many reports.
///
/// After a load, the database holds the same rows for the report as its index. Rows that are no longer in the index are
/// deleted, changed rows are updated, and the other rows are not touched.
package struct CentralIndex {
  /// Counts of the rows that were loaded.
  package struct Tally: Sendable, Equatable {
    package var cases = 0
    package var scans = 0
    package var regions = 0
  }

  /// Called from time to time with the number of rows sent so far and the number of all rows.
  package var progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }

  private let folder: ReportFolder
  private let index: CaseIndex

  private static let bytesAtOnce = 1 << 16

  /// - Throws: `NormaError` if the folder is not a report, or its index has no run.
  package init(of report: String) throws(NormaError) {
    folder = ReportFolder(report)
    index = try CaseIndex(readingFrom: folder.index)
    _ = try index.latestContext()
  }

  /// Loads the index into the database.
  ///
  /// - Throws: `NormaError` if the index cannot be read or the database cannot be loaded. The database is then
  ///   unchanged.
  package func load(with psql: PSQL) throws(NormaError) -> Tally {
    var tally = Tally()
    try psql.run { write throws(NormaError) in tally = try script(write) }
    return tally
  }

  /// Writes the script for psql piece by piece. The script shows the index at one moment.
  package func script(_ write: ([UInt8]) throws -> Void) throws(NormaError) -> Tally {
    try index.read { database in
      guard let text = try String.fetchOne(database, sql: "SELECT id FROM report"), let report = UUID(uuidString: text)
      else { throw DatabaseError(message: "the table report holds no identity") }
      let count = try CentralSchema.tables.reduce(0) {
        try $0 + (Int.fetchOne(database, sql: "SELECT count(*) FROM \($1.name)") ?? 0)
      }
      try write(Array(Self.opening(report).utf8))
      try copy(
        """
        SELECT report.id, json_extract(configuration, '$.title') AS title, study_path, ? AS path
        FROM report, runs ORDER BY runs.id DESC LIMIT 1
        """, [URL(fileURLWithPath: folder.path).standardizedFileURL.path], to: "reports", from: database, write)
      var done: [String: Int] = [:]
      for table in CentralSchema.tables {
        let before = done.values.reduce(0, +)
        done[table.name] = try copy("SELECT * FROM \(table.name)", to: table.name, from: database, write) {
          progress(before + $0, count)
        }
      }
      var columns: [String: [String]] = [:]
      for table in CentralSchema.tables { columns[table.name] = try database.columns(in: table.name).map(\.name) }
      try write(Array(Self.closing(report, columns).utf8))
      return Tally(cases: done["cases"]!, scans: done["scans"]!, regions: done["regions"]!)
    }
  }

  @discardableResult
  private func copy(
    _ sql: String, _ arguments: StatementArguments = [], to table: String, from database: Database,
    _ write: ([UInt8]) throws -> Void, progress: (Int) -> Void = { _ in }
  ) throws -> Int {
    let statement = try database.makeStatement(sql: sql)
    let columns = statement.columnNames.joined(separator: ", ")
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    try write(Array("COPY pg_temp.new_\(table) (\(columns)) FROM STDIN;\n".utf8))
    var text = CopyText()
    var count = 0
    while let row = try rows.next() {
      try text.append(row, of: (index.path, table))
      count += 1
      guard text.bytes.count >= Self.bytesAtOnce else { continue }
      try write(text.bytes)
      text.removeAll()
      progress(count)
    }
    try write(text.bytes + Array("\\.\n".utf8))
    return count
  }

  /// The script before the rows. It makes the schema and the tables only if they are missing: an administrator may have
  /// made them for a user who lacks the right to make them.
  ///
  /// The script begins and commits its own transaction. With `--single-transaction`, psql would commit at the end of
  /// its input, and would keep half a load if norma was killed.
  private static func opening(_ report: UUID) -> String {
    let tables = ["reports"] + CentralSchema.tables.map(\.name)
    let upgrades = CentralSchema.upgrades.enumerated().map { place, change in
      "IF (SELECT max(version) < \(place + 2) FROM schema_version) THEN \(change) END IF;"
    }.joined(separator: "\n")
    return """
      SET client_min_messages = error;
      BEGIN;
      SET LOCAL standard_conforming_strings = on;
      SET LOCAL lock_timeout = '60s';
      SELECT pg_advisory_xact_lock(hashtext('norma'));
      SELECT to_regnamespace('norma') IS NULL AS no_schema, to_regclass('norma.schema_version') IS NULL AS no_tables \\gset
      \\if :no_schema
      CREATE SCHEMA norma;
      \\endif
      SET LOCAL search_path = norma;
      \\if :no_tables
      \(CentralSchema.tablesAndViews)
      \\endif
      DO $$ BEGIN
        IF (SELECT max(version) > \(CentralSchema.version) FROM schema_version) THEN
          RAISE EXCEPTION 'the schema norma was made by a newer norma';
        END IF;
        \(upgrades)
      END $$;

      """
        + tables.map { "CREATE TEMPORARY TABLE new_\($0) (LIKE norma.\($0)) ON COMMIT DROP;\n" }.joined()
        + "ALTER TABLE pg_temp.new_reports ALTER loaded_at SET DEFAULT now();\n"
        + CentralSchema.tables.map { "ALTER TABLE pg_temp.new_\($0.name) ALTER report SET DEFAULT '\(report)';\n" }
        .joined()
  }

  /// The script after the rows.
  private static func closing(_ report: UUID, _ columns: [String: [String]]) -> String {
    let tables = CentralSchema.tables
    let analyses = tables.map { "ANALYZE pg_temp.new_\($0.name);\n" }
    // The server has no statistics about tables that were just filled, and would compare each row with every other row.
    let plans = "SET LOCAL enable_nestloop = off;\n"
    let deletions = tables.reversed().map { table in
      """
      DELETE FROM norma.\(table.name) AS old WHERE report = '\(report)' AND NOT EXISTS (
        SELECT FROM pg_temp.new_\(table.name) AS new
        WHERE \(table.identity.map { "new.\($0) = old.\($0)" }.joined(separator: " AND ")));

      """
    }
    let upserts = tables.map { table in
      let values = columns[table.name]!.filter { !table.key.contains($0) }
      return """
        INSERT INTO norma.\(table.name)
        SELECT * FROM pg_temp.new_\(table.name) EXCEPT SELECT * FROM norma.\(table.name) WHERE report = '\(report)'
        ON CONFLICT (report, \(table.key.joined(separator: ", "))) DO UPDATE
        SET \(values.map { "\($0) = EXCLUDED.\($0)" }.joined(separator: ", "));

        """
    }
    let reports = """
      INSERT INTO norma.reports SELECT * FROM pg_temp.new_reports ON CONFLICT (id) DO UPDATE
      SET title = EXCLUDED.title, study_path = EXCLUDED.study_path, path = EXCLUDED.path, loaded_at = EXCLUDED.loaded_at;

      """
    return (analyses + [plans] + deletions + [reports] + upserts).joined() + "COMMIT;\n"
  }
}
