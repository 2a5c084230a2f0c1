import Anomaly
import Files
import Foundation
import GRDB
import Reporting
import Testing

/// A report of two cases and what is found where something was done to it.
struct ReportCheckTests {
  let folder: TemporaryFolder
  let report: Report

  init() throws {
    folder = try TemporaryFolder()
    var context = SampleStudy.context()
    // None of 99 healthy cases scores as high as the cases here: p 0.01.
    context.calibrationScores = (1...99).map { Double($0) / 50 }
    var report = try SampleStudy.report(in: folder, context: context)
    try SampleStudy.write(
      SampleStudy.result("a", [SampleStudy.scan("1"), SampleStudy.failedScan("broken")]), to: report)
    try SampleStudy.write(SampleStudy.result("b/c", [SampleStudy.scan("2")]), to: report)
    try report.finish(report.context)
    self.report = report
  }

  private func allFaults() throws -> [String] {
    try ReportCheck(of: report.folder.path).faults.map {
      $0.replacingOccurrences(of: report.folder.path + "/", with: "")
    }
  }

  /// The faults that are found without the digests of rows.
  private func faults() throws -> [String] { try allFaults().filter { !$0.contains("not those that norma recorded") } }

  private func execute(_ sql: String) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    try DatabaseQueue(path: report.folder.index, configuration: configuration).write { try $0.execute(sql: sql) }
  }

  @Test func `a report as it was written has no faults`() throws {
    try Data("mine".utf8).write(to: URL(filePath: report.folder.file("cases/a/notes.txt")))
    let check = try ReportCheck(of: report.folder.path)
    #expect(check.faults == [] && check.notes == [])
    #expect(check.cases == 2 && check.scans == 3)
  }

  @Test func `the digest of every heatmap is recorded`() throws {
    let row = try #require(try report.index.case(named: "a"))
    let scans = try report.index.scans(of: row.id)
    #expect(scans.map(\.heatmapSHA256) == [Study.digest(ofFile: report.folder.file("cases/a/1.heatmap.tif")), nil])
  }

  @Test(
    arguments: [
      ("cases/a/1.heatmap.tif", "the heatmap is missing. Run norma analyze again."),
      ("cases/a/1.scan.png", "the file is missing, its scan's page shows it. Run norma analyze again."),
      ("cases/b/c/2.values.js", "the file is missing, its scan's page shows it. Run norma analyze again."),
      ("cases/b/c/index.html", "the page of the case is missing. Run norma report."),
      ("index.html", "the file is missing. Run norma report."),
      ("assets/style.css", "the file is missing. Run norma report."),
    ] as [(String, String)])
  func `a file that is missing is named`(name: String, sentence: String) throws {
    try FileManager.default.removeItem(atPath: report.folder.file(name))
    #expect(try faults() == ["\(name): \(sentence)"])
  }

  @Test func `a heatmap of which a bit was changed is named with both digests`() throws {
    let name = "cases/a/1.heatmap.tif"
    let url = URL(filePath: report.folder.file(name))
    let before = try #require(Study.digest(ofFile: url.path()))
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: url)
    let after = try #require(Study.digest(ofFile: url.path()))
    #expect(
      try faults() == [
        "\(name): the heatmap was altered: its SHA-256 is \(after), \(before) was recorded. "
          + "Remove it and run norma analyze again."
      ])
  }

  @Test(arguments: ["cases/a/9.heatmap.tif", "cases/a/.1.heatmap.tif.abc.part", "cases/gone/index.html"])
  func `a file that the index does not know is named`(name: String) throws {
    let url = URL(filePath: report.folder.file(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("x".utf8).write(to: url)
    #expect(try faults() == ["\(name): the index does not know this file. Remove it."])
  }

  @Test(
    arguments: [
      (
        "UPDATE cases SET scan_count = 5 WHERE name = 'a'",
        "case 'a' gives 5 as its number of scans and has 2. Run norma analyze again."
      ),
      (
        "UPDATE cases SET failed_scan_count = 0 WHERE name = 'a'",
        "case 'a' gives 0 as its number of failed scans and has 1. Run norma analyze again."
      ),
      (
        "DELETE FROM regions WHERE scan_id = 3",
        "case 'b/c' gives 1 as its number of regions and has 0. Run norma analyze again."
      ),
      (
        "UPDATE cases SET scoring = 'unfinished' WHERE name = 'b/c'",
        "the files of case 'b/c' were being replaced when a run was stopped. Run norma analyze again."
      ),
      (
        "UPDATE regions SET scan_id = 99 WHERE scan_id = 3",
        "row 2 of regions belongs to no row of scans. Move the index away and run norma analyze again."
      ),
      (
        "UPDATE cases SET flagged = 0 WHERE name = 'a'",
        "case 'a' is not flagged, and its p-value of 0.01 says otherwise at a false-positive rate of 5 %. "
          + "Run norma analyze again."
      ),
      (
        "UPDATE cases SET p_value = 0.5 WHERE name = 'b/c'",
        "case 'b/c' is flagged, and its p-value of 0.5 says otherwise at a false-positive rate of 5 %. "
          + "Run norma analyze again."
      ),
      (
        "UPDATE regions SET peak_x = 17 WHERE scan_id = 3",
        "region 1 of scan '2' in case 'b/c' lies outside its scan, or its peak outside the region. "
          + "Run norma analyze again."
      ),
      (
        "UPDATE regions SET y = 21 WHERE scan_id = 3",
        "region 1 of scan '2' in case 'b/c' lies outside its scan, or its peak outside the region. "
          + "Run norma analyze again."
      ),
      (
        "UPDATE cases SET p_value = NULL WHERE name = 'b/c'",
        "case 'b/c' has scored scans, and its verdict is missing or has no p-value. Run norma analyze again."
      ),
      (
        "UPDATE cases SET p_value = NULL, flagged = 0 WHERE name = 'b/c'",
        "case 'b/c' has a score and no p-value, though there are healthy cases to compare it with. "
          + "Run norma analyze again."
      ),
      (
        "UPDATE cases SET status = 'failed' WHERE name = 'b/c'",
        "case 'b/c' has scored scans, and its verdict is missing or has no p-value. Run norma analyze again."
      ),
      (
        "UPDATE scans SET heatmap_path = NULL WHERE id = 3",
        "scan '2' of case 'b/c' was scored and has no heatmap or no score. Run norma analyze again."
      ),
      (
        "UPDATE scans SET heatmap_path = 'cases/a/1.heatmap.tif' WHERE id = 3",
        "the heatmap cases/a/1.heatmap.tif belongs to more than one scan. Run norma analyze again."
      ),
      (
        "UPDATE regions SET peak = 'high' WHERE scan_id = 3",
        "peak is no number in 1 row of regions. Run norma analyze again."
      ),
      (
        "UPDATE runs SET configuration = '{}'",
        "the configuration of run 1, which scored case 'a', is not what norma writes. Run norma analyze again."
      ),
    ] as [(String, String)])
  func `what the index says against itself is named`(sql: String, sentence: String) throws {
    try execute(sql)
    #expect(try faults().contains("cases.sqlite: \(sentence)"))
  }

  @Test func `a run whose settings are lost makes no file unknown`() throws {
    try execute("UPDATE runs SET configuration = '{}'")
    #expect(try faults().allSatisfy { !$0.contains("does not know") })
  }

  @Test func `a score and a p-value that do not belong together are named`() throws {
    try execute("UPDATE cases SET score = 0.5 WHERE name = 'a'")
    #expect(
      try faults() == [
        "cases.sqlite: case 'a' has the score 0.5 and the p-value 0.01, which do not belong together. "
          + "Run norma analyze again."
      ])
  }

  @Test func `a text in the place of a number is no score of 0`() throws {
    try execute("UPDATE cases SET score = 'abc' WHERE name = 'a'")
    let found = try faults()
    #expect(found.first == "cases.sqlite: score is no number in 1 row of cases. Run norma analyze again.")
    #expect(found.last?.contains("the index is damaged: case 1 has a text as its score") == true)
  }

  @Test func `a region of the last pixels of a slide's heatmap, which reach beyond the slide, is sound`() throws {
    try execute(
      "UPDATE scans SET downsample = 8, downsample_y = 8 WHERE id = 3; "
        + "UPDATE regions SET x = 24, y = 16, width = 16, height = 16, peak_x = 24, peak_y = 16 WHERE scan_id = 3")
    #expect(try faults() == [])
    try execute("UPDATE regions SET width = 17 WHERE scan_id = 3")
    #expect(try faults().count == 1)
  }

  @Test func `a report of an older norma is checked without digests`() throws {
    try execute("UPDATE scans SET heatmap_sha256 = NULL; UPDATE seals SET sha256 = ''")
    let check = try ReportCheck(of: report.folder.path)
    #expect(check.faults == [])
    #expect(
      check.notes == [
        "\(report.folder.path): 2 cases were recorded by an older norma without a digest; whether rows of the index "
          + "were altered cannot be told.",
        "\(report.folder.path): 2 heatmaps were recorded by an older norma without a digest; "
          + "whether they were altered cannot be told.",
      ])
  }

  @Test(
    arguments: [
      ("UPDATE regions SET peak = 9.9 WHERE scan_id = 3", "case 'b/c' was altered"),
      ("UPDATE regions SET area_px = 7 WHERE scan_id = 1 AND rank = 1", "case 'a' was altered"),
      ("UPDATE scans SET score = 0.25 WHERE id = 3", "case 'b/c' was altered"),
      ("UPDATE scans SET sha256 = '00' WHERE id = 1", "case 'a' was altered"),
      ("UPDATE cases SET in_study = 0 WHERE name = 'a'", "case 'a' was altered"),
      ("UPDATE cases SET report_path = report_path || '' WHERE name = 'a'", nil),
      (
        "DELETE FROM regions WHERE scan_id = 3; UPDATE cases SET region_count = 0 WHERE name = 'b/c'",
        "case 'b/c' was altered"
      ),
      ("INSERT INTO scan_metadata VALUES (3, 'Artist', 'me')", "case 'b/c' was altered"),
      ("UPDATE runs SET configuration = json_set(configuration, '$.threshold', 1e9)", "run '1' was altered"),
      ("UPDATE runs SET finished_at = '2020-01-01T00:00:00Z'", "run '1' was altered"),
      ("DELETE FROM cases WHERE name = 'a'", "case 'a' was removed"),
      ("UPDATE cases SET name = 'z' WHERE name = 'a'", "case 'a' was removed"),
      ("DELETE FROM seals WHERE name = 'a'", "case 'a' was added"),
      ("INSERT INTO reviews (case_name, verdict, reviewed_at) VALUES ('a', 'agree', '2026-01-01')", nil),
    ] as [(String, String?)])
  func `a row that is not what the run recorded is named`(sql: String, change: String?) throws {
    try execute(sql)
    let found = try allFaults().filter { $0.contains("not those that norma recorded") }
    let expected = change.map {
      "cases.sqlite: \($0) after norma recorded it: its rows are not those that norma recorded. Run norma analyze again."
    }
    #expect(found.first == expected)
    #expect(found.count == (sql.contains("name = 'z'") ? 2 : expected == nil ? 0 : 1))
  }

  @Test func `a further run keeps no altered case, though its rows are sealed again`() throws {
    try execute("UPDATE regions SET peak = 9.9 WHERE scan_id = 3")
    var report = try SampleStudy.report(in: folder, context: self.report.context)
    #expect(try report.finishedScans(ofCase: "a").count == 1)
    #expect(try report.finishedScans(ofCase: "b/c") == [])
    #expect(
      try report.recomputations() == [
        "1 case is computed again: rows of the index are not those that norma recorded."
      ])
    // Also while that run is at work, and where it is killed.
    let marked = "cases.sqlite: case 'b/c' was altered after norma recorded it. Run norma analyze again."
    #expect(try allFaults() == [marked])
    try report.finish(report.context)
    #expect(try allFaults() == [marked])
    try SampleStudy.write(SampleStudy.result("b/c", [SampleStudy.scan("2")]), to: report)
    try report.finish(report.context)
    #expect(try allFaults() == [])
  }

  @Test func `rows that are altered while a run is at work, or after it was killed, are named`() throws {
    let report = try SampleStudy.report(in: folder, context: self.report.context)
    try SampleStudy.write(SampleStudy.result("new", [SampleStudy.scan("1")]), to: report)
    #expect(try allFaults() == [])
    try execute("UPDATE scans SET score = 12 WHERE name = '1'")
    #expect(try allFaults().count { $0.contains("was altered after norma recorded it") } == 2)
    let next = try SampleStudy.report(in: folder, context: self.report.context)
    #expect(try next.finishedScans(ofCase: "new") == [] && next.finishedScans(ofCase: "a") == [])
  }

  @Test func `rows that nobody could check stay so through further runs`() throws {
    try execute("UPDATE seals SET sha256 = ''; UPDATE regions SET peak = 77 WHERE scan_id = 3")
    var report = try SampleStudy.report(in: folder, context: self.report.context)
    _ = try report.mark(casesInStudy: ["a", "b/c"])
    try report.finish(report.context)
    #expect(try ReportCheck(of: report.folder.path).notes.contains { $0.contains("2 cases were recorded by an older") })
  }

  @Test func `an altered case that left the study can be removed`() throws {
    try execute("UPDATE regions SET peak = 9.9 WHERE scan_id = 3")
    var report = try SampleStudy.report(in: folder, context: self.report.context)
    _ = try report.mark(casesInStudy: ["a"])
    try report.finish(report.context)
    #expect(
      try allFaults() == [
        "cases.sqlite: case 'b/c' was altered after norma recorded it and has left the study, --remove-absent removes it. "
          + "Run norma analyze again."
      ])
    _ = try report.removeCasesNotInStudy()
    #expect(try allFaults() == [])
  }

  @Test func `the cases of a run whose settings were altered are computed again`() throws {
    try execute("UPDATE runs SET configuration = json_set(configuration, '$.threshold', 1e9)")
    let report = try SampleStudy.report(in: folder, context: self.report.context)
    #expect(try report.finishedScans(ofCase: "a") == [])
  }
}
