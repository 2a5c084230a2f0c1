import ArgumentParser
import Files
import Foundation
import Reporting

struct StatusCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say how far the shards of a report are.",
    discussion: """
      From the shards' indexes, which may be written meanwhile, on any machine; and from Slurm, where norma slurm submitted \
      them and squeue is there.
      """)

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"))
  var report: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var log: LogOptions

  func run() throws {
    let status = try StudyStatus(of: report)
    print(json ? try status.json() : status.text)
  }
}

/// How far every shard of a report is.
struct StudyStatus {
  struct Line: Encodable, Equatable {
    var shard: String
    /// `done`, `failed`, `stopped`, `running`, `killed` or `not begun`, or what Slurm says of one that waits, `pending` say.
    var state: String
    var done: Int
    /// Unknown before a shard's first run.
    var cases: Int?
    var failedScans: Int
    var startedAt: String?
    var finishedAt: String?
  }

  let lines: [Line]
  /// What Slurm has left of the report's jobs; `nil` where Slurm submitted none or cannot be asked.
  let queue: [Slurm.QueuedTask]?

  /// - Throws: `NormaError` where the folder has no shards.
  init(of report: String) throws {
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
    // Where Slurm cannot be asked, the indexes alone are.
    let queue = jobs.flatMap { try? Slurm.queue(of: $0) }
    self.queue = queue
    let states = jobs.flatMap { jobs in queue.map { Slurm.states(ofArray: jobs.array, in: $0) } }
    lines = shards.map { shard in
      Line(
        shard: "\(shard.shard)", state: Self.state(shard, queued: states?[shard.shard.number], isKnown: states != nil),
        done: shard.done, cases: shard.cases, failedScans: shard.failedScans, startedAt: shard.startedAt,
        finishedAt: shard.finishedAt)
    }
  }

  /// An index says `running` of a run that was killed; where Slurm started it, Slurm knows better.
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

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(lines), as: UTF8.self)
  }

  var text: String {
    let rows =
      [["shard", "state", "cases", "failed scans", "started", "finished"]]
      + lines.map {
        [
          $0.shard, $0.state, "\($0.done)" + ($0.cases.map { " of \($0)" } ?? ""), "\($0.failedScans)",
          $0.startedAt ?? "", $0.finishedAt ?? "",
        ]
      }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let table = rows.map { row in
      zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        .trimmingCharacters(in: .whitespaces)
    }
    return (table + [summary]).joined(separator: "\n")
  }

  /// `3 of 4 shards done, 1 running; 120 of 160 cases`
  var summary: String {
    let counts = Dictionary(grouping: lines, by: \.state).mapValues(\.count)
    let others = counts.filter { $0.key != "done" }.sorted { $0.key < $1.key }.map { ", \($0.value) \($0.key)" }
    let all = lines.compactMap(\.cases)
    let cases = "\(lines.reduce(0) { $0 + $1.done })" + (all.count == lines.count ? " of \(all.reduce(0, +))" : "")
    return "\(counts["done"] ?? 0) of \(lines.count) shards done\(others.joined()); \(cases) cases"
  }
}
