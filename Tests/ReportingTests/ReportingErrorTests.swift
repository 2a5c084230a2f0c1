import Foundation
import GRDB
import Reporting
import Testing

struct ReportingErrorTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/cases.sqlite" }

  init() throws { folder = try TemporaryFolder() }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "nothing thrown"
  }

  @Test func `a folder without an index says what to run`() {
    #expect(
      message { _ = try CaseIndex(readingFrom: path) }
        == "\(folder.path): not a report folder: it has no cases.sqlite. Run norma analyze first.")
  }

  @Test func `a file that is no database gives a sentence`() throws {
    try Data(repeating: 0x41, count: 5000).write(to: URL(filePath: path))
    let expected =
      "\(path): the index is damaged or no SQLite database. "
      + "Move it away and run norma analyze again to make a new one."
    #expect(message { _ = try CaseIndex(readingFrom: path) } == expected)
    #expect(message { _ = try CaseIndex(writingTo: path) } == expected)
  }

  @Test func `an index damaged in its middle gives a sentence`() throws {
    do {
      let index = try CaseIndex(writingTo: path)
      let run = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S")
      let scans = (0..<200).map { SampleStudy.scan("\($0)") }
      try index.record(
        SampleStudy.result("a", scans), run: run, scoring: "s", reportPath: "cases/p/index.html",
        heatmapPath: { "cases/\($0.name)" })
    }
    _ = try DatabaseQueue(path: path).writeWithoutTransaction { try $0.checkpoint(.truncate) }
    var bytes = try Data(contentsOf: URL(filePath: path))
    for offset in 8192..<bytes.count { bytes[offset] = 0xff }
    try bytes.write(to: URL(filePath: path))
    let text = message {
      let index = try CaseIndex(readingFrom: path)
      for row in try index.cases() { _ = try index.scans(of: row.id) }
      _ = try index.scans(.failed)
    }
    #expect(
      text
        == "\(path): the index is damaged or no SQLite database. "
        + "Move it away and run norma analyze again to make a new one.")
  }

  @Test func `an empty file is not taken for a report`() throws {
    try Data().write(to: URL(filePath: path))
    #expect(
      message { _ = try CaseIndex(readingFrom: path) }
        == "\(path): the index is empty. Run norma analyze on this folder again.")
  }

  @Test func `a database of another program is left alone`() throws {
    try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE patients (id INTEGER)") }
    #expect(
      message { _ = try CaseIndex(writingTo: path) }
        == "\(path): a SQLite database, but not an index of norma's: it holds other tables. "
        + "Choose another folder with --output.")
    let tables = try DatabaseQueue(path: path).read { try String.fetchAll($0, sql: "SELECT name FROM sqlite_master") }
    #expect(tables == ["patients"])
  }

  @Test func `an index of a newer norma is refused`() throws {
    _ = try CaseIndex(writingTo: path)
    try DatabaseQueue(path: path).write {
      try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99: later')")
    }
    let expected = "\(path): the index was written by a newer norma. Update norma, or analyze into a new folder."
    #expect(message { _ = try CaseIndex(writingTo: path) } == expected)
    #expect(message { _ = try CaseIndex(readingFrom: path) } == expected)
  }

  @Test func `an output folder that is a file gives a sentence`() throws {
    try Data().write(to: URL(filePath: folder.path + "/report"))
    let text = message { _ = try SampleStudy.report(in: folder) }
    #expect(
      text == "\(folder.path)/report: a file, not a folder. Choose another folder with --output or remove the file.")
  }

  @Test func `a locked index is named as such`() throws {
    let index = try CaseIndex(writingTo: path, patience: 0.05)
    let text = try DatabaseQueue(path: path).write { _ in
      message { _ = try index.beginRun(SampleStudy.context(), toolVersion: "1", modelSHA256: "m", studyPath: "S") }
    }
    #expect(
      text
        == "\(path): the index is locked by another program. "
        + "Wait for the other norma to finish or close the program that has it open, then try again.")
  }
}
