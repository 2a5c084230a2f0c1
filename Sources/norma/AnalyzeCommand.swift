import Anomaly
import ArgumentParser
import Compute
import Foundation
import Imaging
import Reporting

struct AnalyzeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Score a study folder; write heatmaps, pages and the index.",
    discussion: """
      Run again it goes on: cases whose files, model and settings have not changed are not computed twice. A scan that
      cannot be read is recorded as failed with its reason, and the others are finished.
      """)

  @Argument(help: ArgumentHelp("Folder of scans.", valueName: "study"))
  var study: String

  @Option(name: .shortAndLong, help: "Model file that `norma train` wrote.")
  var model: String

  @Option(name: .shortAndLong, help: "Folder of the report. By default Reports/ and the study's name.")
  var output: String?

  @Option(help: "Share of healthy cases that may be flagged.")
  var falsePositiveRate = 0.05

  @Option(help: "What heatmaps show: \(Score.allCases.map(\.rawValue).joined(separator: ", ")).")
  var score: Score = .ensemble

  @Option(help: ArgumentHelp("\(Precision.help.abstract) By default what the model was trained in, where it can be."))
  var precision: Precision?

  @OptionGroup var loader: LoaderOptions

  @OptionGroup var resolution: ResolutionOptions

  @Option(help: "What to write beside the heatmaps: residual, the calibrated reconstruction error (SCAN.residual.tif).")
  var keep: [KeptFile] = []

  @Option(
    help: ArgumentHelp(
      "Smaller regions are left out: 5mm2, or 12px in pixels of the scan. Never less than the 12 pixels of the model's "
        + "grid it was calibrated with; scans of unknown pixel size keep to those.", valueName: "area"))
  var minimumRegionArea: String?

  func validate() throws {
    try precision?.validate()
    if let minimumRegionArea, RegionArea(minimumRegionArea) == nil {
      throw ValidationError(
        "--minimum-region-area is '\(minimumRegionArea)'; a positive number with its unit, such as 5mm2 or 12px, is "
          + "expected.")
    }
    guard falsePositiveRate > 0, falsePositiveRate < 1 else {
      throw ValidationError("--false-positive-rate is \(falsePositiveRate); a share between 0 and 1 is expected.")
    }
  }

  func run() throws {
    Interruption.listen()
    var terminal = Terminal()
    let result = try Analysis(
      study: study, model: model, output: output ?? Self.defaultOutput(study), falsePositiveRate: falsePositiveRate,
      score: score, keptFiles: keep,
      precision: precision, minimumRegionArea: minimumRegionArea.flatMap { RegionArea($0) }, limits: loader.limits,
      resolution: resolution.chosen
    ).run(terminal: &terminal)
    print(result.summary)
    if result.failedScans > 0 { throw ExitCode(ExitStatus.failed) }
  }

  static func defaultOutput(_ study: String) -> String {
    "Reports/" + URL(fileURLWithPath: study).standardizedFileURL.lastPathComponent
  }
}

/// One pass over a study; shared by `analyze` and `demo`.
struct Analysis {
  let study: String
  let model: String
  let output: String
  let falsePositiveRate: Double
  var score = Score.ensemble
  var keptFiles: [KeptFile] = []
  /// `nil` for that of the model.
  var precision: Precision?
  /// `nil` for what the model was calibrated with.
  var minimumRegionArea: RegionArea?
  var limits = TIFFLimits.default
  var resolution = Resolution()

  struct Outcome {
    var output: String
    var cases = 0
    var current = 0
    /// Cases recorded by this run.
    var recorded = 0
    var flagged = 0
    var scans = 0
    var slides = 0
    var failedScans = 0
    var seconds = 0.0
    var domain = ""

    var summary: String {
      func count(_ n: Int, _ word: String) -> String { "\(n) \(word)\(n == 1 ? "" : "s")" }
      return [
        "report   \(output)/index.html",
        "index    \(output)/cases.sqlite",
        "cases    \(cases), \(flagged) flagged" + (current > 0 ? ", \(current) unchanged since the last run" : ""),
        "scans    \(count(scans, "scan")) computed in \(Terminal.duration(seconds)), \(failedScans) failed",
        "domain   \(domain)",
      ].joined(separator: "\n")
    }
  }

