import Files
import Foundation
import Reporting
import Testing
import Workflows

/// Reports in which a link stands in place of what norma writes to, as somebody else may hand them over.
struct ReportLinkTests {
  let batch: TinyBatch
  var report: String { batch.path + "/report" }
  var outside: String { batch.path + "/outside" }

  init() throws {
    batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    try batch.analyze("brains")
  }

  /// Moves a part of the report outside and puts a link in its place.
  private func moveOut(_ part: String) throws {
    try FileManager.default.moveItem(atPath: "\(report)/\(part)", toPath: outside)
    try FileManager.default.createSymbolicLink(atPath: "\(report)/\(part)", withDestinationPath: outside)
  }

  /// The contents of everything outside, by path.
  private func contents() throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: batch.path).filter { $0.hasPrefix("outside") }
    return names.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: "\(batch.path)/\($1)") }
  }

  @Test(arguments: ["cases", "cases/P1", "assets", "cases.sqlite"])
  func `nothing is written through a link in a report`(part: String) throws {
    try moveOut(part)
    let before = try contents()
    #expect(!before.isEmpty)
    let words = "it is a link, through which norma would write outside of the report"
    let analysis = #expect(throws: NormaError.self) { try batch.analyze("brains") { $0.falsePositiveRate = 0.3 } }
    #expect(analysis?.found == words && analysis?.subject == "\(report)/\(part)")
    let rebuilt = #expect(throws: NormaError.self) { try RebuildPages(report: report).run() }
    #expect(rebuilt?.found == words)
    #expect(try contents() == before)
    let faults = try ReportCheck(of: report).faults
    #expect(faults.contains { $0.hasPrefix("\(report)/\(part): it is a link") }, "\(faults)")
  }

  @Test func `a link in place of the lock is not written through`() throws {
    let kept = batch.path + "/kept.txt"
    try Data("mine".utf8).write(to: URL(fileURLWithPath: kept))
    try FileManager.default.createSymbolicLink(atPath: report + "/.norma.lock", withDestinationPath: kept)
    #expect(throws: NormaError.self) { try batch.analyze("brains") }
    #expect(FileManager.default.contents(atPath: kept) == Data("mine".utf8))
  }

  @Test func `the report itself may be reached through a link`() throws {
    try FileManager.default.moveItem(atPath: report, toPath: outside)
    try FileManager.default.createSymbolicLink(atPath: report, withDestinationPath: outside)
    #expect(try batch.analyze("brains").outcome.unchanged == 2)
    #expect(try ReportCheck(of: report).faults == [])
  }

  @Test func `what a killed writer left anywhere in the report goes with the next run`() throws {
    let left = ["", "cases/", "cases/P1/", "assets/"].map { "\(report)/\($0).scan.tif.1abc.part" }
    for path in left { try Data("half".utf8).write(to: URL(fileURLWithPath: path)) }
    try batch.analyze("brains")
    for path in left { #expect(!FileManager.default.fileExists(atPath: path)) }
  }

  @Test(arguments: ["site", "site/P1"])
  func `an export does not write through a link`(link: String) throws {
    let output = batch.path + "/export"
    try FileManager.default.createDirectory(atPath: output + "/site", withIntermediateDirectories: true)
    if link == "site" { try FileManager.default.removeItem(atPath: output + "/site") }
    try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: "\(output)/\(link)", withDestinationPath: outside)
    try batch.study("sites/site", cases: 1, seed: 3)
    try batch.analyze("sites", to: "sites-report")
    let selection = try ExportSelection(of: batch.path + "/sites-report", flaggedOnly: false, names: nil)
    #expect(throws: NormaError.self) { try ReportExport(selection).write(as: .mask, to: output) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
  }
}
