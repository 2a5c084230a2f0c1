import Anomaly
import Foundation
import Imaging
import Reporting
import Testing
import Workflows

/// A report is one study scored by one model in one way.
struct OneReportTests {
  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  private func review(_ name: String) -> Review {
    Review(caseName: name, verdict: .agree, reviewedAt: "2026-01-01T00:00:00Z")
  }

  @Test func `another study is refused, though its cases have the same names`() throws {
    let batch = try TinyBatch()
    try batch.study("A/brains", cases: 3)
    try batch.study("B/brains", cases: 4, seed: 1)
    try batch.analyze("A/brains")
    let before = try batch.index().cases()
    let text = refusal { try batch.analyze("B/brains") }
    #expect(text.contains("it is of the study \(batch.path)/A/brains, not of \(batch.path)/B/brains"), "\(text)")
    #expect(text.contains("--output") && text.contains("--anew"))
    #expect(try batch.index().cases() == before)
  }

  @Test func `a study with more cases, moved or renamed as a whole, is gone on with`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 3)
    try batch.analyze("brains")
    try batch.study("brains", cases: 5)
    let grown = try batch.analyze("brains").outcome
    #expect(grown.unchanged == 3 && grown.recorded == 2)
    try FileManager.default.moveItem(atPath: batch.path + "/brains", toPath: batch.path + "/renamed")
    #expect(try batch.analyze("renamed").outcome.unchanged == 5)
    try FileManager.default.moveItem(atPath: batch.path + "/report", toPath: batch.path + "/elsewhere")
    #expect(try batch.analyze("renamed", to: "elsewhere").outcome.unchanged == 5)
  }

  @Test func `another model, score or resolution is refused`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    try batch.analyze("brains")
    let model = refusal { try batch.analyze("brains", model: 1) }
    #expect(model.contains("its model is another one (") && model.contains("model1.safetensors"), "\(model)")
    let score = refusal { try batch.analyze("brains") { $0.score = .residual } }
    #expect(score.contains("the score is residual, it was ensemble"), "\(score)")
    let level = refusal { try batch.analyze("brains") { $0.resolution = Resolution(level: 0) } }
    #expect(level.contains("the level is 0, it was the model's own"), "\(level)")
  }

  @Test func `a report is started anew where that is asked for, and no review is lost`() throws {
    let batch = try TinyBatch()
    try batch.study("A/brains", cases: 3)
    try batch.study("B/brains", cases: 2, seed: 1)
    try batch.analyze("A/brains")
    _ = try CaseIndex(updating: batch.path + "/report/cases.sqlite").record([review("P3")])
    let again = try batch.analyze("A/brains", model: 1) { $0.startsAnew = true }
    #expect(again.outcome.recorded == 3)
    #expect(again.told.contains { $0.contains("started anew") && $0.contains("3 cases and 1 review") }, "\(again.told)")
    #expect(try batch.index().reviews().keys.sorted() == ["P3"])
    // Nothing is dropped where nothing differs, so that a job that is started again makes progress.
    #expect(try batch.analyze("A/brains", model: 1) { $0.startsAnew = true }.outcome.unchanged == 3)

    try batch.analyze("B/brains", model: 1) { $0.startsAnew = true }
    #expect(try batch.index().cases(sort: .name).map(\.name) == ["P1", "P2"])
    #expect(try batch.index().reviews().isEmpty, "a review of another patient")
    let kept = try CaseIndex(readingFrom: batch.path + "/report/cases.sqlite.before-anew-2")
    #expect(try kept.reviews().keys.sorted() == ["P3"] && kept.cases().count == 3)
    #expect(try ReportCheck(of: batch.path + "/report").faults.isEmpty)
    #expect(refusal { try batch.analyze("A/brains", model: 1) }.contains("not of \(batch.path)/A/brains"))
  }

  @Test func `two studies of one name get reports of their own by default`() throws {
    let batch = try TinyBatch()
    try batch.study("A/brains", cases: 2)
    try batch.study("B/brains", cases: 2, seed: 1)
    // The default folder lies below the current one.
    let plain = try Analyze.Settings.defaultOutput("\(batch.path)/A/brains")
    #expect(plain == "Reports/brains")
    try batch.analyze("A/brains", to: "Reports/brains")
    let folder = ReportFolder(batch.path + "/Reports/brains")
    #expect(try folder.isFree(forStudyAt: batch.path + "/A/brains"))
    #expect(try !folder.isFree(forStudyAt: batch.path + "/B/brains"))
    #expect(try ReportFolder(batch.path + "/Reports/brains-2").isFree(forStudyAt: batch.path + "/B/brains"))
  }

  @Test func `a whole run and shards of two studies do not share a folder`() throws {
    let batch = try TinyBatch()
    try batch.study("A/brains", cases: 3)
    try batch.study("B/brains", cases: 3, seed: 1)
    try batch.analyze("A/brains", to: "shards") { $0.shard = Shard(number: 1, of: 1) }
    let whole = refusal { try batch.analyze("B/brains", to: "shards") }
    #expect(whole.contains("the folder holds results of another study"), "\(whole)")
    try batch.analyze("A/brains", to: "whole")
    let shard = refusal { try batch.analyze("B/brains", to: "whole") { $0.shard = Shard(number: 1, of: 1) } }
    #expect(shard.contains("the folder holds results of another study"), "\(shard)")
  }

  @Test func `a merge does not put another study's reviews or shards beside cases of the same name`() throws {
    let batch = try TinyBatch()
    try batch.study("A/brains", cases: 6)
    try batch.study("B/brains", cases: 6, seed: 1)
    for number in 1...2 { try batch.analyze("A/brains") { $0.shard = Shard(number: number, of: 2) } }
    _ = try Merge(report: batch.path + "/report").run()
    for number in 1...2 {
      try batch.analyze("B/brains") {
        $0.shard = Shard(number: number, of: 2)
        $0.startsAnew = true
      }
      guard number == 1 else { continue }
      let mixed = refusal { _ = try Merge(report: batch.path + "/report").run() }
      #expect(mixed.contains("this shard is of the study"), "\(mixed)")
    }
    let text = refusal { _ = try Merge(report: batch.path + "/report").run() }
    #expect(text.contains("it is of another study than the shards"), "\(text)")
  }

  @Test func `what is computed again is counted, with its reason, and kept in the run's record`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 3)
    #expect(try batch.analyze("brains").told.allSatisfy { !$0.contains("computed again") })
    let told = try batch.analyze("brains") { $0.falsePositiveRate = 0.5 }.told
    let sentence = "3 cases are computed again: the false-positive rate is 0.5, it was 0.05."
    #expect(told.contains(sentence), "\(told)")
    #expect(try batch.index().latestContext().record?.recomputed == [sentence])
    #expect(try batch.page().contains(sentence))
    #expect(
      try batch.analyze("brains") { $0.falsePositiveRate = 0.5 }.told.allSatisfy { !$0.contains("computed again") })
  }

  @Test func `what the user states of files is a reason to compute cases again`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 2)
    try batch.analyze("brains")
    let size = PixelSize(x: 500, y: 250)
    let told = try batch.analyze("brains") { $0.limits.stated = StatedFacts(noData: 7, pixelSize: size) }.told
    #expect(
      told.contains(
        "2 cases are computed again: the value without data is 7.0, it was the files' own; the size of a pixel is 500.0 x "
          + "250.0 micrometers, it was the files' own."), "\(told)")
    #expect(try batch.index().scans(of: batch.index().cases()[0].id)[0].micrometersPerPixelY == 250)
  }
}

