import Anomaly
import Foundation
import GRDB
import Reporting

/// An index of a few cases whose values differ in what a query can ask for.
struct SampleIndex {
  let folder: TemporaryFolder
  let index: CaseIndex
  var path: String { folder.path + "/cases.sqlite" }

  /// `severe`, `mild` and `healthy` scored, `broken` failed; `mild` reviewed.
  init() throws {
    folder = try TemporaryFolder()
    index = try CaseIndex(writingTo: folder.path + "/cases.sqlite")
    let run = try index.beginRun(
      SampleStudy.context(), toolVersion: "1", modelSHA256: SampleStudy.model, studyPath: "S")
    func region(_ rank: Int, peak: Double, area: Int, _ squareMillimeters: Double?) -> Region {
      Region(
        rank: rank, x: rank, y: 2, width: 3, height: 4, areaPixels: area, areaSquareMillimeters: squareMillimeters,
        peak: peak, mean: 3.5, peakX: rank + 1, peakY: 3, pValue: 0.02, qValue: 0.04)
    }
    let severe = [region(1, peak: 9, area: 30, 6), region(2, peak: 5, area: 80, 16), region(3, peak: 4, area: 3, nil)]
    let results = [
      SampleStudy.result(
        "severe",
        [
          SampleStudy.scan("left/a", score: 8, pValue: 0.001, regions: severe),
          SampleStudy.scan("right/b", score: 2, pValue: 0.3, regions: []), SampleStudy.failedScan("right/c"),
        ]),
      SampleStudy.result(
        "mild [x] 100%",
        [SampleStudy.scan("left/a", score: 3, pValue: 0.05, regions: [region(1, peak: 3.5, area: 5, 1)])]),
      SampleStudy.result("healthy", [SampleStudy.scan("1", score: 1, pValue: 0.7, regions: [])], flagged: false),
      SampleStudy.result("broken", [SampleStudy.failedScan("1", "scan.tif: a strip is missing. Export it again.")]),
    ]
    for result in results {
      try index.record(
        result, run: run, scoring: "s", reportPath: "cases/\(result.name)/index.html",
        heatmapPath: { "cases/\($0.name)" })
    }
    _ = try index.record([
      Review(
        caseName: "mild [x] 100%", verdict: .disagree, note: "an artifact, isn't it",
        reviewedAt: "2026-11-25T22:00:00Z",
        modelSHA256: SampleStudy.model, score: 3)
    ])
  }

  /// Names of the cases that meet a condition, from the highest score.
  func names(where condition: String) throws -> [String] {
    var query = CaseQuery()
    try query.filter(condition)
    return try values(of: "name", query)
  }

  /// A column of the answer as CSV has it.
  func values(of column: String, _ query: CaseQuery) throws -> [String] {
    var query = query
    try query.show(column)
    let lines = try index.table(of: query).text(as: .csv).components(separatedBy: "\r\n")
    return Array(lines.dropFirst().dropLast())
  }

  /// How SQLite answers a query, step by step.
  func plan(of sql: String) throws -> String {
    try DatabaseQueue(path: path).read { database in
      try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + sql).map { $0["detail"] as String }
        .joined(separator: "; ")
    }
  }
}
