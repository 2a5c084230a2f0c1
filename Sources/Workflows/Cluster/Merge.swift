import Anomaly
import Files
import Foundation
import Reporting
import Threads

/// Merges the shards of a report.
package struct Merge {
  package struct Outcome: Sendable {
    package var report: String
    /// `shards` is the number of shards that were found, `count` the number into which the study was divided.
    package var shards: Int
    package var count: Int
    /// What the report holds; `nil` before the merge.
    package var counts: StudyCounts?
    /// The false-positive rate behind the flags, as one line.
    package var rate: String?
    /// Whether the report has every case of the study.
    package var isComplete = true
  }

  private let report: String
  private let model: String?
  private let study: String?
  private let observe: WorkflowObserver

  /// - Parameters:
  ///   - report: folder of the report.
  ///   - model: file of the model, if it has moved since the shards were analyzed.
  ///   - study: folder of the study, if it has moved since.
  package init(
    report: String, model: String? = nil, study: String? = nil, observe: @escaping WorkflowObserver = { _ in }
  ) {
    self.report = report
    self.model = model
    self.study = study
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
        let found = study(of: merge, context.record?.selection ?? StudySelection())
        let absent = try found.map { try index.mark(casesInStudy: $0.cases.map(\.name), in: merge.folder) } ?? []
        if let note = NameList.absent(absent) { observe(.warning("\(report): \(note)")) }
        let counts = try index.counts(falsePositiveRate: context.falsePositiveRate)
        outcome.counts = counts
        outcome.rate = context.rateInWords
        let names = try index.caseNames()
        let gaps = gaps(merge, found, known: names) + [try staleness(merge, index, found)].compactMap { $0 }
        context.warnings += gaps
        for text in gaps + context.ignorance { observe(.warning(text)) }
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
    let inputs = inputs(of: merge)
    // Domain shift is a warning, not a result, so shards are merged even if the model has moved.
    let path = model == nil ? try? inputs.model(given: nil) : try inputs.model(given: model)
    let known = try path.map { try Model(path: $0) }
    let closing = StudyClosing(
      model: known, score: context.results?.score ?? .ensemble,
      slides: facts.reduce(0) { $0 + $1.slides }, others: facts.reduce(0) { $0 + $1.others },
      minimumRegionArea: context.results?.minimumRegionArea.flatMap { RegionArea($0) },
      resolutionNote: facts.first?.resolutionNote, observe: observe)
    _ = try closing.add(to: &context, from: index, cases: names)
  }

  /// The cases that the shards were to analyze, as the study has them now; `nil` where it cannot be read.
  private func study(of merge: ShardMerge, _ selection: StudySelection) -> Study? {
    var files = selection
    files.cases = nil
    let study = try? Study(path: inputs(of: merge).study(given: self.study), taking: files)
    guard let cases = selection.cases.map(Set.init) else { return study }
    return study?.part { cases.contains($0.name) }
  }

  /// A sentence on the cases whose files are others than a shard read; `nil` without any. A file that nothing has touched
  /// since the first of the shards' runs began is not read: a run that goes on reads every file again.
  private func staleness(_ merge: ShardMerge, _ index: CaseIndex, _ found: Study?) throws -> String? {
    guard let found else { return nil }
    let begun = merge.parts.compactMap { try? Date($0.run.startedAt, strategy: .iso8601).timeIntervalSince1970 }.min()
    let recorded = try Dictionary(grouping: index.readFiles(), by: \.caseName)
    let names = found.cases.filter { item in
      guard let files = recorded[item.name] else { return false }
      guard Set(item.files) == Set(files.map(\.path)) else { return true }
      return files.contains { file in
        let path = "\(found.path)/\(file.path)"
        guard let digest = file.sha256, let state = FileState(ofFile: path) else { return false }
        return Double(state.changedAt) >= begun ?? 0 && Study.digest(ofFile: path) != digest
      }
    }.map(\.name)
    guard !names.isEmpty else { return nil }
    return
      "\(report): files of \(Count.of(names.count, "case")) have changed since a shard read them, so that what is shown is "
      + "of the old ones: \(NameList.text(names)). Run norma analyze of the shards again."
  }

  private func inputs(of merge: ShardMerge) -> RecordedInputs {
    RecordedInputs(report: report, run: merge.parts[0].run, record: merge.parts[0].context.record)
  }

  /// Sentences about missing shards and cases.
  private func gaps(_ merge: ShardMerge, _ found: Study?, known: Set<String>) -> [String] {
    let count = merge.parts[0].shard.count
    var gaps: [String] = []
    let absent = merge.absent.compactMap { Shard(number: $0, of: count) }
    if !absent.isEmpty {
      gaps.append("\(report): no run has begun \(Count.of(absent.count, "shard")): \(ShardMerge.names(absent)).")
    }
    let stopped = merge.unfinished.map(\.shard)
    if !stopped.isEmpty {
      gaps.append(
        "\(report): \(Count.of(stopped.count, "shard")) did not come to the end: \(ShardMerge.names(stopped)). Run "
          + "their norma analyze again.")
    }
    guard let found else {
      gaps.append(
        "\(study ?? merge.parts[0].run.studyPath): the study cannot be read from here, so that cases that no shard has go "
          + "unseen. Give its place with --study, or run norma merge where the shards ran.")
      return gaps
    }
    let missing = found.cases.map(\.name).filter { !known.contains($0) }
    if !missing.isEmpty {
      gaps.append(
        "\(report): no shard has \(Count.of(missing.count, "case")) of the study: \(NameList.text(missing)).")
    }
    return gaps
  }
}
