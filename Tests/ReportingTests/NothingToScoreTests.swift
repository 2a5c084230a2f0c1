import Anomaly
import Foundation
import GRDB
import Reporting
import Testing

/// Scans and cases that were not examined: what the index, the pages and the queries say of them.
struct NothingToScoreTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let digests = ["case/1.tif": "digest of 1", "case/2.tif": "digest of 2"]

  /// `blank` has nothing to score, `mixed` nothing in one scan of two, `lost` a failed scan and an empty one.
  private func write(_ report: inout Report) throws {
    try SampleStudy.write(SampleStudy.result("severe", [SampleStudy.scan("1")]), to: report)
    try SampleStudy.write(
      SampleStudy.result("blank", [SampleStudy.emptyScan("1", .constant), SampleStudy.emptyScan("2", .noData)]),
      to: report)
    try SampleStudy.write(
      SampleStudy.result(
        "mixed", [SampleStudy.scan("1", score: 1, pValue: 0.5, regions: []), SampleStudy.emptyScan("2")],
        flagged: false), to: report)
    try SampleStudy.write(
      SampleStudy.result("lost", [SampleStudy.failedScan("1"), SampleStudy.emptyScan("2")]), to: report)
    try report.finish(report.context)
  }

  @Test func `a case without a scored scan has neither score nor p-value nor verdict nor regions`() throws {
    var context = SampleStudy.context()
    // Of 99 healthy cases 49 score 1 or more: p 0.5.
    context.calibrationScores = (0..<99).map { Double($0) / 50 }
    var report = try SampleStudy.report(in: folder, context: context)
    try write(&report)
    let rows = try DatabaseQueue(path: report.folder.index).read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT name, status, score, p_value, flagged, region_count, scan_count, failed_scan_count, empty_scan_count
          FROM case_overview ORDER BY name
          """
      ).map { row in row.databaseValues.map(\.description).joined(separator: " ") }
    }
    #expect(
      rows == [
        "\"blank\" \"empty\" NULL NULL NULL NULL 2 0 2", "\"lost\" \"failed\" NULL NULL NULL NULL 2 1 1",
        "\"mixed\" \"done\" 1.0 0.5 0 0 2 0 1", "\"severe\" \"done\" 4.0 0.01 1 1 1 0 0",
      ])
    #expect(
      try report.index.scans(.empty).map { "\($0.caseName) \($0.scan.name): \($0.scan.error ?? "")" } == [
        "blank 1: all pixels have the same value", "blank 2: no pixel has data", "lost 2: no tissue found",
        "mixed 2: no tissue found",
      ])
    #expect(
      try report.index.counts(falsePositiveRate: 0.05)
        == StudyCounts(
          cases: 4, examinedCases: 2, flaggedCases: 1, scans: 7, flaggedScans: 1, failedScans: 1, emptyScans: 4))
    #expect(try ReportCheck(of: report.folder.path).faults == [])
    #expect(
      try ReportCheck(of: report.folder.path).notes == [
        "\(report.folder.path): no scan could be scored in 2 of 4 cases: not examined."
      ])
  }

  @Test func `a case with nothing to score is current and is not computed again`() throws {
    var report = try SampleStudy.report(in: folder)
    try write(&report)
    #expect(try report.isCurrent(caseNamed: "blank", digests: Self.digests))
    #expect(try report.isCurrent(caseNamed: "mixed", digests: Self.digests))
    #expect(try !report.isCurrent(caseNamed: "blank", digests: ["case/1.tif": "digest of 1"]))
  }

  @Test func `the pages say first what was not examined, and why`() throws {
    var report = try SampleStudy.report(in: folder)
    try write(&report)
    let study = try SampleStudy.text(report, "index.html")
    for sentence in [
      "<h1>Not examined: 5 of 7 scans (1 failed, 4 with nothing to score) and 2 of 4 cases. Of the others: 1 of 2 scans "
        + "flagged in 1 of 2 cases at a false-positive rate of 5 %</h1>",
      "<summary>Nothing to score in 4 scans</summary>", "all pixels have the same value",
      "Cases that were not examined have no mark: 2.",
      "Not examined: nothing to score", "Not examined: 1 failed, 1 with nothing to score",
    ] {
      #expect(study.contains(sentence), "\(sentence)")
    }
    let blank = try SampleStudy.text(report, "cases/blank/index.html")
    #expect(blank.contains("Not examined: nothing to score</h1>"))
    #expect(blank.contains("<summary>Nothing to score in 2 scans</summary>"))
    #expect(blank.contains("<li>1: all pixels have the same value</li>"))
    #expect(blank.contains("<dt>Regions</dt><dd>–</dd>") && blank.contains("<dt>p-value</dt><dd>–</dd>"))
    #expect(!blank.contains("lagged"))
    let lost = try SampleStudy.text(report, "cases/lost/index.html")
    #expect(lost.contains("<dd>2, 1 failed, 1 with nothing to score</dd>"))
    #expect(lost.contains("<li>1<br>scan.tif: no TIFF file. Export it again.</li>"))
  }

  @Test func `a report without a case of the study counts no scans`() throws {
    var report = try SampleStudy.report(in: folder)
    try report.finish(report.context)
    let page = try SampleStudy.text(report, "index.html")
    #expect(page.contains("<h1>Nothing was examined: there is no scan of the study in the report</h1>"))
  }

  @Test func `a study of failed scans alone has no share of flagged ones`() throws {
    var report = try SampleStudy.report(in: folder)
    for name in ["a", "b"] {
      try SampleStudy.write(SampleStudy.result(name, [SampleStudy.failedScan("1")]), to: report)
    }
    try report.finish(report.context)
    let page = try SampleStudy.text(report, "index.html")
    #expect(page.contains("<h1>Nothing was examined: of 2 scans 2 failed</h1>"))
    #expect(!page.contains("0 of"))
    let counts = try report.index.counts(falsePositiveRate: 0.05)
    #expect(VerdictText.cases(counts) == "2, none examined")
  }

  @Test(
    arguments: [
      (
        "UPDATE scans SET status = 'failed' WHERE name = '2'",
        "case 'a' gives 1 as its number of scans with nothing to score and has 0"
      ),
      ("UPDATE scans SET status = 'empty'", "case 'a' has a verdict and no scored scan"),
    ])
  func `a verdict without a scored scan is a contradiction`(change: String, fault: String) throws {
    var report = try SampleStudy.report(in: folder)
    try SampleStudy.write(SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.emptyScan("2")]), to: report)
    try report.finish(report.context)
    try DatabaseQueue(path: report.folder.index).write { try $0.execute(sql: change) }
    #expect(try ReportCheck(of: report.folder.path).faults.contains { $0.contains(fault) })
  }

  @Test func `an older index learns that its failed cases have no verdict`() throws {
    let path = folder.path + "/cases.sqlite"
    let queue = try DatabaseQueue(path: path)
    try IndexSchema.migrator.migrate(queue, upTo: "12: pixels of peaks")
    try queue.write { database in
      try database.execute(
        sql: """
          INSERT INTO runs (started_at, status, tool_version, model_sha256, configuration, study_path)
          VALUES ('2024-01-01T00:00:00Z', 'done', '0.1', 'm', '{}', 'S');
          INSERT INTO cases (run_id, name, status, score, p_value, flagged, scan_count, failed_scan_count, region_count,
            report_path, model_sha256, scoring) VALUES
            (1, 'failed', 'failed', NULL, NULL, 0, 1, 1, 0, 'cases/failed/index.html', 'm', 's'),
            (1, 'calm', 'done', 1, 0.5, 0, 1, 0, 0, 'cases/calm/index.html', 'm', 's');
          INSERT INTO scans (case_id, name, path, status) VALUES (1, 's', 'failed/s.tif', 'failed'),
            (2, 's', 'calm/s.tif', 'done');
          """)
    }
    try queue.close()
    let index = try CaseIndex(writingTo: path)
    var query = CaseQuery()
    try query.show("name,flagged,region_count,empty_scan_count")
    #expect(
      try index.table(of: query).text(as: .csv)
        == "name,flagged,region_count,empty_scan_count\r\ncalm,0,0,0\r\nfailed,,,0\r\n")
    try DatabaseQueue(path: path).write { database in
      try database.execute(sql: "UPDATE scans SET status = 'empty'; UPDATE cases SET status = 'empty'")
      #expect(throws: DatabaseError.self) { try database.execute(sql: "UPDATE cases SET status = 'other'") }
      #expect(throws: DatabaseError.self) { try database.execute(sql: "UPDATE cases SET flagged = 2") }
      #expect(try String.fetchAll(database, sql: "PRAGMA integrity_check") == ["ok"])
    }
    _ = try CaseIndex(readingFrom: path)
  }

  // MARK: - Queries

  private func notice(_ condition: String, _ rows: CaseQuery.Rows = .cases, in index: CaseIndex) throws -> String? {
    var query = CaseQuery(rows)
    try query.filter(condition)
    return try index.undecided(by: query)?.notice
  }

  @Test(
    arguments: [
      ("score > 2", "1 of 4 cases cannot be compared and is not listed: 1 without score (not examined)."),
      ("not flagged", "1 of 4 cases cannot be compared and is not listed: 1 without flagged (not examined)."),
      ("regions = 0", "1 of 4 cases cannot be compared and is not listed: 1 without region_count (not examined)."),
      ("verdict != agree", "3 of 4 cases cannot be compared and are not listed: 3 without verdict (not reviewed)."),
      // A case that was examined and shows no region is decided.
      ("peak > 8", "1 of 4 cases cannot be compared and is not listed: 1 without peak (not examined)."),
      // Decided by the other half of the condition.
      ("name = healthy and score > 2", nil), ("status = failed or score > 2", nil),
      // A scan that failed could have scored as high.
      (
        "scan_score > 8",
        "2 of 4 cases cannot be compared and are not listed: 2 without scan_score (a scan was not examined)."
      ),
      ("score is missing", nil), ("reviewed", nil), ("status = failed", nil),
    ] as [(String, String?)])
  func `rows that a missing value leaves undecided are counted, with the reason`(
    condition: String, expected: String?
  ) throws {
    #expect(try notice(condition, in: try SampleIndex().index) == expected)
  }

  @Test func `cases that left the study are not counted among those that cannot be compared`() throws {
    let sample = try SampleIndex()
    try DatabaseQueue(path: sample.path).write {
      try $0.execute(sql: "UPDATE cases SET in_study = 0 WHERE name = 'severe'; UPDATE regions SET area_mm2 = NULL")
    }
    #expect(try notice("score > 2", in: sample.index)?.hasPrefix("1 of 3 cases cannot be compared") == true)
    #expect(try notice("area_mm2 > 5", .regions, in: sample.index)?.hasPrefix("1 of 1 region cannot") == true)
  }

  @Test func `regions without an area in square millimeters are told of`() throws {
    let sample = try SampleIndex()
    #expect(
      try notice("area_mm2 > 5", .regions, in: sample.index)
        == "1 of 4 regions cannot be compared and is not listed: 1 without area_mm2 (their scans do not say how large a "
        + "pixel is).")
    var query = CaseQuery(.regions)
    try query.filter("area_mm2 > 0")
    #expect(try #require(try sample.index.undecided(by: query)).areAll == false)
    try DatabaseQueue(path: sample.path).write { try $0.execute(sql: "UPDATE regions SET area_mm2 = NULL") }
    let all = try #require(try sample.index.undecided(by: query))
    #expect(all.areAll && all.count == 4)
  }
}