  func run(terminal: inout Terminal) throws -> Outcome {
    let start = Date()
    var trained = try Model(path: model)
    let own = trained.preparation
    trained.preparation = resolution.applied(to: own)
    let study = try Study(path: study)
    for note in study.notes { terminal.say(note) }
    let precision = precision ?? trained.precision
    let engine = try Engine(precision: precision)
    let scorer = try Scorer(trained, path: model, score: score, engine: engine)
    let modelDigest = Study.digest(ofFile: model) ?? ""
    var context = context(of: trained, calibration: scorer.calibration, precision: precision, digest: modelDigest)
    let lock = try WritingRight.take(report: output, makingFolder: true)
    defer { lock.release() }
    var report = try Report(
      writingTo: output, context: context, toolVersion: Norma.version,
      modelSHA256: modelDigest, studyPath: self.study, cases: study.cases.map(\.name))
    var outcome = Outcome(output: output)
    outcome.cases = study.cases.count

    do {
      try analyzeCases(
        of: study, model: trained, scorer: scorer, report: report, outcome: &outcome, terminal: &terminal)
    } catch let error as ComputeError where error == .interrupted {
      terminal.finish()
      let done = "after \(outcome.current + outcome.recorded) of \(outcome.cases) cases"
      let name = Stopped.name(of: Interruption.signal ?? SIGTERM)
      try report.stopStudy(context, because: "The last run was stopped \(done); run norma analyze again to go on.")
      throw Stopped(
        signal: Interruption.signal ?? SIGTERM,
        description: "\(output): stopped by \(name) \(done), which are kept. Run the same command again to go on.")
    } catch {
      // What is finished stays readable; on a full disk even this may fail, and the first error says why.
      try? report.finishStudy(context, .failed)
      throw error
    }
    let failed = try report.index.failedScans().count
    outcome.failedScans = failed
    outcome.flagged = try report.index.cases(flaggedOnly: true).count
    outcome.seconds = Date().timeIntervalSince(start)
    let domain = try DomainComparison(model: trained).compare(study, in: report.index)
    outcome.domain = domain.summary
    context.domainShift = domain.warning
    let notes =
      [
        domain.strangeCases, try noteOnPixelSize(report.index), resolution.note(on: own),
        scorer.calibration.mismatch(slides: outcome.slides, others: outcome.scans - outcome.slides),
      ].compactMap { $0 }
      + (try report.index.incompleteScans()).map { SourceScan.incompleteness($0.path, share: $0.share) }
    context.warnings += study.notes + notes
    for text in [domain.warning].compactMap({ $0 }) + notes { terminal.say("warning: \(text)") }
    context.provenance.append(.init("Domain shift", domain.summary))
    context.provenance.append(.init("Duration", Terminal.duration(outcome.seconds)))
    try report.finishStudy(context)
    return outcome
  }

  private func analyzeCases(
    of study: Study, model: Model, scorer: Scorer, report: Report, outcome: inout Outcome, terminal: inout Terminal
  ) throws {
    for (index, item) in study.cases.enumerated() {
      try Interruption.check()
      terminal.update(
        "case \(index + 1) of \(study.cases.count): \(item.name)", fraction: Double(index) / Double(study.cases.count))
      let digests = item.files.reduce(into: [String: String]()) { result, file in
        if let digest = Study.digest(ofFile: study.path + "/" + file) { result[file] = digest }
      }
      if digests.count == item.files.count, try report.isCurrent(caseNamed: item.name, digests: digests) {
        outcome.current += 1
        continue
      }
      let sources = study.scans(of: item, reading: model.preparation.reading(limits: limits))
      let result: CaseResult
      try report.beginCase(named: item.name)
      do {
        result = try analyze(
          item, sources: sources, model: model, scorer: scorer, report: report, terminal: &terminal)
        try report.finishCase(result)
      } catch {
        report.abandonCase(named: item.name)
        throw error
      }
      outcome.recorded += 1
      outcome.scans += result.scans.count
      outcome.slides += sources.count { if case .success(.slide) = $0.content { true } else { false } }
    }
    terminal.update("\(study.cases.count) cases done", fraction: 1, isLast: true)
    terminal.finish()
  }

