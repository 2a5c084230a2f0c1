import Anomaly
import Files
import Foundation
import GRDB
import Imaging
import Reporting
import Testing
import Workflows

/// Reports whose last run did not come to its end, or judged only some of the cases.
struct StandingTests {
  let batch: TinyBatch
  var report: String { batch.path + "/report" }

  init() throws {
    batch = try TinyBatch()
    try batch.study("brains", cases: 4)
    try batch.analyze("brains")
  }

  /// Begins a run, which is then killed.
  private func begin(_ change: (inout StudyContext) -> Void = { _ in }) throws {
    let index = try CaseIndex(writingTo: report + "/cases.sqlite")
    var context = try index.latestContext()
    change(&context)
    _ = try index.beginRun(
      context, toolVersion: "1", modelSHA256: context.modelSHA256 ?? "", studyPath: batch.path + "/brains")
  }

  private func evaluate() throws -> Evaluate.Outcome {
    let labels = batch.path + "/labels.csv"
    try Data("case,abnormal\nP1,1\nP2,0\nP3,0\nP4,1\n".utf8).write(to: URL(fileURLWithPath: labels))
    var settings = Evaluate.Settings(report: report)
    settings.labels = labels
    settings.resamples = 0
    return try Evaluate(settings).run()
  }

  @Test func `a whole report has nothing to say about its runs`() throws {
    #expect(try batch.index().standing().warnings == [])
    #expect(try ReportCheck(of: report).notes == [])
  }

  @Test func `a run that was killed is told of by pages, figures and verify`() throws {
    try begin()
    let warnings = try batch.index().standing().warnings
    #expect(warnings.count == 1 && warnings[0].hasPrefix("The last run is still at work, or was killed: "))
    _ = try Report.rebuild(in: report)
    #expect(try batch.page().contains("cases of the study may be missing"))
    #expect(try evaluate().notes.contains(warnings[0]))
    #expect(try ReportCheck(of: report).notes == ["\(report): \(warnings[0])"])
  }

  @Test func `cases that an earlier run judged at another rate are named, and no figure counts them`() throws {
    try begin { $0.results?.falsePositiveRate = 0.3 }
    let standing = try batch.index().standing()
    #expect(standing.outdated == ["P1", "P2", "P3", "P4"])
    #expect(standing.warnings[0].contains("the false-positive rate is 0.3, it was 0.05"), "\(standing.warnings)")
    _ = try Report.rebuild(in: report)
    #expect(try batch.page().contains("4 cases were judged by an earlier run under other settings"))
    // The run may be at work still.
    #expect(try ReportCheck(of: report).faults == [])
    #expect(try ReportCheck(of: report).notes.contains { $0.contains("were judged by an earlier run") })
    // A later run of norma has ended this one.
    try begin { $0.results?.falsePositiveRate = 0.3 }
    let index = try CaseIndex(writingTo: report + "/cases.sqlite")
    try index.finishRun(try #require(try index.latestRun()).id, .failed, context: index.latestContext())
    let check = try ReportCheck(of: report)
    #expect(check.faults.count == 1 && check.faults[0].contains("were judged by an earlier run"), "\(check.faults)")
    #expect(check.notes.count == 1 && check.notes[0].contains("ended with an error"), "\(check.notes)")
    let error = #expect(throws: NormaError.self) { try evaluate() }
    #expect(error?.found.hasPrefix("4 cases were judged by an earlier run under other settings (") == true)
    try batch.analyze("brains") { $0.falsePositiveRate = 0.3 }
    #expect(try batch.index().standing().warnings == [])
  }

  @Test func `reviews of another study are told of`() throws {
    let path = batch.path + "/reviews.json"
    let model = try #require(try batch.index().latestContext().modelSHA256)
    let text = """
      {"norma": "review 1", "study": "elsewhere", "model_sha256": "\(model)", "reviews": [
        {"case": "P1", "verdict": "agree", "reviewed_at": "2026-11-25T22:00:00Z"}]}
      """
    func told(_ text: String) throws -> [String] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      var told: [String] = []
      _ = try ImportReviews(report: report, reviewer: nil) { if case .warning(let text) = $0 { told.append(text) } }
        .run([path]) { _, _ in }
      return told
    }
    #expect(try told(text).contains { $0.contains("a report titled 'elsewhere', and this one is titled 'brains'") })
    #expect(try told(text.replacing("elsewhere", with: "brains")) == [])
  }

