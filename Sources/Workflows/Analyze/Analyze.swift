import Anomaly
import Compute
import Files
import Foundation
import Imaging
import Reporting
import Threads

/// Scores the cases of a study, or of a shard of it, and writes their report.
///
/// A second run into the same report continues where the first ended. Cases whose files, model and settings have not
/// changed are not computed again.
package struct Analyze {
  package typealias Settings = AnalyzeSettings

  package struct Outcome: Sendable {
    package var output: String
    package var shard: Shard?
    package var cases = 0
    /// What the report holds at the end of the run, see `StudyCounts`; `nil` before.
    package var counts: StudyCounts?
    /// Cases kept as an earlier run recorded them.
    package var unchanged = 0
    /// Cases recorded by this run.
    package var recorded = 0
    package var scans = 0
    /// Scans that were scored piece by piece, and those that were scored whole.
    package var slides = 0
    package var others = 0
    /// Padding in the scans of the cases recorded by this run.
    package var padding = PaddingCount()
    package var seconds = 0.0
    /// How the study compares with the training study, as one line; `nil` for a shard, which does not have all cases.
    package var domain: String?
    /// The false-positive rate behind the flags, as one line.
    package var rate: String?
    /// Whether the model has learned what it needs, see `ModelKnowledge`.
    package var hasLearned = true

    /// Whether every case was examined, and no scan failed.
    package var isComplete: Bool { counts?.isComplete ?? false }
  }

  private let settings: Settings
  private let observe: WorkflowObserver

  package init(_ settings: Settings, observe: @escaping WorkflowObserver = { _ in }) {
    self.settings = settings
    self.observe = observe
  }

  /// - Throws: `Stopped` where the user stopped the run, with all finished cases kept; `NormaError` where it cannot
  ///   continue.
  package func run() throws -> Outcome {
    let start = Date()
    var trained = try Model(path: settings.model)
    let resolutionNote = settings.resolution.note(on: trained.preparation)
    trained.preparation = settings.resolution.applied(to: trained.preparation)
    let whole = try Study(path: settings.study, taking: settings.selection)
    try checkOutput(whole)
    let study = settings.shard.map { shard in whole.part { shard.contains(caseNamed: $0.name) } } ?? whole
    let notes = whole.notes + study.oddities(limits: settings.limits)
    for note in notes { observe(.warning(note)) }
    let precision = settings.precision ?? trained.precision
    let scorer = try Scorer(
      trained, path: settings.model, score: settings.score, engine: try Engine(precision: precision))
    scorer.keep(to: settings.memory)
    let digest = Study.digest(ofFile: settings.model) ?? ""
    var context = context(of: trained, by: scorer, precision: precision, digest: digest)
    context.shard = settings.shard.map {
      ShardFacts(shard: $0, cases: study.cases.count, resolutionNote: resolutionNote)
    }
    let lock = try WritingRight.take(
      report: settings.output, shard: settings.shard, makingFolder: true, observe: observe)
    defer { lock.release() }
    let dropped = try ReportFolder(settings.output, shard: settings.shard).admit(
      context, of: whole, startsAnew: settings.startsAnew, sharing: lock.sharing(of: settings.shard))
    if let dropped { observe(.warning(dropped)) }
    var report = try Report(
      writingTo: settings.output, shard: settings.shard, sharing: lock.sharing(of: settings.shard), context: context,
      toolVersion: ToolVersion.current, modelSHA256: digest, studyPath: settings.study,
      cases: whole.cases.map(\.name))
    var outcome = Outcome(output: settings.output, shard: settings.shard)
    outcome.cases = study.cases.count
    if let warning = context.rateWarning { observe(.warning(warning)) }
    outcome.rate = context.rateInWords
    outcome.hasLearned = trained.record.knowledge.warnings.isEmpty
    for warning in trained.record.knowledge.warnings { observe(.warning("\(settings.model): \(warning)")) }
    if let warning = trained.record.knowledge.warning(
      on: settings.score, finding: trained.book.planted[settings.score] ?? 0)
    {
      context.warnings.append(warning)
      observe(.warning("\(settings.model): \(warning)"))
    }

    do {
      let recomputed = try open(report, study)
      context.record?.recomputed = recomputed.isEmpty ? nil : recomputed
      let scoring = CaseScoring(
        study: study, model: trained, scorer: scorer, report: report, settings: settings, observe: observe)
      try analyzeCases(of: study, scoring, report, &outcome)
    } catch let stop as Stopped {
      let done = "after \(outcome.unchanged + outcome.recorded) of \(Count.of(outcome.cases, "case"))"
      try report.stopStudy(context, because: "The last run was stopped \(done); run norma analyze again to go on.")
      throw Stopped(
        signal: stop.signal,
        description: "\(settings.output): stopped by \(Stopped.name(of: stop.signal)) \(done), which are kept. Run the "
          + "same command again to go on.")
    } catch {
      // Finished cases stay readable. On a full disk even this may fail, and the first error says why.
      try? report.finish(context, .failed)
      throw error
    }
    let counts = try report.index.counts(falsePositiveRate: context.falsePositiveRate)
    outcome.counts = counts
    outcome.seconds = Date().timeIntervalSince(start)
    context.record?.seconds = outcome.seconds
    if let note = outcome.padding.note {
      // A shard's count is not the study's.
      if settings.shard == nil { context.warnings.append(note) }
      observe(.warning(note))
    }
    if settings.shard == nil {
      let closing = StudyClosing(
        model: trained, score: settings.score, slides: outcome.slides, others: outcome.others,
        minimumRegionArea: settings.minimumRegionArea, resolutionNote: resolutionNote, observe: observe)
      outcome.domain = try closing.add(to: &context, from: report.index, cases: Set(study.cases.map(\.name)))
      context.warnings += notes
    } else {
      context.shard?.slides = outcome.slides
      context.shard?.others = outcome.others
    }
    try report.finish(context)
    return outcome
  }

  /// Refuses a folder of the report in which scans of the study lie: they would lie in a report from then on.
  private func checkOutput(_ study: Study) throws(NormaError) {
    let (folder, own) = (FilePath.resolved(study.path), FilePath.resolved(settings.output))
    func isInside(_ path: String) -> Bool { (path + "/").hasPrefix(own == "/" ? own : own + "/") }
    guard isInside(folder) || study.cases.contains(where: { $0.files.contains { isInside("\(folder)/\($0)") } }) else {
      return
    }
    throw NormaError(
      subject: settings.output, found: "scans of the study lie in this folder, which would become the report's",
      remedy: "Choose another folder with --output")
  }

  /// Holds the cases that are recorded against the study.
  ///
  /// - Returns: sentences that say which of them are computed again, and why.
  private func open(_ report: Report, _ study: Study) throws -> [String] {
    let absent = try report.mark(casesInStudy: study.cases.map(\.name))
    if settings.removesAbsent { _ = try report.removeCasesNotInStudy() }
    if let note = NameList.absent(absent, areRemoved: settings.removesAbsent) {
      observe(.warning("\(settings.output): \(note)"))
    }
    let recomputed = try report.recomputations()
    for sentence in recomputed { observe(.notice(sentence)) }
    return recomputed
  }

  private func analyzeCases(
    of study: Study, _ scoring: CaseScoring, _ report: Report, _ outcome: inout Outcome
  ) throws {
    for (index, item) in study.cases.enumerated() {
      try Interruption.check()
      observe(.beginning(item.name, index, of: study.cases.count))
      let found = Parallel.map(item.files.count) { Study.digest(ofFile: study.path + "/" + item.files[$0]) }
      let digests = zip(item.files, found).reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
      if digests.count == item.files.count, try report.isCurrent(caseNamed: item.name, digests: digests) {
        outcome.unchanged += 1
        continue
      }
      // What an older run recorded of the case stays valid until the first file is written.
      let pictures = scoring.pictures(of: item)
      try report.beginCase(named: item.name)
      do {
        let (result, slides) = try scoring.result(of: item, pictures)
        try report.finishCase(result)
        outcome.recorded += 1
        outcome.scans += result.scans.count
        for source in pictures.sources { outcome.padding.add(source.padding) }
        outcome.slides += slides
        outcome.others += result.scans.count { if case .done = $0.outcome { true } else { false } } - slides
      } catch {
        report.abandonCase(named: item.name)
        throw error
      }
    }
    observe(.progress("\(Count.of(study.cases.count, "case")) done", 1, isLast: true))
  }

  private func context(
    of model: Model, by scorer: Scorer, precision: Precision, digest: String
  ) -> StudyContext {
    let calibration = scorer.calibration
    let rule = model.book.rule
    let rate = calibration.attainableRate(settings.falsePositiveRate)
    let threshold = calibration.regionThreshold(rate: settings.falsePositiveRate)
    let display =
      rule.channelWeights == nil && model.preparation.channels == 3 ? ScanDisplay.color : ScanDisplay.channels
    var results = ResultSettings(
      score: settings.score, precision: precision, falsePositiveRate: settings.falsePositiveRate,
      largestWhole: settings.reading(for: model, by: scorer).largestWhole)
    results.level = settings.resolution.level
    results.micrometersPerPixel = settings.resolution.micrometersPerPixel
    results.toleratedMissing = settings.limits.toleratedMissing
    results.keepsMetadata = settings.keepsMetadata
    results.noData = settings.limits.stated.noData
    results.pixelSize = settings.limits.stated.pixelSize
    results.minimumRegionArea = settings.minimumRegionArea?.description
    var context = StudyContext(
      title: URL(fileURLWithPath: settings.study).standardizedFileURL.lastPathComponent, scoring: results.key,
      threshold: threshold, falsePositiveRate: rate, calibrationScores: calibration.caseScores,
      scoreThreshold: calibration.caseThreshold(rate: settings.falsePositiveRate), display: display,
      warnings: model.record.warnings)
    context.results = results
    context.record = RunRecord(
      toolVersion: ToolVersion.current, study: settings.study, model: settings.model, modelSHA256: digest,
      trained: model, score: settings.score, precision: precision, compute: Engine.description,
      threads: Parallel.threads, command: CommandLine.arguments, startedAt: Date().formatted(.iso8601))
    context.record?.selection = settings.selection
    context.warnings += [context.rateWarning].compactMap { $0 }
    context.keepsResidual = settings.keepsResidual
    context.modelSHA256 = digest
    context.heatReach = model.book.reach[settings.score]
    context.emphasis = rule.emphasis(channels: model.preparation.channels)
    return context
  }
}
