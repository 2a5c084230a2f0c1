import Files
import GRDB

/// Checks that need only the index, not the report's files. Each fault is a clause for a sentence.
extension CaseIndex {
  /// Faults that SQLite's own integrity and foreign key checks find.
  func damage() throws(NormaError) -> [String] {
    try read { database in
      let pages = try String.fetchAll(database, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
      let references = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").map { row -> String in
        let values = row.texts  // table, row and the table that the row refers to
        return "row \(values[1]) of \(values[0]) belongs to no row of \(values[2])"
      }
      return pages.map { "the index is damaged: \($0)" } + references
    }
  }

  /// Stored counts that differ from the rows they count, and cases whose files were left half replaced.
  func contradictions() throws(NormaError) -> [String] {
    try read { database in
      let counts = [
        ("scan_count", "scans", "SELECT count(*) FROM scans WHERE case_id = cases.id"),
        (
          "failed_scan_count", "failed scans",
          "SELECT count(*) FROM scans WHERE case_id = cases.id AND status = 'failed'"
        ),
        (
          "empty_scan_count", "scans with nothing to score",
          "SELECT count(*) FROM scans WHERE case_id = cases.id AND status = 'empty'"
        ),
        (
          "region_count", "regions",
          "SELECT count(*) FROM regions JOIN scans ON scans.id = scan_id WHERE case_id = cases.id"
        ),
      ]
      var result: [String] = []
      for (column, things, sql) in counts {
        result += try Row.fetchAll(
          database, sql: "SELECT name, \(column), (\(sql)) AS found FROM cases WHERE \(column) <> found ORDER BY name"
        ).map { row in
          let values = row.texts
          return "case '\(values[0])' gives \(values[1]) as its number of \(things) and has \(values[2])"
        }
      }
      result += try String.fetchAll(
        database,
        sql: """
          SELECT name FROM cases WHERE coalesce(score, p_value, flagged, region_count) IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM scans WHERE case_id = cases.id AND status = 'done') ORDER BY name
          """
      ).map { "case '\(TableCell.text($0).plain)' has a verdict and no scored scan" }
      // The last pixel of a heatmap that is smaller than its scan reaches beyond the scan's edge.
      result += try Row.fetchAll(
        database,
        sql: """
          SELECT cases.name, scans.name, rank FROM regions
            JOIN scans ON scans.id = scan_id JOIN cases ON cases.id = case_id
          WHERE regions.x + regions.width > scans.width + coalesce(downsample, 1)
            OR regions.y + regions.height > scans.height + coalesce(downsample_y, downsample, 1)
            OR peak_x NOT BETWEEN regions.x AND regions.x + regions.width - 1
            OR peak_y NOT BETWEEN regions.y AND regions.y + regions.height - 1
          ORDER BY cases.name, scans.id, rank
          """
      ).map { row in
        let values = row.texts
        return "region \(values[2]) of scan '\(values[1])' in case '\(values[0])' lies outside its scan, or its peak "
          + "outside the region"
      }
      result += try String.fetchAll(
        database, sql: "SELECT name FROM cases WHERE scoring = ? ORDER BY name", arguments: [Self.unfinished]
      ).map { "the files of case '\($0)' were being replaced when a run was stopped" }
      return result
    }
  }

  /// The study context of each run that scored a case, by the run's number. Runs whose context cannot be parsed are
  /// left out.
  func contexts() throws(NormaError) -> [Int64: StudyContext] {
    try read { database in
      try RunRow.fetchAll(database, sql: "SELECT * FROM runs WHERE id IN (SELECT run_id FROM cases)")
        .reduce(into: [:]) { $0[$1.id] = try? $1.context }
    }
  }
}

extension Row {
  /// The values of all columns, as text in which no character can do harm.
  fileprivate var texts: [String] { (0..<count).map { TableCell(self[$0], .text).plain } }
}
