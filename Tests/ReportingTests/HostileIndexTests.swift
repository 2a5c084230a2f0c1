import Anomaly
import Files
import Foundation
import GRDB
import Numerics
import Reporting
import Testing

/// Indexes that were damaged, or made to do harm: all that reads a report ends in an answer or a sentence.
struct HostileIndexTests {
  let folder: TemporaryFolder
  /// A sound report.
  let report: String
  private var index: String { report + "/cases.sqlite" }

  init() throws {
    folder = try TemporaryFolder()
    var written = try SampleStudy.report(in: folder)
    report = written.folder.path
    for name in ["a", "b"] {
      try SampleStudy.write(
        SampleStudy.result(name, [SampleStudy.scan("1"), SampleStudy.scan("2"), SampleStudy.failedScan("3")]),
        to: written)
    }
    try written.finish(SampleStudy.context())
    let review = Review(
      caseName: "a", verdict: .agree, note: "n", reviewedAt: "2026-11-25T22:00:00Z", reviewer: "Ada",
      modelSHA256: SampleStudy.model, score: 4)
    _ = try CaseIndex(updating: index).record([review])
  }

  /// What reads the report and what writes it again; every sentence, in the order of the uses.
  private func use() -> [String] {
    var sentences: [String] = []
    func attempt(_ body: () throws -> Void) {
      do { try body() } catch let error as NormaError {
        sentences.append(error.description)
        #expect(error.subject?.hasPrefix(folder.path) == true)
      } catch { Issue.record("\(error)") }
    }
    func read(_ body: (CaseIndex) throws -> Void) { attempt { try body(try CaseIndex(readingFrom: index)) } }
    read { for row in try $0.cases() { _ = try $0.record(of: row.id) } }
    read { _ = try $0.scans(.failed) }
    read { _ = try $0.incompleteScans() }
    read { _ = try $0.reviews() }
    read { _ = try $0.latestContext() }
    for rows in [CaseQuery.Rows.cases, .regions] {
      read { index in
        let table = try index.table(of: CaseQuery(rows))
        for format in CaseTable.Format.allCases { _ = table.text(as: format) }
      }
    }
    attempt { _ = try ReportCheck(of: report) }
    attempt { _ = try Report.rebuild(in: report) }
    attempt { try Report.showReviews(ofCases: ["a", "b"], in: report) }
    for format in ReportExport.Format.allCases {
      attempt { _ = try ReportExport(ExportSelection(of: report)).write(as: format, to: folder.path + "/export") }
    }
    return sentences
  }

