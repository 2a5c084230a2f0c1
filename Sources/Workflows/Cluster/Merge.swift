import Anomaly
import Reporting
import Threads

/// Merges the shards of a report.
package struct Merge {
  package struct Outcome: Sendable {
    package var report: String
    /// `shards` is the number of shards that were found, `count` the number into which the study was divided.
    package var shards: Int
    package var count: Int
    package var cases = 0
    package var flagged = 0
    /// The false-positive rate behind the flags, as one line.
    package var rate: String?
    /// Whether the report has every case of the study.
    package var isComplete = true
  }

  private let report: String
  private let model: String?
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - report: folder of the report.
  ///   - model: file of the model, if it has moved since the shards were analyzed.
  package init(report: String, model: String? = nil, observe: @escaping WorkflowObserver = { _ in }) {
    self.report = report
    self.model = model
    self.observe = observe
  }

  /// - Throws: `Stopped` where the user stopped it, with nothing changed; `NormaError` where shards do not belong
  ///   together.
  package func run() throws -> Outcome {
    let lock = try WritingRight.take(report: report, observe: observe)
    defer { lock.release() }
    let merge = try ShardMerge(
      of: ReportFolder(report), sharing: lock.warning == nil ? .network : .networkWithoutLocks)
    var outcome = Outcome(report: report, shards: merge.parts.count, count: merge.parts[0].shard.count)
    try merge.write(
      toolVersion: ToolVersion.current,
      progress: { done in
        if let signal = Interruption.signal {
          throw Stopped(
            signal: signal,
            description: "\(report): the merge was stopped by \(Stopped.name(of: signal)); nothing changed.")
        }
        observe(
          .progress(
            "shard \(done + 1) of \(merge.parts.count)", Double(done) / Double(merge.parts.count)))
      },
      complete: { index, context in
        let counts = try index.counts(falsePositiveRate: context.falsePositiveRate)
        (outcome.cases, outcome.flagged) = (counts.cases, counts.flaggedCases)
        outcome.rate = context.rateInWords
        let names = try index.caseNames()
        let gaps = gaps(merge, known: names)
        context.warnings += gaps
        for gap in gaps { observe(.warning(gap)) }
        outcome.isComplete = gaps.isEmpty
        try close(merge, index, names, &context)
        return outcome.isComplete
      })
    return outcome
  }

  private func close(
    _ merge: ShardMerge, _ index: CaseIndex, _ names: Set<String>, _ context: inout StudyContext
  ) throws {
    let facts = merge.parts.compactMap(\.context.shard)
    let path = model ?? context.record?.model ?? ""
    // Domain shift is a warning, not a result, so shards are merged even if the model has moved.
    let known = Study.digest(ofFile: path) == context.modelSHA256 ? try Model(path: path) : nil
    let closing = StudyClosing(
      model: known, score: context.results?.score ?? .ensemble,
      slides: facts.reduce(0) { $0 + $1.slides }, others: facts.reduce(0) { $0 + $1.others },
      minimumRegionArea: context.results?.minimumRegionArea.flatMap { RegionArea($0) },
      resolutionNote: facts.first?.resolutionNote, observe: observe)
    _ = try closing.add(to: &context, from: index, cases: names)
  }

  /// Sentences about missing shards and cases.
  private func gaps(_ merge: ShardMerge, known: Set<String>) -> [String] {
    let count = merge.parts[0].shard.count
    var gaps: [String] = []
    let absent = merge.absent.compactMap { Shard(number: $0, of: count) }
    if !absent.isEmpty {
      gaps.append("\(report): no run has begun \(PageText.count(absent.count, "shard")): \(ShardMerge.names(absent)).")
    }
    let stopped = merge.unfinished.map(\.shard)
    if !stopped.isEmpty {
      gaps.append(
        "\(report): \(PageText.count(stopped.count, "shard")) did not come to the end: \(ShardMerge.names(stopped)). Run "
          + "their norma analyze again.")
    }
    let studyPath = merge.parts[0].run.studyPath
    guard let study = try? Study(path: studyPath) else {
      gaps.append(
        "\(studyPath): the study cannot be read from here, so that cases that no shard has go unseen. Run norma merge where "
          + "the shards ran.")
      return gaps
    }
    let missing = study.cases.map(\.name).filter { !known.contains($0) }
    if !missing.isEmpty {
      gaps.append(
        "\(report): no shard has \(PageText.count(missing.count, "case")) of the study: \(NameList.text(missing)).")
    }
    return gaps
  }
}
