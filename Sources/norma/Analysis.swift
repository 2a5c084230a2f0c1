import Anomaly
import Compute
import Foundation
import Imaging
import Logging
import Reporting
import Threads

/// One pass over a study; shared by `analyze` and `demo`.
struct Analysis {
  let study: String
  let model: String
  let output: String
  /// `nil` for the whole study.
  var shard: Shard?
  let falsePositiveRate: Double
  var score = Score.ensemble
  var keptFiles: [KeptFile] = []
  var keepsMetadata = false
  /// `nil` for that of the model.
  var precision: Precision?
  /// `nil` for what the model was calibrated with.
  var minimumRegionArea: RegionArea?
  var limits = TIFFLimits.default
  var memory = MemoryBudget.unlimited
  var resolution = Resolution()

  struct Outcome {
    var output: String
    var shard: Shard?
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

    /// For machines, which need not read the summary.
    var facts: Logger.Metadata {
      [
        "path": "\(output)", "cases": .stringConvertible(cases), "unchanged": .stringConvertible(current),
        "flagged": .stringConvertible(flagged), "scans": .stringConvertible(scans),
        "failed": .stringConvertible(failedScans), "seconds": .stringConvertible(seconds),
      ]
    }

    var summary: String {
      [
        shard.map { "shard    \($0) of \(output); norma merge \(output) puts all together" }
          ?? "report   \(output)/index.html\nindex    \(output)/cases.sqlite",
        "cases    \(cases), \(flagged) flagged" + (current > 0 ? ", \(current) unchanged since the last run" : ""),
        "scans    \(PageText.count(scans, "scan")) computed in \(Terminal.duration(seconds)), \(failedScans) failed",
        shard == nil ? "domain   \(domain)" : nil,
      ].compactMap { $0 }.joined(separator: "\n")
    }
  }

  func run(line: inout ProgressLine) throws -> Outcome {
    let start = Date()
    var trained = try Model(path: model)
    let own = trained.preparation
    trained.preparation = resolution.applied(to: own)
    let whole = try Study(path: study)
    let study =
      shard.map { shard in whole.part { shard.contains(caseNamed: $0.name) } } ?? whole
    for note in whole.notes { Logger.norma.warning("\(note)") }
    let precision = precision ?? trained.precision
    let engine = try Engine(precision: precision)
    let scorer = try Scorer(trained, path: model, score: score, engine: engine)
    let modelDigest = Study.digest(ofFile: model) ?? ""
    var context = context(of: trained, by: scorer, precision: precision, digest: modelDigest)
    context.shard = shard.map {
      ShardFacts(
        shard: $0, cases: study.cases.count, score: score.rawValue, minimumRegionArea: minimumRegionArea?.description,
        resolutionNote: resolution.note(on: own))
    }
    let lock = try WritingRight.take(report: output, shard: shard, makingFolder: true)
    defer { lock.release() }
    var report = try Report(
      writingTo: output, shard: shard, sharing: lock.sharing(of: shard), context: context, toolVersion: Norma.version,
      modelSHA256: modelDigest, studyPath: self.study, cases: whole.cases.map(\.name))
    var outcome = Outcome(output: output, shard: shard)
    outcome.cases = study.cases.count

    do {
      try analyzeCases(
        of: study, model: trained, scorer: scorer, report: report, outcome: &outcome, line: &line)
    } catch let stop as Stopped {
      Terminal.endLine()
      let done = "after \(outcome.current + outcome.recorded) of \(outcome.cases) cases"
      let name = Stopped.name(of: stop.signal)
      try report.stopStudy(context, because: "The last run was stopped \(done); run norma analyze again to go on.")
      throw Stopped(
        signal: stop.signal,
        description: "\(output): stopped by \(name) \(done), which are kept. Run the same command again to go on.")
    } catch {
      // What is finished stays readable; on a full disk even this may fail, and the first error says why.
      if shard == nil { try? report.finishStudy(context, .failed) } else { try? report.finishShard(context, .failed) }
      throw error
    }
    let counts = try report.index.counts(falsePositiveRate: context.falsePositiveRate)
    (outcome.failedScans, outcome.flagged) = (counts.failedScans, counts.flaggedCases)
    outcome.seconds = Date().timeIntervalSince(start)
    let shown = Terminal.duration(outcome.seconds)
    guard shard == nil else {
      context.shard?.slides = outcome.slides
      context.shard?.others = outcome.scans - outcome.slides
      context.provenance.append(.init("Duration", shown))
      try report.finishShard(context)
      return outcome
    }
    let closing = StudyClosing(
      model: trained, score: score, slides: outcome.slides, others: outcome.scans - outcome.slides,
      minimumRegionArea: minimumRegionArea, resolutionNote: resolution.note(on: own))
    outcome.domain = try closing.add(to: &context, from: report.index, cases: Set(study.cases.map(\.name)))
    context.warnings += whole.notes
    context.provenance.append(.init("Duration", shown))
    try report.finishStudy(context)
    return outcome
  }

