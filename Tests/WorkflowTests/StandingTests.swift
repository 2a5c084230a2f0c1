import Anomaly
import Files
import Foundation
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

  @Test func `cases with the names of those that the model was calibrated on are told of`() throws {
    let (_, told) = try batch.analyze("brains", to: "own")
    let own = try Model(path: TinyBatch.models.get()[0]).record.heldOutCases
    let shared = own.count { ["P1", "P2", "P3", "P4"].contains($0) }
    let expects = shared >= 3 && 2 * shared >= own.count
    try batch.study("same", cases: 10)
    #expect(told.contains { $0.contains("on which the model was calibrated") } == expects)
    #expect(try batch.analyze("same", to: "same-report").told.contains { $0.hasPrefix("4 of the 4 cases on which") })
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
    var training = Train.Settings(study: batch.path + "/twice", output: batch.path + "/twice.safetensors")
    training.budget = .epochs(1)
    training.scoreShare = 0
    var told: [String] = []
    let outcome = try Train(training) { if case .warning(let text) = $0 { told.append(text) } }.run()
    let model = try #require(outcome).model
    // Capitals come first.
    #expect(told.contains { $0.hasPrefix("left out, since their files are those of other cases: copy.") }, "\(told)")
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
