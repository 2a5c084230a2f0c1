import ArgumentParser
import Reporting
import Threads
import Workflows

struct MergeCommand: LoggedCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Put the shards of a report together.",
    discussion: CommandHelp.text(
      """
      Shards are what norma analyze --shard writes. Their indexes become cases.sqlite, which then equals that of one run \
      over the whole study, and the study's page is made. Run again it gives the same; shards of other models or settings \
      are refused by name. Cases that no shard has are named. The exit status is 1 if there are such cases, if a scan failed \
      or if a case was not examined.
      """, example: "norma merge Reports/NAME"))

  @Argument(help: ArgumentHelp("Folder of a report.", valueName: "report"), completion: .directory)
  var reportArgument: ReportArgument

  private var report: String { reportArgument.folder }

  @Option(help: "Model file, where it is not where the shards had it.", completion: .model)
  var model: String?

  @Option(help: "Folder of the study, where it is not where the shards had it.", completion: .directory)
  var study: String?

  @OptionGroup var failures: FailureOptions

  @OptionGroup(title: "Messages") var log: LogOptions

  func run() throws {
    Interruption.listen()
    let console = Console()
    let merged = try Merge(report: report, model: model, study: study, observe: console.show).run()
    console.print(
      "report   \(report)/index.html", "index    \(report)/cases.sqlite",
      "shards   \(merged.shards) of \(merged.count)", "cases    \(merged.counts.map(VerdictText.cases) ?? "none")")
    if let rate = merged.rate { console.print("rate     \(rate)") }
    if !merged.isComplete || merged.counts.map(failures.allow) == false { throw ExitCode(ExitStatus.failed) }
  }
}