  @Test func `cases that the model learned from are told of under any name, by analyze and evaluate`() throws {
    let own = "The model knows all 4 cases: it learned from their files or was calibrated on them, so that their "
    try FileManager.default.createDirectory(atPath: batch.path + "/renamed", withIntermediateDirectories: true)
    for k in 1...4 {
      try FileManager.default.copyItem(
        atPath: batch.path + "/brains/P\(k)/scan.tif", toPath: batch.path + "/renamed/patient-\(k).tif")
    }
    #expect(try batch.analyze("renamed", to: "own").told.contains { $0.hasPrefix(own) })
    #expect(try batch.page(of: "own").contains("The model knows all 4 cases"))
    #expect(try evaluate().notes.contains { $0.hasPrefix(own) })
    // The names of cases that the model knows say nothing: the scans are others.
    try batch.study("others", cases: 4, seed: 7)
    #expect(try batch.analyze("others", to: "others-report").told.allSatisfy { !$0.contains("The model knows") })
  }

  @Test func `cases of the same files are told of`() throws {
    try batch.study("copies", cases: 3, seed: 5)
    try FileManager.default.copyItem(atPath: batch.path + "/copies/P2", toPath: batch.path + "/copies/again")
    let told = try batch.analyze("copies", to: "copies-report").told
    #expect(
      told.contains {
        $0
          == "1 case holds the same files as another case, and counts in every rate and figure all the same: P2, again are "
          + "one."
      }, "\(told)")
  }

  @Test func `a review of files that were replaced since is told of`() throws {
    let index = try CaseIndex(writingTo: report + "/cases.sqlite")
    let row = try #require(try index.cases(sort: .name).first)
    let model = try index.latestContext().modelSHA256
    _ = try index.record([
      Review(
        caseName: row.name, verdict: .agree, reviewedAt: "2026-11-25T22:00:00Z", modelSHA256: model, score: row.score)
    ])
    let words = "The review of 1 case judged another score than it has now"
    #expect(try batch.analyze("brains").told.allSatisfy { !$0.hasPrefix(words) })
    #expect(try !batch.page("cases/P1/index.html").contains("it judged a score of"))
    try batch.write(TinyBatch.scan(seed: 4711), as: "brains/P1/scan.tif")
    #expect(try batch.analyze("brains").told.contains { $0.hasPrefix(words) && $0.hasSuffix(": P1.") })
    _ = try Report.rebuild(in: report)
    #expect(try batch.page("cases/P1/index.html").contains("it judged a score of"))
  }

  @Test func `a score that finds less than the plain intensity is warned of where it is chosen`() throws {
    var knowledge = try Model(path: TinyBatch.models.get()[0]).record.knowledge
    knowledge.planted = .init(ensemble: 0.4, intensity: 0.3)
    #expect(knowledge.warning(on: .divergence, finding: 0.06)?.contains("kl has an average precision of 0.060") == true)
    #expect(knowledge.warning(on: .divergence, finding: 0.35) == nil)
    #expect(
      knowledge.warning(on: .ensemble, finding: 0) == nil && knowledge.warning(on: .intensity, finding: 0.3) == nil)
    // The same model, of which intensity found more.
    var model = try Model(path: TinyBatch.models.get()[0])
    model.record.knowledge.planted = .init(ensemble: 1, intensity: 0.98)
    let poor = batch.path + "/poor.safetensors"
    try model.save(to: poor)
    let told = try batch.analyze("brains", to: "chosen") {
      $0.score = .residual
      $0.model = poor
    }.told
    #expect(told.contains { $0.contains("finds no more than could be seen without the model") }, "\(told)")
    #expect(try batch.page(of: "chosen").contains("finds no more than could be seen without the model"))
  }

  @Test func `a shard that runs again after the merge is told of until the next merge`() throws {
    for number in 1...2 {
      try batch.analyze("brains", to: "shards") { $0.shard = Shard(number: number, of: 2) }
    }
    let merged = batch.path + "/shards"
    _ = try Merge(report: merged).run()
    #expect(try batch.index("shards").standing().warnings == [])
    try batch.write(TinyBatch.scan(seed: 4711), as: "brains/P1/scan.tif")
    for number in 1...2 {
      try batch.analyze("brains", to: "shards") { $0.shard = Shard(number: number, of: 2) }
    }
    let warnings = try batch.index("shards").standing().warnings
    #expect(warnings.count == 1 && warnings[0].hasPrefix("After the merge, shard 1/2, 2/2 ran again: "), "\(warnings)")
    _ = try Report.rebuild(in: merged)
    #expect(try batch.page(of: "shards").contains("After the merge, shard 1/2, 2/2 ran again"))
    _ = try Merge(report: merged).run()
    #expect(try batch.index("shards").standing().warnings == [])
  }

  @Test func `a merge names cases whose files have changed since a shard read them`() throws {
    for number in 1...2 {
      try batch.analyze("brains", to: "shards") { $0.shard = Shard(number: number, of: 2) }
    }
    func merge() throws -> (isComplete: Bool, told: [String]) {
      var told: [String] = []
      let outcome = try Merge(report: batch.path + "/shards") { if case .warning(let text) = $0 { told.append(text) } }
        .run()
      return (outcome.isComplete, told)
    }
    let words = ": files of 1 case have changed since a shard read them"
    // A file that was copied onto itself is the same file.
    let path = batch.path + "/brains/P2/scan.tif"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try merge().isComplete)
    try batch.write(TinyBatch.scan(seed: 4711), as: "brains/P1/scan.tif")
    let merged = try merge()
    #expect(!merged.isComplete && merged.told.contains { $0.contains(words) && $0.contains(": P1.") }, "\(merged)")
    #expect(try batch.page(of: "shards").contains("files of 1 case have changed since a shard read them"))
    // A case has a scan more, another one less.
    try batch.write(TinyBatch.scan(seed: 5), as: "brains/P3/second.tif")
    try batch.write(TinyBatch.scan(seed: 6), as: "brains/P4/second.tif")
    try FileManager.default.removeItem(atPath: batch.path + "/brains/P4/scan.tif")
    #expect(try merge().told.contains { $0.contains("files of 3 cases have changed") && $0.contains(": P1, P3, P4.") })
  }

  /// What counts is when the shards ran, not when the merge does; times of runs are whole seconds.
  @Test func `files that changed between the shards and the merge are named`() throws {
    try batch.analyze("brains", to: "shards") { $0.shard = Shard(number: 1, of: 1) }
    try batch.write(TinyBatch.scan(seed: 4711), as: "brains/P1/scan.tif")
    sleep(2)
    var told: [String] = []
    _ = try Merge(report: batch.path + "/shards") { if case .warning(let text) = $0 { told.append(text) } }.run()
    #expect(told.contains { $0.contains("files of 1 case have changed since a shard read them") }, "\(told)")
  }

  @Test func `what shows an altered index says so`() throws {
    var settings = Evaluate.Settings(report: report, masks: batch.path + "/masks")
    settings.resamples = 0
    for k in 1...4 { try batch.write(TinyBatch.mask(hasLesion: k == 2), as: "masks/P\(k)/scan_mask.tif") }
    let words = "what is shown is not what norma found: case 'P1' was altered after norma recorded it"
    #expect(try Evaluate(settings).run().notes.allSatisfy { !$0.hasPrefix(words) })
    try DatabaseQueue(path: report + "/cases.sqlite").write {
      try $0.execute(sql: "UPDATE cases SET score = 1, p_value = 0.9 WHERE name = 'P1'")
    }
    #expect(try batch.index().alterationWarning()?.hasPrefix(words) == true)
    #expect(try Evaluate(settings).run().notes.contains { $0.hasPrefix(words) })
  }

  @Test func `a case that is judged without all of its scans says so first`() throws {
    for name in ["other", "third"] {
      try Data("junk".utf8).write(to: URL(fileURLWithPath: batch.path + "/brains/P1/\(name).tif"))
    }
    try batch.analyze("brains")
    #expect(
      try batch.page("cases/P1/index.html").contains("lagged, with 2 of 3 scans failed and not looked at: "))
    #expect(try !batch.page("cases/P2/index.html").contains("failed and not looked at"))
    #expect(
      VerdictText.partlyExamined(try batch.index().casesPartlyFailed())
        == "1 case is judged without scans that failed: P1. failed_scan_count says how many.")
    #expect(VerdictText.partlyExamined([]) == nil)
  }

  /// Cases of several scans, labelled as cases: which scans of the abnormal one show it, nothing says.
  @Test func `figures of scans are not given where scans of abnormal cases are not known`() throws {
    for k in 1...2 { try batch.write(TinyBatch.scan(seed: UInt64(90 + k)), as: "brains/P\(k)/other.tif") }
    try batch.analyze("brains")
    let cases = try evaluate()
    #expect(cases.rows[0].figures.scanAUROC == nil && cases.rows[0].figures.caseAUROC != nil)
    let words = "No figure of scans is given: of 2 scans of abnormal cases nothing says whether they are abnormal: "
    #expect(cases.notes.contains { $0.hasPrefix(words) && $0.contains("P1/other.tif") }, "\(cases.notes)")
    var settings = Evaluate.Settings(report: report)
    settings.labels = batch.path + "/scans.csv"
    settings.resamples = 0
    let table = "case,scan,abnormal\nP1,scan.tif,1\nP1,other.tif,0\nP2,,0\nP3,,0\nP4,,1\n"
    try Data(table.utf8).write(to: URL(fileURLWithPath: settings.labels!))
    let scans = try Evaluate(settings).run()
    #expect(scans.rows[0].figures.scanAUROC != nil, "\(scans.notes)")
    #expect(scans.notes.allSatisfy { !$0.hasPrefix("No figure of scans") })
  }

  // MARK: - Masks

  private func evaluate(masks: String) throws -> Evaluate.Outcome {
    var settings = Evaluate.Settings(report: report, masks: "\(batch.path)/\(masks)")
    settings.resamples = 0
    return try Evaluate(settings).run()
  }

  /// `P1` has two scans, of which one is not scored.
  private func batchWithUnscoredScan(excluding: Bool) throws {
    for k in 1...4 { try batch.write(TinyBatch.mask(hasLesion: k == 2), as: "masks/P\(k)/scan_mask.tif") }
    try batch.write(TinyBatch.mask(), as: "masks/P1/other_mask.tif")
    if excluding {
      try batch.write(TinyBatch.scan(seed: 90), as: "brains/P1/other.tif")
    } else {
      try Data("junk".utf8).write(to: URL(fileURLWithPath: batch.path + "/brains/P1/other.tif"))
    }
    try batch.analyze("brains") { if excluding { $0.selection.excluded = ["other.tif"] } }
  }

  @Test(arguments: [false, true])
  func `a case with lesions in a scan that was not scored is no healthy case`(excluding: Bool) throws {
    try batchWithUnscoredScan(excluding: excluding)
    let outcome = try evaluate(masks: "masks")
    #expect(outcome.rows[0].figures.verdicts?.flaggedAbnormal?.total == 2, "\(outcome.notes)")
    #expect(outcome.rows[0].figures.verdicts?.flaggedHealthy?.total == 2)
    #expect(
      outcome.notes.contains(
        "1 case has lesions in scans that were not scored, and counts as abnormal: P1."), "\(outcome.notes)")
    #expect(
      outcome.notes.contains { $0.contains("file belongs to no scan of the report: P1/other_mask.tif") } == excluding)
  }

  @Test func `files in the folder of masks that belong to no scan are named`() throws {
    for k in 1...4 { try batch.write(TinyBatch.mask(hasLesion: k == 2), as: "masks/P\(k)/scan_mask.tif") }
    #expect(try evaluate(masks: "masks").notes.allSatisfy { !$0.contains("to no scan of the report") })
    try batch.write(TinyBatch.mask(), as: "masks/P3/scan_msk.tif")
    try batch.write(TinyBatch.mask(), as: "masks/P9/scan_mask.tif")
    let notes = try evaluate(masks: "masks").notes
    #expect(
      notes.contains {
        $0.hasSuffix(
          "masks: 2 files belong to no scan of the report: P3/scan_msk.tif, P9/scan_mask.tif. MASKS/CASE/SCAN_mask.tif "
            + "was expected.")
      }, "\(notes)")
  }

  @Test func `a case in which one scan is far brighter than the others is named`() throws {
    for k in 1...3 { try batch.write(TinyBatch.scan(seed: UInt64(200 + k)), as: "mixed/P1/scan\(k).tif") }
    var bright = TinyBatch.scan(seed: 210)
    for i in bright.samples.indices { bright.samples[i] *= 100 }
    try batch.write(bright, as: "mixed/P1/scan0.tif")
    try batch.write(TinyBatch.scan(seed: 220), as: "mixed/P2/scan.tif")
    let told = try batch.analyze("mixed", to: "mixed-report").told
    #expect(
      told.contains { $0.hasPrefix("In 1 case most scans show no tissue at the brightness of the others: P1.") },
      "\(told)")
    #expect(try batch.page(of: "mixed-report").contains("most scans show no tissue"))
  }

  @Test func `a case that is there twice is learned from once`() throws {
    try batch.study("twice", cases: 6)
    try FileManager.default.copyItem(atPath: batch.path + "/twice/P2", toPath: batch.path + "/twice/copy")
    // Another file with the same pixels, and a scan of its own.
    try batch.write(TinyBatch.scan(seed: 3), as: "twice/second/scan.tif", .float32)
    try batch.write(TinyBatch.scan(seed: 99), as: "twice/second/scan2.tif")
    var training = Train.Settings(study: batch.path + "/twice", output: batch.path + "/twice.safetensors")
    training.budget = .epochs(1)
    training.scoreShare = 0
    var told: [String] = []
    let outcome = try Train(training) { if case .warning(let text) = $0 { told.append(text) } }.run()
    let model = try #require(outcome).model
    // Capitals come first.
    #expect(
      told.contains {
        $0.hasPrefix("left out, since half of their scans or more are those of other cases: copy, second.")
      }, "\(told)")
    #expect(model.record.trainingCases + model.record.heldOutCases.count == 6)
  }

  @Test func `a model does not overwrite a scan`() throws {
    let scan = batch.path + "/brains/P1/scan.tif"
    let before = try Data(contentsOf: URL(fileURLWithPath: scan))
    let training = Train.Settings(study: batch.path + "/brains", output: scan)
    let error = #expect(throws: NormaError.self) { try Train(training).run() }
    #expect(error?.subject == scan && error?.found == "there is something else than a model, which would be lost")
    #expect(try Data(contentsOf: URL(fileURLWithPath: scan)) == before)
    #expect(throws: NormaError.self) { try Safetensors.checkReplaceable(batch.path + "/brains") }
    #expect(throws: Never.self) { try Safetensors.checkReplaceable(try TinyBatch.models.get()[0]) }
    #expect(throws: Never.self) { try Safetensors.checkReplaceable(batch.path + "/new.safetensors") }
  }

  @Test func `a mask with more pages than its scan's file has scans is refused`() throws {
    for k in 1...4 { try batch.write(TinyBatch.mask(hasLesion: k < 3), as: "masks/P\(k)/scan_mask.tif") }
    #expect(try evaluate(masks: "masks").lesionScans == 2)
    let stack = try ImageJStackWriter(
      path: batch.path + "/masks/P1/scan_mask.tif", width: TinyBatch.edge, height: TinyBatch.edge, images: 2,
      pixelSize: nil)
    for hasLesion in [false, true] { try stack.append(TinyBatch.mask(hasLesion: hasLesion).samples) }
    try stack.finish()
    let error = #expect(throws: NormaError.self) { try evaluate(masks: "masks") }
    #expect(error?.found == "the mask has 2 pages of one size, its scan's file 1 scan")
  }

  @Test func `masks that are lesion everywhere are named`() throws {
    for k in 1...4 {
      var mask = TinyBatch.mask(hasLesion: k < 3)
      for i in mask.samples.indices { mask.samples[i] = mask.samples[i] > 0 ? 2 : 1 }
      try batch.write(mask, as: "masks/P\(k)/scan_mask.tif")
    }
    let notes = try evaluate(masks: "masks").notes
    #expect(notes.contains { $0.hasPrefix("2 masks are lesion almost everywhere: ") }, "\(notes)")
  }
}
