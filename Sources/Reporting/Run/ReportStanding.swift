import Files
import GRDB

/// Whether a report's results are those of one run that came to its end. After a run that was stopped or killed, cases
/// may be missing, and others may have been judged by an earlier run under other settings.
package struct ReportStanding: Sendable, Equatable {
  /// Names of the cases of the study that the latest run would judge otherwise.
  package let outdated: [String]
  /// A clause that says so; `nil` without such cases.
  package let outdatedClause: String?
  /// Whether the latest run may be at work still.
  package let isAtWork: Bool
  /// Sentences about it; none where all is well.
  package let warnings: [String]
}

extension CaseIndex {
  /// - Parameter state: what the latest run is about to be recorded as; `nil` takes what is recorded.
  package func standing(as state: Status? = nil) throws(NormaError) -> ReportStanding {
    guard let run = try latestRun() else {
      return ReportStanding(outdated: [], outdatedClause: nil, isAtWork: false, warnings: [])
    }
    let state = state ?? run.status
    guard let latest = try? run.context else {
      let warning = "The settings of the last run are not what norma writes. Run norma analyze again."
      return ReportStanding(outdated: [], outdatedClause: nil, isAtWork: state == .running, warnings: [warning])
    }
    let earlier = try earlierRuns(than: run)
    // Most reports have one run, and need no look at their cases.
    let cases = earlier.isEmpty ? [] : try cases(sort: .name).filter { $0.status == .done }
    var outdated: [String] = []
    var changes: [String] = []
    for row in cases {
      guard let other = earlier[row.runID], other.modelSHA256 != run.modelSHA256 || other.context.judges(unlike: latest)
      else { continue }
      outdated.append(row.name)
      if changes.isEmpty { changes = latest.changes(since: other.context) }
    }
    var clause: String?
    if !outdated.isEmpty {
      let differences = changes.isEmpty ? "" : " (\(changes.joined(separator: "; ")))"
      clause =
        Count.of(outdated.count, "case was", "cases were")
        + " judged by an earlier run under other settings\(differences): \(NameList.text(outdated))"
    }
    let remedy =
      state == .running ? "Where the last run was killed, run norma analyze again." : "Run norma analyze again."
    return ReportStanding(
      outdated: outdated, outdatedClause: clause, isAtWork: state == .running,
      warnings: [clause.map { "\($0). \(remedy)" }, Self.ending(state, of: latest), shardsSinceMerge(latest)]
        .compactMap { $0 })
  }

  /// The sentence on shards that were analyzed again since they were merged into this index.
  private func shardsSinceMerge(_ context: StudyContext) -> String? {
    guard let merged = context.mergedRuns else { return nil }
    let folder = ReportFolder(FilePath.folder(of: path))
    let newer = folder.shardsFound.filter { shard in
      let index = try? CaseIndex(readingFrom: ReportFolder(folder.path, shard: shard).index, sharing: .network)
      guard let run = try? index?.latestRun() else { return false }
      return run.id != merged[shard.number]
    }
    guard !newer.isEmpty else { return nil }
    return
      "After the merge, shard \(newer.map { "\($0)" }.joined(separator: ", ")) ran again: its heatmaps and pages may be newer "
      + "than what is listed here. Run norma merge again."
  }

  /// The sentence on a run that did not come to its end.
  private static func ending(_ state: Status, of context: StudyContext) -> String? {
    switch state {
    case .running:
      return
        "The last run is still at work, or was killed: cases of the study may be missing. Where it was killed, run "
        + "norma analyze again."
    case .stopped:
      // The run itself said how far it came.
      return context.warnings.last
    case .failed:
      return context.record?.shards == nil
        ? "The last run ended with an error: cases of the study may be missing. Run norma analyze again."
        : "The merge could not make sure that all cases of the study are in it; its page says why."
    case .done, .empty: return nil
    }
  }

  /// The runs before this one that scored cases, with their contexts. Those whose context is not what norma writes are
  /// left out; `verify` names them.
  private func earlierRuns(
    than run: RunRow
  ) throws(NormaError) -> [Int64: (modelSHA256: String, context: StudyContext)] {
    try read { database in
      try RunRow.fetchAll(
        database, sql: "SELECT * FROM runs WHERE id IN (SELECT run_id FROM cases) AND id <> ?", arguments: [run.id]
      ).reduce(into: [:]) { found, row in
        if let context = try? row.context { found[row.id] = (row.modelSHA256, context) }
      }
    }
  }
}

extension StudyContext {
  /// Whether verdicts by this context may differ from those by another, apart from how they are drawn.
  fileprivate func judges(unlike other: StudyContext) -> Bool {
    if let results, let others = other.results { return results != others }
    return falsePositiveRate != other.falsePositiveRate || threshold != other.threshold
  }
}
