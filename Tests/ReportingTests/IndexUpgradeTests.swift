import Anomaly
import Foundation
import GRDB
import Reporting
import Testing

/// Indexes as norma wrote them before cases could be reviewed.
struct IndexUpgradeTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/cases.sqlite" }
  var copy: String { path + ".before-migration-6" }

  init() throws { folder = try TemporaryFolder() }

  private func writeOlder(upTo migration: String = "5: heatmaps smaller than their scans") throws {
    var configuration = Configuration()
    configuration.journalMode = .wal
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try IndexSchema.migrator.migrate(queue, upTo: migration)
    try queue.write { database in
      try database.execute(
        sql: """
          INSERT INTO runs (started_at, status, tool_version, model_sha256, configuration, study_path)
          VALUES ('2024-01-01T00:00:00Z', 'done', '0.1', 'm', '{}', 'S');
          INSERT INTO cases (run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
            report_path, model_sha256, scoring) VALUES (1, 'old', 'done', 4, 0.01, 1, 1, 0, 1, 'cases/old/index.html', 'm', 's');
          INSERT INTO scans (case_id, name, path, status) VALUES (1, 'scan', 'old/scan.tif', 'done');
          INSERT INTO regions (scan_id, rank, x, y, width, height, area_px, peak, mean)
          VALUES (1, 1, 0, 0, 2, 2, 4, 5.5, 4);
          """)
    }
    try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
  }

  private func migrations(_ path: String) throws -> Int? {
    try DatabaseQueue(path: path).read { try Int.fetchOne($0, sql: "SELECT count(*) FROM grdb_migrations") }
  }

  private var files: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
  }

  @Test func `an older index is upgraded for writing after a copy is kept`() throws {
    try writeOlder()
    do {
      let index = try CaseIndex(writingTo: path)
      #expect(try index.cases().map(\.name) == ["old"])
      #expect(try index.record([Review(caseName: "old", verdict: .agree, reviewedAt: "2026-01-01T00:00:00Z")]).new == 1)
    }
    #expect(try files == ["cases.sqlite", "cases.sqlite.before-migration-6"])
    #expect(try migrations(path) == IndexSchema.migrator.migrations.count)
    #expect(try migrations(copy) == 5)
    let old = try DatabaseQueue(path: copy).read { try String.fetchAll($0, sql: "SELECT name FROM flagged_cases") }
    #expect(old == ["old"])
    _ = try CaseIndex(writingTo: path)
    #expect(try files.filter { $0.contains("before") } == ["cases.sqlite.before-migration-6"])
  }

  @Test func `an older index knows no pixels of peaks, in tables and views, and is written to`() throws {
    try writeOlder(upTo: "11: runs that were stopped")
    for isWritten in [false, true] {
      let index = try isWritten ? CaseIndex(writingTo: path) : CaseIndex(readingFrom: path)
      let regions = try index.regions(of: 1)
      #expect(regions.map(\.peak) == [5.5])
      #expect(regions[0].peakX == nil && regions[0].peakY == nil)
      let scan = try #require(try index.scans(of: 1).first)
      #expect(scan.downsample == nil && scan.downsampleY == nil && scan.missingShare == nil)
      var query = CaseQuery(.regions)
      try query.filter("peak_x is missing and peak_y is missing")
      #expect(try index.table(of: query).count == 1)
    }
    #expect(try files == ["cases.sqlite", "cases.sqlite.before-migration-12"])
    do {
      let index = try CaseIndex(updating: path)
      let run = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
      try index.record(
        SampleStudy.result("new", [SampleStudy.scan("s")]), run: run, scoring: "s", reportPath: "cases/new/index.html",
        heatmapPath: { "cases/new/\($0.name)" })
    }
    let rows = try DatabaseQueue(path: path).read { database in
      try ["region_overview", "largest_regions"].map { view in
        try Row.fetchAll(database, sql: "SELECT case_name, peak_x, peak_y FROM \(view) ORDER BY case_name DESC")
          .map(\.description)
      }
    }
    let expected = [
      #"[case_name:"old" peak_x:NULL peak_y:NULL]"#, #"[case_name:"new" peak_x:10 peak_y:12]"#,
    ]
    #expect(rows == [expected, expected])
  }

  @Test func `an older index knows one score of a case, and tells the two of a new case apart`() throws {
    try writeOlder(upTo: "14: nothing to score")
    do {
      let index = try CaseIndex(updating: path)
      let old = try #require(try index.case(named: "old"))
      #expect(old.score == 4 && old.worstPlaceScore == 4 && old.wholeScore == nil)
      var result = SampleStudy.result("new", [SampleStudy.scan("s")])
      result.score = CaseScore(worstPlace: 3, whole: 2, value: 2.5)
      let run = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
      try index.record(
        result, run: run, scoring: "s", reportPath: "cases/new/index.html", heatmapPath: { "cases/new/\($0.name)" })
      var query = CaseQuery(.cases)
      try query.filter("whole_score > 1 and worst_place_score > score")
      #expect(try index.table(of: query).count == 1)
    }
    let rows = try DatabaseQueue(path: path).read { database in
      try Row.fetchAll(database, sql: "SELECT case_name, whole_score FROM region_overview ORDER BY case_name DESC")
        .map(\.description)
    }
    #expect(rows == [#"[case_name:"old" whole_score:NULL]"#, #"[case_name:"new" whole_score:2.0]"#])
    #expect(try files == ["cases.sqlite", "cases.sqlite.before-migration-15"])
  }

  @Test func `a copy that is there already is not overwritten`() throws {
    try writeOlder()
    try Data("kept".utf8).write(to: URL(filePath: copy))
    _ = try CaseIndex(writingTo: path)
    #expect(try Data(contentsOf: URL(filePath: copy)) == Data("kept".utf8))
    #expect(try migrations(copy + "-2") == 5)
  }

  @Test func `an older index is read without changing it`() throws {
    try writeOlder()
    let before = try Data(contentsOf: URL(filePath: path))
    do {
      let index = try CaseIndex(readingFrom: path)
      #expect(try index.cases().map(\.name) == ["old"])
      #expect(try index.reviews().isEmpty)
      var query = CaseQuery()
      try query.filter("peak = 5.5 and not reviewed")
      #expect(try index.table(of: query).count == 1)
    }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(try files == ["cases.sqlite"])
  }

  @Test func `an older index that is being written is read too`() throws {
    try writeOlder()
    let writer = try DatabaseQueue(path: path)
    try writer.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL; UPDATE cases SET score = 5; BEGIN IMMEDIATE")
      try database.execute(sql: "UPDATE cases SET score = 6")
      #expect(try CaseIndex(readingFrom: path).cases().map(\.score) == [5])
      try database.execute(sql: "COMMIT")
    }
    #expect(try migrations(path) == 5)
  }

  @Test func `a new index needs no copy`() throws {
    _ = try CaseIndex(writingTo: path)
    #expect(try files.filter { $0.contains("before") }.isEmpty)
  }
}