/// Cases that left the study since they were analyzed.
struct AbsentCasesTests {
  private func names(_ batch: TinyBatch, where condition: String? = nil) throws -> [String] {
    var query = CaseQuery()
    if let condition { try query.filter(condition) }
    try query.show("name")
    let text = try batch.index().table(of: query).text(as: .csv)
    return text.components(separatedBy: "\r\n").dropFirst().dropLast().sorted()
  }

  /// A report of four cases, all flagged, of which P2 is reviewed and then taken out of the study.
  private func report() throws -> TinyBatch {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 4)
    try batch.analyze("brains") { $0.falsePositiveRate = 0.99 }
    _ = try CaseIndex(updating: batch.path + "/report/cases.sqlite").record([
      Review(caseName: "P2", verdict: .disagree, reviewedAt: "2026-01-01T00:00:00Z")
    ])
    try FileManager.default.moveItem(atPath: batch.path + "/brains/P2", toPath: batch.path + "/P2")
    return batch
  }

  @Test func `a case that left the study is kept with its review and counts nowhere`() throws {
    let batch = try report()
    let before = try batch.index().counts(falsePositiveRate: 0.99)
    let wasFlagged = try #require(try batch.index().case(named: "P2")).flagged
    let second = try batch.analyze("brains") { $0.falsePositiveRate = 0.99 }
    #expect(second.outcome.unchanged == 3)
    #expect(second.told.contains("BATCH/report: 1 case that left the study is kept, and counted nowhere: P2."))
    let index = try batch.index()
    #expect(try index.cases(inStudy: false).map(\.name) == ["P2"])
    let counts = try index.counts(falsePositiveRate: 0.99)
    #expect(before.cases == 4 && counts.cases == 3 && counts.scans == 3)
    #expect(
      second.outcome.counts?.flaggedCases == counts.flaggedCases
        && counts.flaggedCases == before.flaggedCases - (wasFlagged ? 1 : 0)
    )
    #expect(try names(batch) == ["P1", "P3", "P4"])
    #expect(try names(batch, where: "not in_study") == ["P2"])
    #expect(try index.reviews().keys.sorted() == ["P2"])
    let page = try batch.page()
    #expect(page.contains("1 case no longer in the study") && page.contains("reviewed: disagree"))
    #expect(page.contains("of 3 cases") && !page.contains("<tr data-name=\"P2\""))
    #expect(try batch.page("cases/P2/index.html").contains("No longer in the study."))
    #expect(try ReportCheck(of: batch.path + "/report").faults.isEmpty)
    #expect(try ExportSelection(of: batch.path + "/report").count == 3)
  }

  @Test func `a case that comes back is current, and its page says so`() throws {
    let batch = try report()
    try batch.analyze("brains") { $0.falsePositiveRate = 0.99 }
    try FileManager.default.moveItem(atPath: batch.path + "/P2", toPath: batch.path + "/brains/P2")
    #expect(try batch.analyze("brains") { $0.falsePositiveRate = 0.99 }.outcome.unchanged == 4)
    #expect(try batch.index().cases(inStudy: false).isEmpty)
    #expect(try !batch.page("cases/P2/index.html").contains("No longer in the study."))
    #expect(try !batch.page().contains("no longer in the study"))
  }

  @Test func `a case that left the study is removed where that is asked for, its review stays`() throws {
    let batch = try report()
    let told = try batch.analyze("brains") {
      $0.falsePositiveRate = 0.99
      $0.removesAbsent = true
    }.told
    #expect(told.contains("BATCH/report: 1 case that left the study is removed: P2."))
    #expect(try batch.index().cases(inStudy: nil).count == 3)
    #expect(try batch.index().reviews().keys.sorted() == ["P2"])
    #expect(!FileManager.default.fileExists(atPath: batch.path + "/report/cases/P2"))
    #expect(try ReportCheck(of: batch.path + "/report").faults.isEmpty)
  }

  @Test func `shards and their merge know which cases left the study`() throws {
    let batch = try TinyBatch()
    try batch.study("brains", cases: 6)
    for number in 1...2 { try batch.analyze("brains") { $0.shard = Shard(number: number, of: 2) } }
    try FileManager.default.removeItem(atPath: batch.path + "/brains/P2")
    let merged = try Merge(report: batch.path + "/report").run()
    #expect(merged.counts?.cases == 5 && merged.isComplete)
    #expect(try batch.index().cases(inStudy: false).map(\.name) == ["P2"])
    for number in 1...2 { try batch.analyze("brains") { $0.shard = Shard(number: number, of: 2) } }
    let status = try StudyStatus(of: batch.path + "/report")
    #expect(status.summary == "2 of 2 shards done; 5 of 5 cases; 1 case no longer in the study")
  }
}
