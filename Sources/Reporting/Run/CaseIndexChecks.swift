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
      let scored = "EXISTS (SELECT 1 FROM scans WHERE case_id = cases.id AND status = 'done')"
      result += try String.fetchAll(
        database,
        sql: """
          SELECT name FROM cases
          WHERE \(scored) AND (status <> 'done' OR score IS NULL OR flagged IS NULL OR region_count IS NULL
            OR flagged AND p_value IS NULL)
          ORDER BY name
          """
      ).map { "case '\(TableCell.text($0).plain)' has scored scans, and its verdict is missing or has no p-value" }
      result += try Row.fetchAll(
        database,
        sql: """
          SELECT cases.name, scans.name FROM scans JOIN cases ON cases.id = case_id
          WHERE scans.status = 'done' AND (heatmap_path IS NULL OR scans.score IS NULL) ORDER BY cases.name, scans.id
          """
      ).map { "scan '\($0.texts[1])' of case '\($0.texts[0])' was scored and has no heatmap or no score" }
      result += try Row.fetchAll(
        database,
        sql: """
          SELECT heatmap_path FROM scans WHERE status = 'done' AND heatmap_path IS NOT NULL
          GROUP BY heatmap_path HAVING count(*) > 1 ORDER BY heatmap_path
          """
      ).map { "the heatmap \($0.texts[0]) belongs to more than one scan" }
      // SQLite keeps a text in a column of numbers, and counts it as 0.
      for (table, columns) in [
        ("cases", ["score", "p_value", "worst_place_score", "whole_score", "domain_shift_p"]),
        ("scans", ["score", "p_value", "whole_score", "missing_share", "downsample", "downsample_y"]),
        ("regions", ["peak", "mean", "area_mm2", "p_value", "q_value"]),
      ] {
        for column in columns {
          let count = try Int.fetchOne(
            database, sql: "SELECT count(*) FROM \(table) WHERE typeof(\(column)) IN ('text', 'blob')")
          if let count, count > 0 { result.append("\(column) is no number in \(Count.of(count, "row")) of \(table)") }
        }
      }
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
      result += try Row.fetchAll(
        database, sql: "SELECT name, in_study FROM cases WHERE scoring = ? ORDER BY name", arguments: [Self.altered]
      ).map { row in
        "case '\(row.texts[0])' was altered after norma recorded it"
          + (row["in_study"] == 1 ? "" : " and has left the study, --remove-absent removes it")
      }
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
