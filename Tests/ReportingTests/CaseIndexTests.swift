import Anomaly
import Files
import Foundation
import GRDB
import Imaging
import Reporting
import Testing

struct CaseIndexTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/cases.sqlite" }

  init() throws { folder = try TemporaryFolder() }

  private func begin(_ index: CaseIndex, model: String = SampleStudy.model) throws -> Int64 {
    try index.beginRun(
      SampleStudy.context(), toolVersion: "1.0", modelSHA256: model, studyPath: "Study",
      at: Date(timeIntervalSince1970: 1_700_000_000))
  }

  private func record(_ result: CaseResult, in index: CaseIndex, run: Int64) throws {
    try index.record(
      result, run: run, scoring: "s", reportPath: "cases/\(result.name)/index.html",
      heatmapPath: { "cases/\(result.name)/\($0.name).heatmap.tif" })
  }

  @Test func `a case comes back as it was recorded`() throws {
    let index = try CaseIndex(writingTo: path)
    var scans = [SampleStudy.scan("s-p001", page: 1), SampleStudy.failedScan("broken")]
    if case .done(var findings) = scans[0].outcome {
      (findings.missingShare, findings.downsample, findings.downsampleY) = (0.25, 4, 4.5)
      scans[0].outcome = .done(findings)
    }
    try record(SampleStudy.result("a/b", scans), in: index, run: try begin(index))
    let row = try #require(try index.case(named: "a/b"))
    #expect(row.status == .done)
    #expect(row.score == 4)
    #expect(row.pValue == 0.01)
    #expect(row.flagged)
    #expect(row.scanCount == 2)
    #expect(row.failedScanCount == 1)
    #expect(row.regionCount == 1)
    #expect(row.reportPath == "cases/a/b/index.html")
    let stored = try index.scans(of: row.id)
    #expect(stored.map(\.status) == [.done, .failed])
    #expect(stored[0].heatmapPath == "cases/a/b/s-p001.heatmap.tif")
    #expect(stored[0].page == 1)
    #expect(stored[0].micrometersPerPixel == 144)
    #expect(stored[0].missingShare == 0.25 && stored[0].downsample == 4 && stored[0].downsampleY == 4.5)
    #expect(stored[1].heatmapPath == nil)
    #expect(stored[1].error == "scan.tif: no TIFF file. Export it again.")
    #expect(try index.regions(of: stored[0].id) == [SampleStudy.region()])
    #expect(try index.scans(.failed).map(\.caseName) == ["a/b"])
  }

  @Test func `recording a case again replaces its scans and regions`() throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try record(SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.scan("2")]), in: index, run: run)
    try record(SampleStudy.result("a", [SampleStudy.scan("3", score: 9)]), in: index, run: run)
    #expect(try index.cases().map(\.score) == [9])
    let database = try DatabaseQueue(path: path)
    let counts = try database.read {
      try Int.fetchAll($0, sql: "SELECT count(*) FROM scans UNION ALL SELECT count(*) FROM regions")
    }
    #expect(counts == [1, 1])
  }

  @Test func `a case whose files cannot be written is not recorded`() throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try record(SampleStudy.result("a", [SampleStudy.scan("1", score: 5)]), in: index, run: run)
    let failure = NormaError(subject: "index.html", found: "the disk is full", remedy: "Free some space")
    #expect(throws: failure) {
      try index.record(
        SampleStudy.result("a", [SampleStudy.scan("1", score: 6)]), run: run, scoring: "s",
        reportPath: "cases/p/index.html",
        heatmapPath: { "cases/\($0.name)" }, beforeCommit: { _ in throw failure })
    }
    #expect(try index.cases().map(\.score) == [5])
  }

  @Test func `flagged_cases answers plain SQL, worst first`() throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try record(SampleStudy.result("mild", [SampleStudy.scan("1", score: 3)]), in: index, run: run)
    try record(SampleStudy.result("healthy", [SampleStudy.scan("1", score: 1)], flagged: false), in: index, run: run)
    try record(SampleStudy.result("severe", [SampleStudy.scan("1", score: 8)]), in: index, run: run)
    let database = try DatabaseQueue(path: path)
    let rows = try database.read {
      try Row.fetchAll($0, sql: "SELECT name, score, p_value, region_count, report_path FROM flagged_cases")
    }
    let (names, scores): ([String], [Double]) = (rows.map { $0["name"] }, rows.map { $0["score"] })
    let page: String = rows[0]["report_path"]
    #expect(names == ["severe", "mild"])
    #expect(scores == [8, 3])
    #expect(page == "cases/severe/index.html")
  }

  @Test func `cases come in the order asked for, failed ones last`() throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try record(SampleStudy.result("b", [SampleStudy.scan("1", score: 3, pValue: 0.2)]), in: index, run: run)
    try record(SampleStudy.result("a", [SampleStudy.failedScan("1")]), in: index, run: run)
    try record(SampleStudy.result("c", [SampleStudy.scan("1", score: 5, pValue: 0.3)]), in: index, run: run)
    #expect(try index.cases(sort: .score).map(\.name) == ["c", "b", "a"])
    #expect(try index.cases(sort: .name).map(\.name) == ["a", "b", "c"])
    #expect(try index.cases(sort: .pValue).map(\.name) == ["b", "c", "a"])
    #expect(try index.cases(flaggedOnly: true).map(\.name) == ["c", "b"])
    #expect(try index.case(named: "a")?.status == .failed)
  }

  @Test func `finished scans come back under the same model and settings only`() throws {
    let index = try CaseIndex(writingTo: path)
    let scans = [
      SampleStudy.scan("1"), SampleStudy.failedScan("2"), SampleStudy.scan("3", pixelSize: nil, regions: []),
    ]
    try record(SampleStudy.result("a", scans), in: index, run: try begin(index))
    let finished = try index.finishedScans(ofCase: "a", modelSHA256: SampleStudy.model, scoring: "s")
    #expect(finished.map(\.path) == [scans[0].path, scans[2].path])
    #expect(finished.map(\.sha256) == [scans[0].sha256, scans[2].sha256])
    #expect(try index.finishedScans(ofCase: "a", modelSHA256: "other", scoring: "s").isEmpty)
    #expect(try index.finishedScans(ofCase: "a", modelSHA256: SampleStudy.model, scoring: "t").isEmpty)
  }

  @Test func `a run keeps its context, and one that never finished is recorded as failed`() throws {
    let index = try CaseIndex(writingTo: path)
    _ = try begin(index)
    let second = try begin(index)
    try index.finishRun(
      second, .done, context: SampleStudy.context(title: "later"), at: Date(timeIntervalSince1970: 1_700_000_060))
    let run = try #require(try index.latestRun())
    #expect(run.status == .done)
    #expect(run.startedAt == "2023-11-14T22:13:20Z")
    #expect(run.finishedAt == "2023-11-14T22:14:20Z")
    #expect(try run.context == SampleStudy.context(title: "later"))
    let statuses = try DatabaseQueue(path: path).read {
      try String.fetchAll($0, sql: "SELECT status FROM runs ORDER BY id")
    }
    #expect(statuses == ["failed", "done"])
  }

  @Test(arguments: [
    "SELECT * FROM cases ORDER BY score DESC, name",
    "SELECT * FROM cases WHERE flagged = 1 ORDER BY score DESC, name",
    "SELECT name, score FROM flagged_cases",
  ])
  func `ten thousand cases are ranked by an index, without sorting`(query: String) throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try DatabaseQueue(path: path).write { database in
      try database.execute(
        sql: """
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
          INSERT INTO cases (run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
            report_path, model_sha256, scoring)
          SELECT ?, 'case ' || i, 'done', (i * 7919) % 10007, 0.5, i % 20 = 0, 1, 0, 0, 'cases/p/index.html', 'm', 's' FROM n
          """, arguments: [run])
    }
    let plan = try DatabaseQueue(path: path).read { database in
      try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + query).map { $0["detail"] as String }.joined(
        separator: "; ")
    }
    #expect(plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"))
    #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
    #expect(try index.cases().count == 10_000)
    #expect(try index.cases(flaggedOnly: true).count == 500)
  }

  @Test func `reading goes on while a batch writes`() throws {
    let writer = try CaseIndex(writingTo: path)
    let run = try begin(writer)
    let reader = try CaseIndex(readingFrom: path)
    try record(SampleStudy.result("a", [SampleStudy.scan("1")]), in: writer, run: run)
    #expect(try reader.cases().map(\.name) == ["a"])
    let mode = try DatabaseQueue(path: path).read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
    #expect(mode == "wal")
  }

  @Test func `a finished index is one plain file`() throws {
    let index = try CaseIndex(writingTo: path)
    let run = try begin(index)
    try record(SampleStudy.result("a", [SampleStudy.scan("1")]), in: index, run: run)
    try index.finishRun(run, .done, context: SampleStudy.context())
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["cases.sqlite"])
    #expect(try CaseIndex(readingFrom: path).cases().map(\.name) == ["a"])
    _ = try CaseIndex(writingTo: path)
  }
}