  private func change(_ sql: String, _ arguments: StatementArguments = []) throws {
    let queue = try DatabaseQueue(path: index)
    try queue.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
      try database.execute(sql: sql, arguments: arguments)
    }
    try queue.close()
  }

  @Test func `a sound index has nothing to complain of`() { #expect(use() == []) }

  @Test func `no value in any column crashes anything`() throws {
    let sound = try Data(contentsOf: URL(fileURLWithPath: index))
    let values: [DatabaseValue] = [
      "text".databaseValue, "../../elsewhere/index.html".databaseValue, Int64.max.databaseValue,
      Int64.min.databaseValue, (-1).databaseValue, 0.databaseValue, 1e300.databaseValue,
      Double.infinity.databaseValue, 0.5.databaseValue, Data([0, 0xFF]).databaseValue, .null,
    ]
    var random = RandomGenerator(seed: 8)
    var complaints = 0
    for table in ["runs", "cases", "scans", "regions", "reviews"] {
      let columns = try DatabaseQueue(path: index).read { try $0.columns(in: table).map(\.name) }
      for column in columns {
        for value in values.shuffled(using: &random).prefix(2) {
          try sound.write(to: URL(fileURLWithPath: index))
          do { try change("UPDATE \(table) SET \(column) = ?", [value]) } catch is DatabaseError { continue }
          if !use().isEmpty { complaints += 1 }
        }
      }
    }
    #expect(complaints > 20)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["export", "report"])
  }

  @Test func `damaged pages crash nothing`() throws {
    let sound = [UInt8](try Data(contentsOf: URL(fileURLWithPath: index)))
    var random = RandomGenerator(seed: 5)
    func place(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    var complaints = 0
    for round in 0..<60 {
      var bytes = sound
      switch round % 3 {
      case 0: for _ in 0..<4 { bytes[place(bytes.count)] = UInt8(place(256)) }
      case 1:
        let page = place(bytes.count / 4096) * 4096
        for k in page..<page + 4096 { bytes[k] = round % 2 == 0 ? 0 : UInt8(place(256)) }
      default: bytes.removeLast(place(bytes.count))
      }
      try Data(bytes).write(to: URL(fileURLWithPath: index))
      if !use().isEmpty { complaints += 1 }
    }
    #expect(complaints > 20)
  }

  @Test(
    arguments: [
      ("DROP TABLE regions", "its index regions_by_peak is missing"),
      ("DROP VIEW case_overview", "its view case_overview is missing"),
      ("ALTER TABLE scans ADD COLUMN other TEXT", "its table scans is not the one that norma makes"),
      (
        "DROP VIEW failed_scans; CREATE VIEW failed_scans AS SELECT load_extension('x') AS error",
        "its view failed_scans is not the one that norma makes"
      ),
      (
        "ALTER TABLE cases RENAME TO others; CREATE VIEW cases AS SELECT * FROM others",
        "its index cases_by_flag is not the one that norma makes"
      ),
      (
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN UPDATE cases SET report_path = '../x/index.html'; END",
        "it has triggers, norma makes none"
      ),
      (
        "UPDATE cases SET report_path = 'cases/../../x/index.html'",
        "case 1 has a page that lies elsewhere than in the report's cases"
      ),
      (
        "UPDATE cases SET report_path = 'cases/x.html'",
        "case 1 has a page that lies elsewhere than in the report's cases"
      ),
      (
        "UPDATE scans SET heatmap_path = '/etc/passwd' WHERE heatmap_path IS NOT NULL",
        "scan 1 has a heatmap that lies elsewhere than in the report's cases"
      ),
      ("UPDATE regions SET x = 9223372036854775807", "a region has a place or size that no scan has"),
      ("UPDATE scans SET width = 'wide' WHERE status = 'done'", "it holds values of other kinds than norma writes"),
      ("UPDATE scans SET downsample = 0 WHERE id = 1", "scan 1 has a heatmap with pixels of a size that none has"),
      (
        "UPDATE scans SET downsample_y = 9e999 WHERE id = 1", "scan 1 has a heatmap with pixels of a size that none has"
      ),
      ("UPDATE scans SET missing_share = 1.5 WHERE id = 1", "scan 1 has a share that is not between 0 and 1"),
      ("UPDATE scans SET p_value = -0.1 WHERE id = 1", "scan 1 has a share that is not between 0 and 1"),
      ("UPDATE scans SET score = 9e999 WHERE id = 1", "scan 1 has no finite score"),
      ("UPDATE cases SET p_value = 2", "case 1 has a share that is not between 0 and 1"),
      ("UPDATE cases SET score = -9e999", "case 1 has no finite score"),
      ("UPDATE regions SET q_value = 3", "a region has a share that is not between 0 and 1"),
      ("UPDATE regions SET peak = 9e999", "a region has no finite peak, mean or area"),
    ])
  func `an index that was changed by hand says in what`(sql: String, detail: String) throws {
    try change(sql)
    let remedy = "Move it away and run norma analyze again to make a new one."
    let sentence = "\(index): the index is damaged: \(detail). \(remedy)"
    #expect(use().contains(sentence), "\(use())")
    if !sql.hasPrefix("UPDATE") {
      #expect(throws: NormaError.self) { try CaseIndex(writingTo: index) }
    }
  }

  @Test func `tables that someone adds are theirs`() throws {
    try change("CREATE TABLE notes (text); CREATE INDEX mine ON cases (p_value)")
    #expect(use() == [])
  }

  @Test func `a new index that a full disk left half made is completed, without a copy of it`() throws {
    let path = folder.path + "/cases.sqlite"
    for migration in [nil, "3: p and q of regions"] as [String?] {
      let queue = try DatabaseQueue(path: path)
      if let migration {
        try IndexSchema.migrator.migrate(queue, upTo: migration)
      } else {
        try queue.write { try $0.execute(sql: "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)") }
      }
      try queue.close()
      _ = try CaseIndex(writingTo: path).beginRun(
        SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains(".before") }
      #expect(files == [])
      for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + ending) }
    }
  }
}