  private func analyze(
    _ item: Study.Case, sources: [SourceScan], model: Model, scorer: Scorer, report: Report, terminal: inout Terminal
  ) throws -> CaseResult {
    var readable: [Int] = []
    var pictures: [Image] = []
    var outcomes: [Int: ScanResult.Outcome] = [:]
    for (index, source) in sources.enumerated() {
      switch source.content {
      case .success(.image(let image)):
        readable.append(index)
        pictures.append(image)
      case .success(.slide(let slide)):
        do {
          let prepared = model.preparation.prepare(try model.preparation.sample(slide))
          outcomes[index] = .done(
            try analyze(
              prepared, named: source.name, of: item, scorer: scorer, report: report, terminal: &terminal))
        } catch let fault as ScanFault { outcomes[index] = .failed(reason: fault.description) }
      case .failure(let fault): outcomes[index] = .failed(reason: fault.description)
      }
    }
    let prepared = model.preparation.prepare(pictures)
    // A few scans at a time: enough to fill the network's batches, few enough to hold their layers in memory.
    let group = 16
    for first in stride(from: 0, to: readable.count, by: group) {
      try Interruption.check()
      let members = first..<min(first + group, readable.count)
      let results = try scorer.analyze(
        Array(pictures[members]), prepared: Array(prepared[members]), rate: falsePositiveRate,
        minimumArea: minimumRegionArea)
      _ = try Parallel.map(results.count) { k in
        let name = sources[readable[members.lowerBound + k]].name
        try report.writeScan(results[k].layers, name: name, inCase: item.name)
      }
      for (member, result) in zip(members, results) {
        let base = sources[readable[member]].base
        outcomes[readable[member]] = .done(base.map { result.findings.scaled(to: $0) } ?? result.findings)
      }
    }
    let scans = sources.enumerated().map { index, source in
      let outcome = outcomes[index]!
      if case .failed(let reason) = outcome { terminal.say("failed: \(reason)") }
      return ScanResult(
        name: source.name, path: source.path, page: source.page, sha256: source.sha256, outcome: outcome)
    }
    let scores = scans.compactMap { scan in if case .done(let findings) = scan.outcome { findings.score } else { nil } }
    let score = scores.max()
    let calibration = scorer.calibration
    let pValue = score.map { Calibration.pValue($0, among: calibration.caseScores) }
    let appearances = scans.compactMap { scan in
      if case .done(let findings) = scan.outcome { findings.appearance } else { nil }
    }
    let appearance = appearances.isEmpty ? nil : Appearance(of: appearances)
    let domain = appearance.flatMap { DomainComparison(model: model).outcome(ofCase: $0) }
    return CaseResult(
      name: item.name, scans: scans, score: score, pValue: pValue,
      flagged: pValue.map { calibration.isFlagged(pValue: $0, rate: falsePositiveRate) } ?? false,
      appearance: appearance, domainShiftP: domain?.pValue, domainShift: domain.flatMap { DomainShift.warning($0) })
  }

  /// Scores a slide while it is read, and writes its maps and pictures.
  ///
  /// - Throws: `ScanFault` where it cannot be read.
  private func analyze(
    _ slide: PreparedSlide, named name: String, of item: Study.Case, scorer: Scorer, report: Report,
    terminal: inout Terminal
  ) throws -> ScanResult.Findings {
    let maps = try report.beginSlide(slide, named: name, inCase: item.name)
    let result = try scorer.analyze(
      slide, rate: falsePositiveRate, minimumArea: minimumRegionArea, longestEdge: ScanPictures.longestSide,
      take: { try maps.append($0) }
    ) { share in
      terminal.update("\(item.name): \(name)", fraction: share)
    }
    try report.finishSlide(maps, result.layers, named: name, inCase: item.name)
    return result.findings
  }

