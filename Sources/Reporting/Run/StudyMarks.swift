import Files
import Foundation
import GRDB

/// Cases that are recorded in a report and are not in its study any more.
extension Report {
  /// Marks which recorded cases are in the study, and makes the pages of those anew whose mark has changed.
  ///
  /// - Parameter names: the cases of the study, of which a shard gives its own.
  /// - Returns: names of the recorded cases that are not in the study.
  package func mark(casesInStudy names: [String]) throws(NormaError) -> [String] {
    try index.mark(casesInStudy: names, in: folder)
  }

  /// Removes the results of all cases that left the study. Their reviews stay in the index.
  ///
  /// - Returns: names of the cases.
  package func removeCasesNotInStudy() throws(NormaError) -> [String] {
    let rows = try index.cases(inStudy: false, sort: .name)
    try index.write { database in
      try database.execute(sql: "DELETE FROM cases WHERE in_study = 0")
      try CaseIndex.forgetRemovedCases(in: database)
    }
    for row in rows { folder.removeFiles(ofCaseIn: FilePath.folder(of: row.reportPath)) }
    return rows.map(\.name)
  }

  /// Sentences that say how many recorded cases of the study are computed again in this run, and why. Cases whose files
  /// have changed are not among them.
  package func recomputations() throws(NormaError) -> [String] {
    let contexts = try index.contexts()
    let counts = try index.read { [context, modelSHA256] database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT run_id, model_sha256 <> ? AS other, scoring = ? AS altered, count(*) AS count FROM cases
          WHERE in_study = 1 AND scoring <> ? AND (scoring <> ? OR model_sha256 <> ?) GROUP BY run_id, other, altered
          """, arguments: [modelSHA256, CaseIndex.altered, CaseIndex.unfinished, context.key, modelSHA256]
      ).map { row in
        (
          run: row["run_id"] as Int64, isOther: row["other"] as Bool, isAltered: row["altered"] as Bool,
          count: row["count"] as Int
        )
      }
    }
    var cases: [String: Int] = [:]
    for (run, isOther, isAltered, count) in counts {
      let changes = contexts[run].map { context.changes(since: $0) } ?? ["an older norma scored them"]
      let altered = ["rows of the index are not those that norma recorded"]
      cases[
        (isAltered ? altered : isOther ? ["the model is another one"] : changes).joined(separator: "; "), default: 0
      ] += count
    }
    return cases.sorted { $0.key < $1.key }.map { reason, count in
      "\(Count.of(count, "case")) \(count == 1 ? "is" : "are") computed again: \(reason)."
    }
  }
}

extension CaseIndex {
  /// See `Report.mark`.
  package func mark(casesInStudy names: [String], in folder: ReportFolder) throws(NormaError) -> [String] {
    let contexts = try contexts()
    let json = String(decoding: (try? JSONEncoder().encode(names)) ?? Data("[]".utf8), as: UTF8.self)
    return try write { database in
      let changed = try Int64.fetchAll(
        database,
        sql: "SELECT id FROM cases WHERE in_study <> (name IN (SELECT value FROM json_each(?))) ORDER BY id",
        arguments: [json])
      try database.execute(
        sql: "UPDATE cases SET in_study = 1 - in_study WHERE id IN (SELECT value FROM json_each(?))",
        arguments: ["[\(changed.map { "\($0)" }.joined(separator: ","))]"])
      try Self.reseal(cases: changed, in: database)
      for id in changed {
        let record = try Self.record(of: id, in: database)
        // A page that is not there, or whose pictures are those of an older norma, is not made anew.
        guard let context = contexts[record.row.runID], context.pictures == StudyContext.currentPictures,
          FileManager.default.fileExists(atPath: folder.file(record.row.reportPath))
        else { continue }
        try folder.write(CasePage(record, context: context, folder: folder).data, to: record.row.reportPath)
      }
      return try String.fetchAll(database, sql: "SELECT name FROM cases WHERE in_study = 0 ORDER BY name")
    }
  }
}
