import ArgumentParser
import Files
import Foundation
import Workflows

struct StatusCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Say how far the shards of a report are.",
    discussion: CommandHelp.text(
      """
      From the shards' indexes, which may be written meanwhile, on any machine; and from Slurm, where norma slurm submitted \
      them and squeue is there.
      """, example: "norma status Reports/NAME"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    let status = try StudyStatus(of: report)
    Console().print(json ? try ReadableJSON.text(status.lines) : status.text)
  }
}

extension StudyStatus {
  var text: String {
    let rows =
      [["shard", "state", "cases", "failed scans", "empty scans", "started", "finished"]]
      + lines.map {
        [
          $0.shard, $0.state, "\($0.done)" + ($0.cases.map { " of \($0)" } ?? ""), "\($0.failedScans)",
          "\($0.emptyScans)",
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
}