  /// Where areas cannot be told, a least area in square millimeters does nothing.
  private func noteOnPixelSize(_ index: CaseIndex) throws -> String? {
    guard let area = minimumRegionArea, area.unit == .squareMillimeters else { return nil }
    let count = try index.scansWithoutPixelSize()
    guard count > 0 else { return nil }
    return
      "\(count) scan\(count == 1 ? " does" : "s do") not say how large a pixel is; regions smaller than \(area) were "
      + "not left out there."
  }

  private func context(
    of model: Model, calibration c: Calibration, precision: Precision, digest: String
  ) -> StudyContext {
    let r = model.record
    let rule = model.book.rule
    let rate = c.attainableRate(falsePositiveRate)
    var warnings = r.warnings
    if rate > falsePositiveRate {
      warnings.append(
        String(
          format: "The false-positive rate is %.1f %%, not %.1f %%: the model was calibrated on %d cases only.",
          rate * 100, falsePositiveRate * 100, c.caseScores.count))
    }
    let weights = rule.channelWeights.map { "channel weights \($0.map { "\($0)" }.joined(separator: ", "))" }
    var result = StudyContext(
      title: URL(fileURLWithPath: study).standardizedFileURL.lastPathComponent,
      scoring:
        "norma \(Norma.version); score \(score.rawValue); \(precision.rawValue); "
        + "false-positive rate \(falsePositiveRate); domain shift; regions with p"
        + "; slides from \(ScanReading().largestWhole) pixels" + resolution.text
        + (limits.toleratedMissing > 0 ? "; tolerates \(limits.toleratedMissing) missing" : "")
        + (minimumRegionArea.map { "; regions from \($0)" } ?? ""),
      threshold: c.regionThreshold(rate: falsePositiveRate), falsePositiveRate: rate,
      calibrationScores: c.caseScores, scoreThreshold: c.caseThreshold(rate: falsePositiveRate),
      display: rule.channelWeights == nil && model.preparation.channels == 3 ? .color : .channels, warnings: warnings,
      provenance: [
        .init("norma", Norma.version), .init("Study", study), .init(Self.modelFact, self.model),
        .init("Model SHA-256", digest),
        .init(
          "Trained on",
          "\(r.trainingCases) cases, \(r.heldOutCases.count) held out; \(r.steps) steps, seed \(r.seed)"),
        .init("Training set SHA-256", r.trainingSetSHA256),
        .init("Normalization", "\(model.preparation.normalization.method), \(model.preparation.gridDescription)"),
        .init("Score", "\(Self.members(model.book, score)); \(weights ?? "any direction"), \(rule.polarity.rawValue)"),
        .init("Command", CommandLine.arguments.joined(separator: " ")),
        .init(Self.precisionFact, precision.rawValue),
        .init("Compute", "\(Engine.description), \(Parallel.threads) threads"),
        .init("Started", Date().formatted(.iso8601)),
      ])
    result.keepsResidual = keptFiles.contains(.residual)
    result.modelSHA256 = digest
    result.emphasis = rule.emphasis(channels: model.preparation.channels)
    return result
  }

  /// What a score is made of, in words.
  private static func members(_ book: ScoreBook, _ score: Score) -> String {
    guard score == .ensemble else { return score.rawValue }
    let parts = book.weights.sorted { ($0.value, $1.key.rawValue) > ($1.value, $0.key.rawValue) }
    return "ensemble of "
      + parts.map { String(format: "%.0f %% %@", $0.value * 100, $0.key.rawValue) }.joined(separator: ", ")
  }

  /// Names of the provenance lines under which `evaluate` finds the model and its precision again.
  static let modelFact = "Model file"
  static let precisionFact = "Precision"
}

extension Score: ExpressibleByArgument {}

/// What `analyze` writes beside the heatmaps where it is asked to.
enum KeptFile: String, ExpressibleByArgument, CaseIterable { case residual }