  private func analyzeCases(
    of study: Study, model: Model, scorer: Scorer, report: Report, outcome: inout Outcome, line: inout ProgressLine
  ) throws {
    for (index, item) in study.cases.enumerated() {
      try Interruption.check()
      line.update(
        "case \(index + 1) of \(study.cases.count): \(item.name)", fraction: Double(index) / Double(study.cases.count),
        metadata: ["case": "\(item.name)"])
      let found = Parallel.map(item.files.count) { Study.digest(ofFile: study.path + "/" + item.files[$0]) }
      let digests = zip(item.files, found).reduce(into: [String: String]()) { $0[$1.0] = $1.1 }
      if digests.count == item.files.count, try report.isCurrent(caseNamed: item.name, digests: digests) {
        outcome.current += 1
        continue
      }
      let pictures = CasePictures(
        of: item, in: study, reading: reading(for: model, by: scorer), for: scorer, budget: memory)
      let result: CaseResult
      try report.beginCase(named: item.name)
      do {
        result = try analyze(
          item, pictures: pictures, model: model, scorer: scorer, report: report, line: &line)
        try report.finishCase(result)
      } catch {
        report.abandonCase(named: item.name)
        throw error
      }
      outcome.recorded += 1
      outcome.scans += result.scans.count
      outcome.slides += pictures.sources.count { if case .slide = $0.content { true } else { false } }
    }
    line.update("\(study.cases.count) cases done", fraction: 1, isLast: true)
    Terminal.endLine()
  }

  private func analyze(
    _ item: Study.Case, pictures: CasePictures, model: Model, scorer: Scorer, report: Report, line: inout ProgressLine
  ) throws -> CaseResult {
    let sources = pictures.sources
    var outcomes: [Int: ScanResult.Outcome] = [:]
    for (index, source) in sources.enumerated() {
      switch source.content {
      case .picture: break
      case .slide(let slide):
        do {
          let prepared = model.preparation.prepare(try model.preparation.survey(slide))
          if let fault = memory.fault(of: prepared) { throw fault }
          outcomes[index] = .done(
            try analyze(
              prepared, named: source.name, of: item, scorer: scorer, report: report, line: &line))
        } catch let fault as ScanFault { outcomes[index] = Self.failure(of: source.name, in: item, fault) }
      case .failed(let fault): outcomes[index] = Self.failure(of: source.name, in: item, fault)
      }
    }
    do {
      try pictures.forEachGroup { members, images, prepared in
        try Interruption.check()
        let results = try scorer.analyze(
          images, prepared: prepared, rate: falsePositiveRate, minimumArea: minimumRegionArea)
        _ = try Parallel.map(results.count) { k in
          try report.writeScan(results[k].layers, name: sources[members[k]].name, inCase: item.name)
        }
        for (member, result) in zip(members, results) {
          outcomes[member] = .done(sources[member].base.map { result.findings.scaled(to: $0) } ?? result.findings)
        }
      }
    } catch let fault as ScanFault {
      // A file was changed between its two readings: the scans that were not scored by then fail with it.
      for (index, source) in sources.enumerated() where outcomes[index] == nil {
        outcomes[index] = Self.failure(of: source.name, in: item, fault)
      }
    }
    let scans = sources.enumerated().map { index, source in
      ScanResult(
        name: source.name, path: source.path, page: source.page, sha256: source.sha256, outcome: outcomes[index]!,
        metadata: source.metadata)
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

  private func reading(for model: Model, by scorer: Scorer) -> ScanReading {
    var reading = model.preparation.reading(limits: limits)
    reading.keepsMetadata = keepsMetadata
    if model.preparation.localContrast == nil {
      reading.largestWhole = memory.largestWhole(for: scorer)
    }
    return reading
  }

  private static func failure(of scan: String, in item: Study.Case, _ fault: ScanFault) -> ScanResult.Outcome {
    Logger.norma.error(
      "\(fault)",
      metadata: Logger.facts(of: fault).merging(["case": "\(item.name)", "scan": "\(scan)"]) { $1 })
    return .failed(reason: fault.description)
  }

  /// Scores a slide while it is read, and writes its maps and pictures.
  ///
  /// - Throws: `ScanFault` where it cannot be read.
  private func analyze(
    _ slide: PreparedSlide, named name: String, of item: Study.Case, scorer: Scorer, report: Report,
    line: inout ProgressLine
  ) throws -> ScanResult.Findings {
    let maps = try report.beginSlide(slide, named: name, inCase: item.name)
    let result = try scorer.analyze(
      slide, rate: falsePositiveRate, minimumArea: minimumRegionArea, longestEdge: ScanPictures.longestSide,
      take: { try maps.append($0) }
    ) { share in
      line.update(
        "\(item.name): \(name)", fraction: share, metadata: ["case": "\(item.name)", "scan": "\(name)"])
    }
    try report.finishSlide(maps, result.layers, named: name, inCase: item.name)
    return result.findings
  }

  private func context(
    of model: Model, by scorer: Scorer, precision: Precision, digest: String
  ) -> StudyContext {
    let c = scorer.calibration
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
        + "; slides from \(reading(for: model, by: scorer).largestWhole) pixels" + resolution.text
        + (limits.toleratedMissing > 0 ? "; tolerates \(limits.toleratedMissing) missing" : "")
        + (keepsMetadata ? "; metadata" : "") + (minimumRegionArea.map { "; regions from \($0)" } ?? ""),
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
