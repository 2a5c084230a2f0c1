import Anomaly
import Reporting
import Threads

/// Scores the scans of a case and writes their files into a report.
struct CaseScoring {
  private let study: Study
  private let model: Model
  private let scorer: Scorer
  private let report: Report
  private let settings: AnalyzeSettings
  private let judge: CaseJudge
  private let observe: WorkflowObserver

  init(
    study: Study, model: Model, scorer: Scorer, report: Report, settings: AnalyzeSettings,
    observe: @escaping WorkflowObserver
  ) {
    self.study = study
    self.model = model
    self.scorer = scorer
    self.report = report
    self.settings = settings
    self.observe = observe
    judge = CaseJudge(
      scorer.calibration, rate: settings.falsePositiveRate, shift: model.domain.flatMap { DomainShift($0) })
  }

  /// Reads the scans of a case; writes nothing.
  func pictures(of item: Study.Case) -> CasePictures {
    CasePictures(
      of: item, in: study, reading: settings.reading(for: model, by: scorer), for: scorer, budget: settings.memory)
  }

  /// - Parameter pictures: the scans of the case.
  /// - Returns: the verdict, and how many of the scans were scored piece by piece.
  /// - Throws: errors that end the run; a scan that fails is part of the result.
  func result(of item: Study.Case, _ pictures: CasePictures) throws -> (result: CaseResult, slides: Int) {
    let sources = pictures.sources
    var outcomes: [Int: ScanResult.Outcome] = [:]
    var slides = 0
    for (index, source) in sources.enumerated() {
      switch source.content {
      case .picture: break
      case .slide(let slide):
        do {
          let prepared = model.preparation.prepare(try model.preparation.survey(slide))
          if let reason = prepared.nothingToScore {
            outcomes[index] = .empty(reason)
            continue
          }
          if let fault = settings.memory.fault(of: prepared) { throw fault }
          outcomes[index] = .done(try findings(in: prepared, named: source.name, of: item))
          slides += 1
        } catch let fault as ScanFault { outcomes[index] = failure(of: source.name, in: item, fault) }
      case .empty(let reason): outcomes[index] = .empty(reason)
      case .failed(let fault): outcomes[index] = failure(of: source.name, in: item, fault)
      }
    }
    do {
      try pictures.forEachGroup { group in
        try Interruption.check()
        let results = try scorer.analyze(
          group, rate: settings.falsePositiveRate, minimumArea: settings.minimumRegionArea)
        _ = try Parallel.map(results.count) { [report] k in
          try report.writeScan(results[k].layers, name: sources[group.members[k]].name, inCase: item.name)
        }
        for (member, result) in zip(group.members, results) {
          outcomes[member] = .done(sources[member].base.map { result.findings.scaled(to: $0) } ?? result.findings)
        }
      }
    } catch let fault as ScanFault {
      // A file changed between its two readings. The scans that are not scored yet fail with it.
      for (index, source) in sources.enumerated() where outcomes[index] == nil {
        outcomes[index] = failure(of: source.name, in: item, fault)
      }
    }
    let scans = sources.enumerated().map { index, source in
      ScanResult(
        name: source.name, path: source.path, page: source.page, sha256: source.sha256, outcome: outcomes[index]!,
        metadata: source.metadata)
    }
    return (judge.verdict(on: item.name, scans: scans), slides)
  }

  private func failure(of scan: String, in item: Study.Case, _ fault: ScanFault) -> ScanResult.Outcome {
    observe(.failed(fault, caseName: item.name, scan: scan))
    return .failed(reason: fault.description)
  }

  /// Scores a slide while it is read, and writes its maps and pictures.
  ///
  /// - Throws: `ScanFault` where the slide cannot be read.
  private func findings(
    in slide: PreparedSlide, named name: String, of item: Study.Case
  ) throws -> ScanResult.Findings {
    let maps = try report.beginSlide(slide, named: name, inCase: item.name)
    let result = try scorer.analyze(
      slide, rate: settings.falsePositiveRate, minimumArea: settings.minimumRegionArea,
      longestEdge: ScanPictures.longestSide, take: { try maps.append($0) }
    ) { share in
      observe(.progress("\(item.name): \(name)", share, caseName: item.name, scan: name))
    }
    try report.finishSlide(maps, result.layers, named: name, inCase: item.name)
    return result.findings
  }
}
