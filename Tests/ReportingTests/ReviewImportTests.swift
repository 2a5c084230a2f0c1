import Anomaly
import Foundation
import GRDB
import Reporting
import Testing

struct ReviewImportTests {
  let sample: SampleIndex
  var index: CaseIndex { sample.index }

  init() throws { sample = try SampleIndex() }

  private func review(
    _ name: String, _ verdict: Verdict, at time: String, note: String = "", model: String? = SampleStudy.model
  ) -> Review {
    Review(caseName: name, verdict: verdict, note: note, reviewedAt: time, modelSHA256: model, score: 8)
  }

  @Test func `the newer of two reviews stays, in whatever order they come`() throws {
    let older = review("severe", .agree, at: "2026-11-25T22:00:00Z")
    let newer = review("severe", .unsure, at: "2026-11-25T22:00:00.5Z", note: "look again")
    #expect(try index.record([older]) == ReviewImport(new: 1))
    #expect(try index.record([newer]) == ReviewImport(changed: 1))
    #expect(try index.record([older]) == ReviewImport(unchanged: 1))
    #expect(try index.record([newer]) == ReviewImport(unchanged: 1))
    #expect(try index.reviews()["severe"] == newer)
    let other = try SampleIndex()
    #expect(try other.index.record([newer, older, newer]) == ReviewImport(new: 1))
    #expect(try other.index.reviews()["severe"] == newer)
  }

  @Test func `of two reviews of one moment the same stays in either order`() throws {
    let time = "2026-11-25T22:00:00Z"
    let (one, two) = (review("severe", .agree, at: time), review("severe", .disagree, at: time))
    let other = try SampleIndex()
    for review in [one, two] { _ = try index.record([review]) }
    for review in [two, one] { _ = try other.index.record([review]) }
    #expect(try index.reviews()["severe"] == other.index.reviews()["severe"])
  }

  @Test func `a review of another score by the same model is counted`() throws {
    let time = "2026-11-25T22:00:00Z"
    let result = try index.record([review("severe", .agree, at: time), review("healthy", .agree, at: time)])
    #expect(result == ReviewImport(new: 2, ofOtherScores: 1))
  }

  @Test func `cases that the index does not have are named, and the others are kept`() throws {
    let time = "2026-11-25T22:00:00Z"
    let result = try index.record([
      review("gone", .agree, at: time), review("severe", .agree, at: time), review("lost", .agree, at: time),
      review("healthy", .disagree, at: time, model: "another"), review("broken", .unsure, at: time, model: nil),
    ])
    #expect(result == ReviewImport(new: 3, unknownCases: ["gone", "lost"], ofOtherModels: 1))
    #expect(try Set(index.reviews().keys) == ["severe", "healthy", "broken", "mild [x] 100%"])
  }

  @Test func `a review outlives the analysis of its case`() throws {
    _ = try index.record([review("severe", .agree, at: "2026-11-25T22:00:00Z")])
    let run = try index.beginRun(SampleStudy.context(), toolVersion: "2", modelSHA256: "new", studyPath: "S")
    try index.record(
      SampleStudy.result("severe", [SampleStudy.scan("1", score: 5)]), run: run, scoring: "s",
      reportPath: "cases/p/index.html",
      heatmapPath: { "cases/\($0.name)" })
    let row = try #require(
      try DatabaseQueue(path: sample.path).read {
        try Row.fetchOne($0, sql: "SELECT verdict, score, judged_score, same_model FROM reviewed_cases")
      })
    #expect(row == ["verdict": "agree", "score": 5.0, "judged_score": 8.0, "same_model": 0])
    #expect(try sample.names(where: "verdict = agree and score < judged_score") == ["severe"])
  }

  @Test func `a finished index with new reviews is one plain file`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/cases.sqlite"
    try FileManager.default.copyItem(atPath: sample.path, toPath: path)
    _ = try CaseIndex(updating: path).record([review("severe", .agree, at: "2026-11-25T22:00:00Z")])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["cases.sqlite"])
  }

  @Test func `reviews are kept while a batch has the index open`() throws {
    let batch = try CaseIndex(writingTo: sample.path)
    _ = try batch.beginRun(SampleStudy.context(), toolVersion: "2", modelSHA256: "m", studyPath: "S")
    let start = ContinuousClock.now
    _ = try CaseIndex(updating: sample.path).record([review("severe", .agree, at: "2026-11-25T22:00:00Z")])
    #expect(ContinuousClock.now - start < .seconds(5))  // the log stays, and nobody waits for the batch to end
    #expect(try batch.reviews().count == 2)
  }

  @Test func `the views answer plain SQL`() throws {
    try DatabaseQueue(path: sample.path).read { database in
      let largest = try Row.fetchAll(database, sql: "SELECT case_name, rank, area_mm2, path FROM largest_regions")
      #expect(
        largest == [
          ["case_name": "severe", "rank": 2, "area_mm2": 16.0, "path": "case/left/a.tif"],
          ["case_name": "mild [x] 100%", "rank": 1, "area_mm2": 1.0, "path": "case/left/a.tif"],
        ])
      let failed = try String.fetchAll(database, sql: "SELECT case_name || ': ' || error FROM failed_scans")
      #expect(
        failed == [
          "broken: scan.tif: a strip is missing. Export it again.",
          "severe: scan.tif: no TIFF file. Export it again.",
        ])
      let overview = try Row.fetchAll(
        database, sql: "SELECT name, region_area_px, peak, reviewed, verdict FROM case_overview ORDER BY score DESC")
      #expect(overview[0] == ["name": "severe", "region_area_px": 80, "peak": 9.0, "reviewed": 0, "verdict": nil])
      #expect(overview[1]["verdict"] == "disagree")
      #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM region_overview") == 4)
    }
  }
}
