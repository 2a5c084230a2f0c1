import Files
import Reporting

/// The progress of every shard of a report.
package struct StudyStatus {
  package struct Line: Encodable, Equatable {
    package var shard: String
    /// `done`, `failed`, `stopped`, `running`, `killed` or `not begun`; for a waiting shard Slurm's own word, such as
    /// `pending`.
    package var state: String
    package var done: Int
    /// Number of cases; `nil` before the shard's first run.
    package var cases: Int?
    package var failedScans: Int
    /// Number of recorded cases that left the study.
    package var absent: Int
    /// Scans in which there is nothing to score.
    package var emptyScans: Int
    package var startedAt: String?
    package var finishedAt: String?
  }

  package let lines: [Line]
  /// The report's jobs that still wait or run; `nil` where none were submitted to Slurm, or Slurm cannot be asked.
  let queue: [Slurm.QueuedTask]?

  /// - Throws: `NormaError` where the folder has no shards.
  package init(of report: String) throws {
    let folder = ReportFolder(report)
    let jobs = Slurm.Jobs.read(inFolder: report + "/slurm")
    var shards = try ShardProgress.all(in: folder)
    if shards.isEmpty, let jobs {
      shards = (1...jobs.shards).compactMap { Shard(number: $0, of: jobs.shards).map(ShardProgress.init(waiting:)) }
    }
    guard !shards.isEmpty else {
      throw NormaError(
        subject: report, found: "it holds no shards",
        remedy: "Run norma analyze with --shard K/N, or norma slurm, first")
    }
    // Where Slurm cannot be asked, only the indexes are read.
    let queue = jobs.flatMap { try? Slurm.queue(of: $0) }
    self.queue = queue
    let states = jobs.flatMap { jobs in queue.map { Slurm.states(ofArray: jobs.array, in: $0) } }
    lines = shards.map { shard in
      Line(
        shard: "\(shard.shard)", state: Self.state(shard, queued: states?[shard.shard.number], isKnown: states != nil),
        done: shard.done, cases: shard.cases, failedScans: shard.failedScans, absent: shard.absent,
        emptyScans: shard.emptyScans, startedAt: shard.startedAt, finishedAt: shard.finishedAt)
    }
  }

  /// After a run was killed, its index still says `running`. If Slurm started the run, Slurm's state is used instead.
  private static func state(_ shard: ShardProgress, queued: String?, isKnown: Bool) -> String {
    switch queued {
    case "RUNNING"?, "COMPLETING"?: return shard.status == .done ? "done" : "running"
    case let state?: return state.lowercased()
    case nil: break
    }
    switch shard.status {
    case nil: return "not begun"
    case .running? where isKnown: return "killed"
    case let status?: return status.rawValue
    }
  }

  /// Summary such as `3 of 4 shards done, 1 running; 120 of 160 cases`.
  package var summary: String {
    let counts = Dictionary(grouping: lines, by: \.state).mapValues(\.count)
    let others = counts.filter { $0.key != "done" }.sorted { $0.key < $1.key }.map { ", \($0.value) \($0.key)" }
    let all = lines.compactMap(\.cases)
    let done = lines.reduce(0) { $0 + $1.done }
    let cases =
      all.count == lines.count ? "\(done) of \(Count.of(all.reduce(0, +), "case"))" : Count.of(done, "case")
    let absent = lines.reduce(0) { $0 + $1.absent }
    return "\(counts["done"] ?? 0) of \(Count.of(lines.count, "shard")) done\(others.joined()); \(cases)"
      + (absent > 0 ? "; \(Count.of(absent, "case")) no longer in the study" : "")
  }
}
